//! Measured points flow in; a plot as SVG and a table as Markdown flow out.

use std::fmt::Write;

pub struct Plot {
    pub title: &'static str,
    pub x: (&'static str, Axis),
    /// CPU µs per request.
    pub y: Axis,
    pub series: Vec<Series>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Linear,
    Logarithmic,
}

/// What was measured at each place, in rounds.
pub struct Series {
    name: &'static str,
    points: Vec<(f64, Vec<f64>)>,
}

impl Series {
    pub fn new(name: &'static str) -> Self {
        Self { name, points: Vec::new() }
    }

    pub fn push(&mut self, x: f64, y: f64) {
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

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 418.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 88.0;
const BOTTOM: f64 = 60.0;
/// Told apart by those, too, who tell few colours apart (Okabe and Ito).
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

impl Plot {
    pub fn table(&self) -> String {
        let names: Vec<_> = self.series.iter().map(|series| series.name).collect();
        let mut table = format!("{}, in µs:\n\n| {} | {} |\n", self.title, self.x.0, names.join(" | "));
        let _ = write!(table, "|---{}|", "|---".repeat(names.len()));
        let lowest: Vec<_> = self.series.iter().map(Series::lowest).collect();
        for (row, (x, _)) in lowest[0].iter().enumerate() {
            let _ = write!(table, "\n| {} |", label(*x));
            for series in &lowest {
                let _ = write!(table, " {:.1} |", series[row].1);
            }
        }
        table
    }

    pub fn svg(&self) -> String {
        let lowest: Vec<_> = self.series.iter().map(Series::lowest).collect();
        let points = || lowest.iter().flatten();
        let x = Scale::new(self.x.1, points().map(|point| point.0), (LEFT, WIDTH - RIGHT));
        let y = Scale::new(self.y, points().map(|point| point.1), (HEIGHT - BOTTOM, TOP));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{}</text>\n\
             <text x=\"{LEFT}\" y=\"42\" fill=\"#555\">CPU µs per request</text>\n\
             <text x=\"{}\" y=\"{}\" fill=\"#555\" text-anchor=\"end\">{}</text>\n",
            self.title,
            WIDTH - RIGHT,
            HEIGHT - 12.0,
            self.x.0
        );
        for tick in x.ticks() {
            let (at, bottom) = (x.place(tick), HEIGHT - BOTTOM);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{}\" \
                 text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                label(tick)
            );
        }
        for tick in y.ticks() {
            let (at, right) = (y.place(tick), WIDTH - RIGHT);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                label(tick)
            );
        }
        for (number, (series, colour)) in lowest.iter().zip(COLOURS).enumerate() {
            let places: Vec<_> = series.iter().map(|point| (x.place(point.0), y.place(point.1))).collect();
            let line: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            for (x, y) in places {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" fill=\"{colour}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                42 + 18 * number,
                self.series[number].name
            );
        }
        svg + "</svg>\n"
    }
}

/// From values to places on the page.
struct Scale {
    axis: Axis,
    values: (f64, f64),
    page: (f64, f64),
}

impl Scale {
    /// A linear one begins at 0.
    fn new(axis: Axis, values: impl Iterator<Item = f64> + Clone, page: (f64, f64)) -> Self {
        let highest = values.clone().fold(0.0, f64::max);
        let values = match axis {
            Axis::Linear => {
                let step = step(highest);
                (0.0, (highest / step).ceil() * step)
            }
            Axis::Logarithmic => {
                let lowest = values.fold(f64::INFINITY, f64::min);
                (10_f64.powf(lowest.log10().floor()), 10_f64.powf(highest.log10().ceil()))
            }
        };
        Self { axis, values, page }
    }

    fn place(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let share = match self.axis {
            Axis::Linear => (value - low) / (high - low),
            Axis::Logarithmic => (value / low).ln() / (high / low).ln(),
        };
        self.page.0 + share * (self.page.1 - self.page.0)
    }

    fn ticks(&self) -> Vec<f64> {
        let (low, high) = self.values;
        let next = |tick: &f64| match self.axis {
            Axis::Linear => tick + step(high),
            Axis::Logarithmic => tick * 10.0,
        };
        std::iter::successors(Some(low), |tick| Some(next(tick)))
            .take_while(|tick| *tick <= high * 1.001)
            .collect()
    }
}

/// 1, 2 or 5 of a power of ten, so that some 5 to 10 of them reach so far.
fn step(reach: f64) -> f64 {
    let power = 10_f64.powf((reach / 10.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| reach / step <= 10.0).unwrap_or(power)
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
