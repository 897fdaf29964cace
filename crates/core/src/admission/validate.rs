//! An admission request flows in; the rules that its object breaks flow out.

use std::borrow::Cow;

use super::json::RawText;
use super::response::{Status, StatusCause, StatusDetails};
use super::review::{Object, OldObject, Request};
use crate::endpoint::gate::{GROUP, KIND};
use crate::endpoint::judge::judge;
use crate::endpoint::policy::{Enforcement, Here};
use crate::endpoint::rules::{Severity, Subject, Violation};
use crate::endpoint::{Spec, Value};

/// The verdict of the rules about an object.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub denials: Vec<Violation>,
    pub warnings: Vec<Violation>,
}

/// Judges the spec that the request would store, under the policy of its namespace.
#[must_use]
pub(super) fn validate(here: &Here<'_>, request: &Request<'_>, new: Spec<'_>) -> Verdict {
    let old = request.replaced_spec();
    let mut subject = Subject::of(new, old, here).by(Some(&request.user_info.username));
    subject.is_slice_stuck = old.is_some_and(|old| old.url != new.url)
        && request.replaced().is_some_and(OldObject::is_slice_stuck);
    let violations = judge(&subject);
    let (denials, warnings) =
        violations.into_iter().partition(|violation| violation.severity == Severity::Deny);
    Verdict { denials, warnings }
}

impl Verdict {
    /// The ids of the rules that deny, and of those that warn.
    #[must_use]
    pub(super) fn ids(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let ids = |violations: &[Violation]| violations.iter().map(|violation| violation.rule.id).collect();
        (ids(&self.denials), ids(&self.warnings))
    }

    /// The warnings as `kubectl` prints them. Those about rules that would deny come first.
    #[must_use]
    pub(super) fn warnings(&self, enforcement: Enforcement) -> Vec<String> {
        let line = |violation: &Violation| format!("{}: {}", violation.rule.field.path(), text(violation));
        let unenforced = if enforcement == Enforcement::Warn { self.denials.as_slice() } else { &[] };
        let unenforced = unenforced.iter().map(|denial| format!("would be refused: {}", line(denial)));
        unenforced.chain(self.warnings.iter().map(line)).collect()
    }
}

/// The refusal: code 422 and reason `Invalid`, which Crossplane treats as the user's mistake, so that it continues.
/// It has a cause for each violation, and a message with all of them for clients that show only the message.
#[must_use]
pub(super) fn refusal<'a>(
    request: &'a Request<'_>,
    object: &Object<'a>,
    denials: &[Violation],
) -> Status<'a> {
    let causes = denials.iter().map(|denial| StatusCause {
        reason: denial.rule.cause,
        message: text(denial),
        field: denial.rule.field.path(),
    });
    invalid(request, object, causes.collect())
}

/// The status of an object that is invalid because of these causes.
#[must_use]
pub(super) fn invalid<'a>(
    request: &'a Request<'_>,
    object: &Object<'a>,
    causes: Vec<StatusCause>,
) -> Status<'a> {
    let name = name(request, object);
    let mut message = format!("{KIND}.{GROUP} \"{name}\" is invalid");
    for (index, cause) in causes.iter().enumerate() {
        let before = if index == 0 { ": " } else { "; " };
        message.extend([before, cause.field, ": ", &cause.message]);
    }
    let metadata = object.metadata.0.as_ref();
    let details = StatusDetails {
        name,
        group: GROUP,
        kind: KIND,
        uid: written(metadata.map(|metadata| &metadata.uid)).unwrap_or_default(),
        causes,
    };
    Status { status: "Failure", message, reason: "Invalid", details: Some(details), code: 422 }
}

/// The text of a violation, with the id of the rule.
fn text(violation: &Violation) -> String {
    format!("{violation} [{}]", violation.rule.id)
}

/// The object's name, or the prefix of its generated name.
fn name<'a>(request: &'a Request<'_>, object: &Object<'a>) -> Cow<'a, str> {
    let metadata = object.metadata.0.as_ref();
    [
        Some(Cow::Borrowed(&*request.name)),
        written(metadata.map(|metadata| &metadata.name)),
        written(metadata.map(|metadata| &metadata.generate_name)),
    ]
    .into_iter()
    .flatten()
    .find(|name| !name.is_empty())
    .unwrap_or_default()
}

/// The text of a field of the metadata, if it is there.
fn written<'a>(field: Option<&Value<RawText<'a>>>) -> Option<Cow<'a, str>> {
    field.and_then(Value::text).map(|text| text.lossy())
}
