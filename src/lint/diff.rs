//! What a fix would write, as a unified diff. Nothing that could be secret is in it, so a line that
//! holds a password can't be patched with it.

use similar::TextDiff;

use super::check::{Terms, check};
use super::finding::BROKEN;
use super::mask::Mask;
use super::run::{Outcome, Report};

#[must_use]
pub fn render(report: &Report) -> String {
    report.outcomes.iter().filter_map(|outcome| Some(one(outcome, outcome.fixed.as_deref()?))).collect()
}

fn one(outcome: &Outcome, fixed: &str) -> String {
    let name = outcome.source.name();
    let (old, new) = (format!("a/{name}"), format!("b/{name}"));
    let before = outcome.checked.mask.show_all(&outcome.text);
    let after = mask_of(fixed).show_all(fixed);
    // beside what can't be known to hold no secret, only what changes is shown
    let only_endpoints = outcome.checked.count.skipped == 0
        && outcome.checked.findings.iter().all(|finding| finding.id != BROKEN);
    let around = if only_endpoints { 3 } else { 0 };
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(around).header(&old, &new).to_string()
}

fn mask_of(text: &str) -> Mask {
    let terms = Terms { policy: &crate::endpoint::policy::NONE, namespace: "" };
    check(text, terms).mask
}
