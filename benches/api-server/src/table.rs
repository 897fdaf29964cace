//! What was measured flows in, a Markdown table flows out.

use std::time::Duration;

use crate::variants::VARIANTS;

/// What one round measured of a variant.
pub(crate) struct Round {
    pub alone: Vec<Duration>,
    pub together: Vec<Duration>,
    /// Of kube-apiserver, for each create.
    pub cpu: Duration,
}

/// All rounds of a variant.
#[derive(Default)]
pub(crate) struct Measured {
    rounds: Vec<Round>,
}

impl Round {
    fn alone(&self) -> &[Duration] {
        &self.alone
    }

    fn together(&self) -> &[Duration] {
        &self.together
    }
}

impl Measured {
    pub(crate) fn push(&mut self, mut round: Round) {
        round.alone.sort_unstable();
        round.together.sort_unstable();
        self.rounds.push(round);
    }

    fn each(&self, figure: impl Fn(&Round) -> Duration) -> Vec<f64> {
        self.rounds.iter().map(|round| figure(round).as_secs_f64() * 1e3).collect()
    }
}

/// Medians of the rounds, in milliseconds. What is added is the median of the differences to the
/// first variant in the same round.
pub(crate) fn print(measured: &[Measured]) {
    println!(
        "| | calls | one at a time: p50 ms | added | ratio | p99 | 16 at a time: p50 ms | added | ratio | p99 \
         | CPU of kube-apiserver ms | added |"
    );
    println!("|---{}|", "|---".repeat(11));
    for (variant, of_variant) in VARIANTS.iter().zip(measured) {
        print!("| {} | {} |", variant.name, variant.calls);
        for times in [Round::alone, Round::together] {
            let p50 = |of: &Measured| of.each(|round| quantile(times(round), 50));
            let (own, reference) = (p50(of_variant), p50(&measured[0]));
            let ratio = median(&own) / median(&reference);
            let p99 = median(&of_variant.each(|round| quantile(times(round), 99)));
            print!(" {:.2} | {:.2} | {ratio:.2}× | {p99:.1} |", median(&own), added(&own, &reference));
        }
        let cpu = |of: &Measured| of.each(|round| round.cpu);
        let (own, reference) = (cpu(of_variant), cpu(&measured[0]));
        println!(" {:.2} | {:.2} |", median(&own), added(&own, &reference));
    }
}

fn added(own: &[f64], reference: &[f64]) -> f64 {
    let differences: Vec<f64> = own.iter().zip(reference).map(|(own, reference)| own - reference).collect();
    median(&differences)
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
