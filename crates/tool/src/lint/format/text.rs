//! Findings as a person reads them: the line, with the part that matters underlined.

use std::fmt::Write;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level as Title, Origin, Renderer, Snippet};

use super::{At, Placed, placed, seen};
use crate::lint::check::Count;
use crate::lint::finding::Level;
use crate::lint::run::Report;
use crate::lint::sources::Source;
use modelendpoint_core::endpoint::quote::Seen;
use modelendpoint_yaml::source::Lines;

/// How it may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for placed in placed(report) {
        let _ = writeln!(text, "{}\n", render_one(&renderer, &placed));
    }
    let _ = writeln!(text, "{}", summary(report));
    text
}

fn render_one(renderer: &Renderer, placed: &Placed<'_>) -> String {
    let Placed { finding, outcome, at } = placed;
    let title = match finding.level {
        Level::Deny => Title::ERROR,
        Level::Warn => Title::WARNING,
        Level::Change => Title::NOTE.with_name("change"),
    };
    let mut group = title.primary_title(finding.title()).id(finding.id).elements(Vec::<Origin<'_>>::new());
    // what is shown can be less than what is there, so that its own columns are not the file's
    let mut shown_place = None;
    let context = finding.context.as_ref().filter(|_| !outcome.text.is_empty());
    match (at, context) {
        (None, _) => {}
        (Some(At { file, start, shown_from, .. }), Some(context)) => {
            let file = Seen(file).to_string();
            let (shown, at) = outcome.checked.mask.show(&outcome.text, context, &finding.at);
            let place = Lines::of(&shown).place(at.start);
            shown_place = Some((
                format!("{file}:{}:{}", place.line + shown_from - 1, place.column),
                format!("{file}:{}:{}", start.line, start.column),
            ));
            let snippet = Snippet::source(shown).path(file).line_start(*shown_from).fold(false);
            group = group.element(snippet.annotation(AnnotationKind::Primary.span(at)));
        }
        (Some(At { file, start, .. }), None) => {
            let origin = Origin::path(Seen(file).to_string()).line(start.line).char_column(start.column);
            group = group.element(origin);
        }
    }
    if let Some(name) = &finding.endpoint {
        let name = format!("ModelEndpoint {}/{}", name.namespace, name.name);
        group = group.element(Title::NOTE.message(Seen(&name).to_string()));
    }
    let advice = finding.advice();
    if !advice.is_empty() {
        group = group.element(Title::HELP.message(advice));
    }
    // It colours by escape sequences of its own, and shows none that it was given.
    let text = seen(&renderer.render(&[group]), &['\n', '\u{1b}']);
    match shown_place {
        Some((shown, real)) => text.replacen(&shown, &real, 1),
        None => text,
    }
}

/// How many there are of what, on one line.
#[must_use]
pub fn summary(report: &Report) -> String {
    let Count { endpoints, refused, warned, changed, skipped } = report.count();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let of_cluster = report.outcomes.iter().any(|outcome| outcome.source == Source::Cluster);
    let files = report.outcomes.len();
    let place = if of_cluster { "the cluster".to_owned() } else { format!("{files} file{}", plural(files)) };
    format!(
        "{endpoints} ModelEndpoint{} in {place}: {refused} refused, {warned} with warnings, {changed} changed when \
         stored; {skipped} other object{} skipped",
        plural(endpoints),
        plural(skipped),
    )
}
