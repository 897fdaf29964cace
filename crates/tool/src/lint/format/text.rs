//! Findings for people: the line, with the relevant part underlined.

use std::fmt::Write;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level as Title, Origin, Renderer, Snippet};

use super::{Located, Span, seen, told};
use crate::lint::run::Report;
use modelendpoint_core::endpoint::mutation::NORMALIZE;
use modelendpoint_core::endpoint::quote::Seen;
use modelendpoint_core::endpoint::rules::Applicability;
use modelendpoint_lint::check::Count;
use modelendpoint_lint::finding::Level;
use modelendpoint_yaml::source::Lines;

/// Whether the text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Coloured,
}

#[must_use]
pub(crate) fn render(report: &Report, style: Style) -> String {
    format!("{}{}\n", findings(report, style), summary(report))
}

/// Each finding, with a blank line after it.
#[must_use]
pub(crate) fn findings(report: &Report, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for located in told(report) {
        let _ = writeln!(text, "{}\n", render_one(&renderer, &located));
    }
    text
}

fn render_one(renderer: &Renderer, located: &Located<'_>) -> String {
    let Located { finding, outcome, at } = located;
    let title = match finding.level {
        Level::Deny => Title::ERROR,
        Level::Warn => Title::WARNING,
        Level::Change => Title::NOTE.with_name("change"),
    };
    let mut group = title.primary_title(finding.title()).id(finding.id).elements(Vec::<Origin<'_>>::new());
    // A part of the text may be hidden, so its columns differ from those of the file.
    let mut origins = None;
    let context = finding.context.as_ref().filter(|_| !outcome.text.is_empty());
    match (at, context) {
        (None, _) => {}
        (Some(Span { file, start, shown_from, .. }), Some(context)) => {
            let file = Seen(file).to_string();
            let (shown, at) = outcome.checked.mask.show(&outcome.text, context, &finding.at);
            let position = Lines::of(&shown).position(at.start);
            origins = Some((
                format!("{file}:{}:{}", position.line + shown_from - 1, position.column),
                format!("{file}:{}:{}", start.line, start.column),
            ));
            let snippet = Snippet::source(shown).path(file).line_start(*shown_from).fold(false);
            group = group.element(snippet.annotation(AnnotationKind::Primary.span(at)));
        }
        (Some(Span { file, start, .. }), None) => {
            let origin = Origin::path(Seen(file).to_string()).line(start.line).char_column(start.column);
            group = group.element(origin);
        }
    }
    if let Some(name) = &finding.endpoint {
        let name = format!("ModelEndpoint {}/{}", name.namespace, name.name);
        group = group.element(Title::NOTE.message(Seen(&name).to_string()));
    }
    if let Some(advice) = finding.advice() {
        group = group.element(Title::HELP.message(advice));
    }
    // The crate writes escape sequences of its own for colours, and none that are in its input.
    let text = seen(&renderer.render(&[group]), &['\n', '\u{1b}']);
    // The crate does not accept an origin before a snippet without drawing a second one. So the line after the title
    // is replaced with the origin. A title that quotes the same words stays as it is.
    match (origins, text.split_once('\n')) {
        (Some((shown, real)), Some((title, rest))) => format!("{title}\n{}", rest.replacen(&shown, &real, 1)),
        _ => text,
    }
}

/// The summary on one line.
#[must_use]
pub(crate) fn summary(report: &Report) -> String {
    let Count { endpoints, refused, warned, changed, skipped } = report.count();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let files = report.outcomes.len();
    let place = match report.outcomes.as_slice() {
        [outcome] if outcome.source.is_cluster() => outcome.source.name(),
        _ => format!("{files} file{}", plural(files)),
    };
    format!(
        "{endpoints} ModelEndpoint{} in {place}: {refused} refused, {warned} with warnings, {changed} changed when \
         stored; {skipped} other object{} skipped",
        plural(endpoints),
        plural(skipped),
    ) + &fixes(report)
}

/// How much was fixed, and how much more can be fixed.
fn fixes(report: &Report) -> String {
    let fixed: usize = report.outcomes.iter().map(|outcome| outcome.fixes).sum();
    let is_written = report.outcomes.iter().any(|outcome| outcome.fixed.as_ref() == Some(&outcome.text));
    let findings = || report.outcomes.iter().flat_map(|outcome| &outcome.checked.findings);
    let suggested = |applicability| {
        let all = findings().filter_map(|finding| finding.suggestion.as_ref());
        all.filter(|suggestion| suggestion.applicability == applicability).count()
    };
    let slashes = findings().filter(|finding| finding.id == NORMALIZE).count();
    let mut text = String::new();
    match (fixed, is_written) {
        (0, _) => {}
        (count, true) => text = format!("\nfixed {count}"),
        (count, false) => text = format!("\nwould fix {count}"),
    }
    for (count, flags) in [
        (suggested(Applicability::Safe) + slashes, "--fix"),
        (suggested(Applicability::Unsafe), "--fix --unsafe-fixes, which guesses"),
    ] {
        if count > 0 && (is_written || fixed == 0) {
            let _ = write!(text, "\n{count} can be fixed with {flags}");
        }
    }
    text
}
