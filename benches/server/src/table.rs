//! Measured points flow in; a Markdown table flows out.

use std::fmt::Write;

/// What was measured at each place, in rounds.
pub(crate) struct Series {
    name: &'static str,
    points: Vec<(f64, Vec<f64>)>,
}

impl Series {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, points: Vec::new() }
    }

    pub(crate) fn push(&mut self, x: f64, y: f64) {
        match self.points.iter_mut().find(|(place, _)| (place - x).abs() < f64::EPSILON) {
            Some((_, rounds)) => rounds.push(y),
            None => self.points.push((x, vec![y])),
        }
    }

    /// The lowest of the rounds: what else runs on the machine only adds.
    fn lowest(&self) -> Vec<(f64, f64)> {
        let lowest = |rounds: &[f64]| rounds.iter().copied().fold(f64::INFINITY, f64::min);
        self.points.iter().map(|(x, rounds)| (*x, lowest(rounds))).collect()
    }
}

/// CPU µs per request: a row for each place, a column for each series.
pub(crate) fn table(title: &str, unit: &str, series: &[Series]) -> String {
    let names: Vec<_> = series.iter().map(|series| series.name).collect();
    let mut table = format!("{title}, in µs:\n\n| {unit} | {} |\n", names.join(" | "));
    let _ = write!(table, "|---{}|", "|---".repeat(names.len()));
    let lowest: Vec<_> = series.iter().map(Series::lowest).collect();
    for (row, (x, _)) in lowest[0].iter().enumerate() {
        let _ = write!(table, "\n| {} |", label(*x));
        for series in &lowest {
            let _ = write!(table, " {:.1} |", series[row].1);
        }
    }
    table
}

fn label(value: f64) -> String {
    const KIB: f64 = 1024.0;
    const MIB: f64 = 1024.0 * 1024.0;
    let is_whole = |value: f64| value.fract() == 0.0;
    if value >= MIB && is_whole(value / MIB * 2.0) {
        format!("{} MiB", value / MIB)
    } else if value >= KIB && is_whole(value / KIB) {
        format!("{} KiB", value / KIB)
    } else {
        format!("{value}")
    }
}
