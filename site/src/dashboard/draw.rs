//! Panels and the series that answer them in, one picture out.

use std::error::Error;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;

use super::prometheus::Series;
use super::units::shown;

/// A panel with its answers.
pub(super) struct Answered<'a> {
    pub panel: &'a Value,
    pub series: Vec<Series>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Pixels of a column and of a row of the dashboard's grid, and between panels.
const COLUMN: i32 = 56;
const ROW: i32 = 34;
const GAP: i32 = 8;

const PAGE: RGBColor = RGBColor(244, 245, 247);
const INK: RGBColor = RGBColor(36, 41, 47);
const FAINT: RGBColor = RGBColor(110, 118, 129);
const GRID: RGBColor = RGBColor(225, 228, 232);
const COLOURS: [RGBColor; 8] = [
    RGBColor(47, 114, 200),
    RGBColor(217, 119, 6),
    RGBColor(22, 140, 90),
    RGBColor(200, 60, 70),
    RGBColor(124, 82, 190),
    RGBColor(12, 140, 150),
    RGBColor(190, 70, 140),
    RGBColor(120, 110, 40),
];

/// The whole dashboard.
pub(super) fn svg(panels: &[Answered<'_>]) -> Result<String> {
    let mut text = String::new();
    draw(panels, &mut text).map_err(|error| anyhow!("{error}"))?;
    Ok(text)
}

fn draw(panels: &[Answered<'_>], text: &mut String) -> Drawn {
    let place = |panel: &Value, key| {
        i32::try_from(panel["gridPos"][key].as_i64().unwrap_or_default()).unwrap_or_default()
    };
    let rows = panels
        .iter()
        .map(|answered| place(answered.panel, "y") + place(answered.panel, "h"))
        .max()
        .unwrap_or(1);
    let size = (24 * COLUMN + GAP, rows * ROW + GAP);
    let size = (u32::try_from(size.0)?, u32::try_from(size.1)?);
    let page = SVGBackend::with_string(text, size).into_drawing_area();
    page.fill(&PAGE)?;
    for answered in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| place(answered.panel, key));
        let corner = (x * COLUMN + GAP, y * ROW + GAP);
        let area = page.clone().shrink(corner, (w * COLUMN - GAP, h * ROW - GAP));
        draw_panel(&area, answered)?;
    }
    page.present()?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, answered: &Answered<'_>) -> Drawn {
    let Answered { panel, series } = answered;
    let title = panel["title"].as_str().unwrap_or_default();
    let kind = panel["type"].as_str().unwrap_or_default();
    if kind == "row" {
        return write(area, title, (4, 8), 17, INK);
    }
    area.fill(&WHITE)?;
    write(area, title, (12, 8), 15, INK)?;
    let content = area.margin(30, 6, 12, 12);
    match kind {
        _ if series.is_empty() => write(&content, if_empty(panel), (0, 6), 13, FAINT),
        "stat" => draw_stat(&content, panel, series),
        "bargauge" => draw_bars(&content, panel, series),
        _ => draw_lines(&content, panel, series),
    }
}

fn unit(panel: &Value) -> &str {
    panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or("short")
}

/// What Grafana shows if there is no series.
fn if_empty(panel: &Value) -> &str {
    panel["fieldConfig"]["defaults"]["noValue"].as_str().unwrap_or("No data")
}

/// The colour of a value by the panel's thresholds.
fn colour(panel: &Value, value: f64) -> RGBColor {
    let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array();
    let reached =
        steps.into_iter().flatten().rfind(|step| step["value"].as_f64().is_none_or(|from| value >= from));
    match reached.and_then(|step| step["color"].as_str()) {
        Some("red") => COLOURS[3],
        Some("orange" | "yellow") => COLOURS[1],
        Some("green") => COLOURS[2],
        _ => INK,
    }
}

fn last(series: &Series) -> f64 {
    series.points.last().map_or(0.0, |(_, value)| *value)
}

fn draw_stat(area: &Area<'_>, panel: &Value, series: &[Series]) -> Drawn {
    let has_names = series.len() > 1 || panel["options"]["textMode"] == "value_and_name";
    for (line, one) in (0..).zip(series) {
        let value = shown(last(one), unit(panel));
        let text = if has_names { format!("{}: {value}", one.name) } else { value };
        write(area, &text, (4, 14 + 30 * line), 30, colour(panel, last(one)))?;
    }
    Ok(())
}

fn draw_bars(area: &Area<'_>, panel: &Value, series: &[Series]) -> Drawn {
    let mut sorted: Vec<_> = series.iter().collect();
    sorted.sort_by(|a, b| last(b).total_cmp(&last(a)));
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (i32::try_from(width)?, i32::try_from(height)?);
    let highest = sorted.first().map_or(1.0, |one| last(one)).max(f64::MIN_POSITIVE);
    let step = (height / i32::try_from(sorted.len())?.max(1)).min(44);
    for (line, one) in (0..).zip(sorted) {
        let top = line * step;
        write(area, &one.name, (0, top), 13, INK)?;
        let length = pixels(last(one) / highest * f64::from(width - 70));
        area.draw(&Rectangle::new(
            [(0, top + 17), (length.max(2), top + 17 + (step - 24).max(6))],
            COLOURS[0].filled(),
        ))?;
        write(area, &shown(last(one).round(), unit(panel)), (length + 6, top + 17), 13, FAINT)?;
    }
    Ok(())
}

fn draw_lines(area: &Area<'_>, panel: &Value, series: &[Series]) -> Drawn {
    let (_, height) = area.dim_in_pixel();
    let legend_lines = i32::try_from(series.len().div_ceil(2))?.min(4);
    let legend = i32::try_from(height)? - 17 * legend_lines;
    let (plot, names) = area.split_vertically(legend);
    let points = || series.iter().flat_map(|one| &one.points);
    let end = points().map(|(time, _)| *time).fold(1.0, f64::max);
    let top = points().map(|(_, value)| *value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.1 } else { 1.0 };
    let mut chart = ChartBuilder::on(&plot)
        .x_label_area_size(24)
        .y_label_area_size(74)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(5)
        .y_labels(5)
        .x_label_formatter(&|time| format!("{:.0}:{:02.0}", (time / 60.0).floor(), time % 60.0))
        .y_label_formatter(&|value| shown(*value, unit(panel)))
        .label_style(("sans-serif", 12).into_font().color(&FAINT))
        .draw()?;
    for (one, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let points = one.points.iter().copied().filter(|(_, value)| value.is_finite());
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    draw_legend(&names, series)
}

fn draw_legend(area: &Area<'_>, series: &[Series]) -> Drawn {
    let half = i32::try_from(area.dim_in_pixel().0)? / 2;
    for ((at, one), colour) in (0..8).zip(series).zip(COLOURS.iter().cycle()) {
        let (x, y) = (at % 2 * half, at / 2 * 17 + 2);
        area.draw(&Rectangle::new([(x, y + 5), (x + 12, y + 8)], colour.filled()))?;
        let text = if at == 7 && series.len() > 8 {
            format!("and {} more", series.len() - 7)
        } else {
            one.name.clone()
        };
        write(area, &text, (x + 18, y), 12, INK)?;
    }
    Ok(())
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: i32, colour: RGBColor) -> Drawn {
    area.draw(&Text::new(text.to_owned(), at, ("sans-serif", size).into_font().color(&colour)))?;
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "a picture is some hundred pixels wide")]
fn pixels(length: f64) -> i32 {
    length.round() as i32
}
