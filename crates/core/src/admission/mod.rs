//! Bytes in, bytes out: what kube-apiserver sends to a hook, and what it gets back.
//!
//! Pure: no I/O, no clock, no runtime. [`answer`] reads one `AdmissionReview` ([`review`]), asks
//! [`mutate`] or [`validate`], and writes the answering `AdmissionReview` ([`response`]).

pub mod json;
mod mutate;
mod ownership;
mod reconciled;
mod response;
mod review;
mod uid;
mod validate;

use std::borrow::Cow;

use self::response::{AuditAnnotations, EncodedPatch, Response, Status, StatusCause};
use self::review::{GroupVersionKind, Object, Request, Review};
use self::validate::Verdict;
pub use crate::endpoint::gate::Operation;
use crate::endpoint::gate::{GROUP, Gate, KIND, Missing, Resource, VERSION, Write, gate};
use crate::endpoint::mutation::Mutation;
use crate::endpoint::origin::is_refused_by_schema;
use crate::endpoint::policy::{Enforcement, Here};
use crate::endpoint::quote::Quoted;
use crate::endpoint::{Policy, Spec};

/// The only supported version.
pub(crate) const API_VERSION: &str = "admission.k8s.io/v1";
pub(crate) const REVIEW: &str = "AdmissionReview";

/// The webhooks, by their path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `POST /mutate`: sets defaults and normalizes. It denies only what the resource's schema would refuse next, so
    /// that the message says what is wrong.
    Mutate,
    /// `POST /validate`: judges; never patches.
    Validate,
    /// `POST /admit`: both in one answer. It is registered as a mutating webhook, so the API server calls it before
    /// it evaluates its own admission policies, and people read its refusal.
    Admit,
}

/// The outcome of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed as it is.
    Allowed,
    /// Allowed, with a patch.
    Patched,
    /// Refused by a rule.
    Denied,
    /// Not readable, or not judged: answered with a failure.
    Failed,
}

/// An answered review: the bytes for the API server, and the facts for logs and metrics.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The answering `AdmissionReview` as JSON.
    pub review: Vec<u8>,
    pub outcome: Outcome,
    pub operation: Operation,
    /// Ids of the rules that denied, in the catalogue's order. If the outcome is not [`Outcome::Denied`], these rules
    /// would have denied, but the policy does not enforce them.
    pub rules: Vec<&'static str>,
    /// Ids of the rules that only warned, in the catalogue's order.
    pub warned: Vec<&'static str>,
    /// Id of the mutation that made the patch.
    pub mutation: Option<&'static str>,
    /// For the log: why the review failed, or why the webhook seems to be registered wrongly.
    pub notice: Option<String>,
    pub request: RequestFacts<'a>,
}

/// Who asked for what, for a log line. Empty if the review does not say.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RequestFacts<'a> {
    pub uid: Cow<'a, str>,
    pub user: Cow<'a, str>,
    pub namespace: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub dry_run: bool,
}

impl Hook {
    pub const ALL: [Hook; 3] = [Hook::Mutate, Hook::Validate, Hook::Admit];

    /// The path that a webhook configuration names.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Hook::Mutate => "/mutate",
            Hook::Validate => "/validate",
            Hook::Admit => "/admit",
        }
    }

    /// The hook at this path of a request.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        Hook::ALL.into_iter().find(|hook| hook.path() == path)
    }
}

impl Outcome {
    pub const ALL: [Outcome; 4] = [Outcome::Allowed, Outcome::Patched, Outcome::Denied, Outcome::Failed];

    /// The word in metrics and log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Allowed => "allowed",
            Outcome::Patched => "patched",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        }
    }
}

/// The bytes have no UID, so no AdmissionReview can answer them. The text is for the person who reads the HTTP 400.
#[derive(Debug, PartialEq, Eq)]
pub struct NoUid(pub String);

/// Answers one `AdmissionReview` under a policy.
///
/// # Errors
/// [`NoUid`] if the bytes have no `request.uid`; everything else is answered as a review.
pub fn answer<'a>(policy: &Policy, hook: Hook, body: &'a [u8]) -> Result<Answer<'a>, NoUid> {
    match Review::parse(body) {
        Ok(review) => Ok(answer_review(policy, hook, &review)),
        Err(error) => failure_of(400, body, format!("this is not a readable AdmissionReview: {error}")),
    }
}

/// Answers with a failure, for a server that could not judge. `message` is for the person who runs kubectl.
///
/// # Errors
/// [`NoUid`] if the bytes have no `request.uid`.
pub fn failure<'a>(body: &'a [u8], message: &str) -> Result<Answer<'a>, NoUid> {
    failure_of(500, body, message.to_owned())
}

fn answer_review<'a>(policy: &Policy, hook: Hook, review: &Review<'a>) -> Answer<'a> {
    let request = &review.request;
    if review.api_version != *API_VERSION || review.kind != *REVIEW {
        return failed(
            request,
            format!(
                "only {REVIEW} of {API_VERSION} is understood, and this is {} of {}",
                Quoted(&review.kind.lossy()),
                Quoted(&review.api_version.lossy())
            ),
        );
    }
    let GroupVersionKind { group, version, kind } = &request.kind;
    let decision = gate(&Write {
        resource: Resource::of(&group.lossy(), &version.lossy(), &kind.lossy()),
        operation: request.operation,
        is_subresource: !request.sub_resource.is_empty(),
        new: request.object.0.as_ref().map(Object::spec),
        old: request.replaced_spec(),
    });
    let here = policy.here(&request.namespace);
    match (decision, &request.object.0) {
        (Gate::Pass, _) => allowed(request),
        (Gate::Foreign, _) => foreign(request),
        (Gate::Unreadable(missing), _) => failed(request, missing.to_string()),
        (Gate::UnknownVersion, Some(object)) => of_unknown_version(&here, request, object),
        (Gate::Judge, Some(object)) => match hook {
            Hook::Mutate => mutated(&here, request, object),
            Hook::Validate => validated(&here, request, object),
            Hook::Admit => admitted(&here, request, object),
        },
        (Gate::Judge | Gate::UnknownVersion, None) => failed(request, Missing::Object.to_string()),
    }
}

/// Allows other kinds of objects: a wrong registration must not block the cluster.
fn foreign<'a>(request: &Request<'a>) -> Answer<'a> {
    let notice = format!(
        "modelendpoint-webhook was asked about {} of {}, which it does not know, and allowed it; correct the \
         rules of its webhook configuration",
        Quoted(&request.kind.kind.lossy()),
        Quoted(&request.kind.api_version())
    );
    passed(request, notice)
}

/// Allows with a notice in the log and a warning to the author of the object.
fn passed<'a>(request: &Request<'a>, notice: String) -> Answer<'a> {
    let mut response = Response::allowed(&request.uid);
    response.warnings.push(notice.clone());
    Answer { notice: Some(notice), ..answered(Outcome::Allowed, request, &response) }
}

/// Refuses an endpoint that cannot be judged as invalid, like any other refusal: after a failed call, Crossplane
/// would not apply its other objects. If denials are not enforced, the endpoint passes with a warning.
fn of_unknown_version<'a>(here: &Here<'_>, request: &Request<'a>, object: &Object<'_>) -> Answer<'a> {
    let known = format!("{GROUP}/{VERSION}");
    let message = format!(
        "{} of {} cannot be judged: this modelendpoint-webhook knows {} of {} only; write that version, \
         upgrade modelendpoint-webhook, or correct the rules of its webhook configuration",
        Quoted(&request.kind.kind.lossy()),
        Quoted(&request.kind.api_version()),
        Quoted(KIND),
        Quoted(&known),
    );
    if here.enforcement() != Enforcement::Deny {
        return passed(request, message);
    }
    let cause =
        StatusCause { reason: "FieldValueNotSupported", message: message.clone(), field: "apiVersion" };
    let response = Response::refused(&request.uid, validate::invalid(request, object, vec![cause]));
    Answer { notice: Some(message), ..answered(Outcome::Failed, request, &response) }
}

/// Judges the object as mutation would store it. A refused object gets no patch.
fn admitted<'a>(here: &Here<'_>, request: &Request<'a>, object: &Object<'a>) -> Answer<'a> {
    let spec = object.spec();
    let mutation = mutate::mutate(request, object);
    let verdict = validate::validate(here, request, mutation.applied_to(spec));
    let enforcement = here.enforcement();
    if !verdict.denials.is_empty() && enforcement == Enforcement::Deny {
        return judged(request, object, &verdict, enforcement);
    }
    patched(request, spec, &mutation, &verdict, enforcement)
}

/// Refuses only what the resource's schema would refuse with a less helpful message. `/validate` refuses everything
/// else.
fn mutated<'a>(here: &Here<'_>, request: &Request<'a>, object: &Object<'a>) -> Answer<'a> {
    let spec = object.spec();
    let mutation = mutate::mutate(request, object);
    let enforcement = here.enforcement();
    if mutation.change.is_none() && is_refused_by_schema(&spec) && enforcement == Enforcement::Deny {
        let verdict = validate::validate(here, request, spec);
        if !verdict.denials.is_empty() {
            return judged(request, object, &verdict, enforcement);
        }
    }
    patched(request, spec, &mutation, &Verdict::default(), enforcement)
}

/// Allows, with a patch if the spec has to change.
fn patched<'a>(
    request: &Request<'a>,
    spec: Spec<'_>,
    mutation: &Mutation<'_>,
    verdict: &Verdict,
    enforcement: Enforcement,
) -> Answer<'a> {
    let (rules, warned) = verdict.ids();
    let mut response = Response::allowed(&request.uid);
    response.warnings = verdict.warnings(enforcement);
    response.warnings.extend(mutation.warning.as_ref().map(mutate::line));
    response.audit_annotations = AuditAnnotations::of_rules(&rules, false, &warned);
    let Some(change) = &mutation.change else {
        return Answer { rules, warned, ..answered(Outcome::Allowed, request, &response) };
    };
    response.patch = Some(EncodedPatch::new(&mutate::patch(spec, change)));
    response.audit_annotations.get_or_insert_default().mutated = Some(change.id);
    let mutation = Some(change.id);
    Answer { rules, warned, mutation, ..answered(Outcome::Patched, request, &response) }
}

fn validated<'a>(here: &Here<'_>, request: &Request<'a>, object: &Object<'a>) -> Answer<'a> {
    let verdict = validate::validate(here, request, object.spec());
    let enforcement = here.enforcement();
    judged(request, object, &verdict, enforcement)
}

fn judged<'a>(
    request: &Request<'a>,
    object: &Object<'a>,
    verdict: &Verdict,
    enforcement: Enforcement,
) -> Answer<'a> {
    let (rules, warned) = verdict.ids();
    let is_denied = !rules.is_empty() && enforcement == Enforcement::Deny;
    let (outcome, response) = if is_denied {
        let refusal = validate::refusal(request, object, &verdict.denials);
        (Outcome::Denied, Response::refused(&request.uid, refusal))
    } else {
        (Outcome::Allowed, Response::allowed(&request.uid))
    };
    let response = Response {
        audit_annotations: AuditAnnotations::of_rules(&rules, is_denied, &warned),
        warnings: verdict.warnings(enforcement),
        ..response
    };
    Answer { rules, warned, ..answered(outcome, request, &response) }
}

fn allowed<'a>(request: &Request<'a>) -> Answer<'a> {
    answered(Outcome::Allowed, request, &Response::allowed(&request.uid))
}

fn failed<'a>(request: &Request<'a>, message: String) -> Answer<'a> {
    let response = Response::refused(&request.uid, Status::failure(400, message.clone()));
    Answer { notice: Some(message), ..answered(Outcome::Failed, request, &response) }
}

fn failure_of(code: u16, body: &[u8], message: String) -> Result<Answer<'_>, NoUid> {
    let Some(uid) = uid::find_uid(body) else { return Err(NoUid::because(&message)) };
    let review = Response::refused(&uid, Status::failure(code, message.clone())).to_json();
    Ok(Answer {
        review,
        outcome: Outcome::Failed,
        operation: Operation::Unknown,
        rules: Vec::new(),
        warned: Vec::new(),
        mutation: None,
        notice: Some(message),
        request: RequestFacts { uid: Cow::Owned(uid), ..RequestFacts::default() },
    })
}

fn answered<'a>(outcome: Outcome, request: &Request<'a>, response: &Response<'_>) -> Answer<'a> {
    Answer {
        review: response.to_json(),
        outcome,
        operation: request.operation,
        rules: Vec::new(),
        warned: Vec::new(),
        mutation: None,
        notice: None,
        request: RequestFacts {
            uid: request.uid.clone(),
            user: request.user_info.username.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            dry_run: request.dry_run,
        },
    }
}

impl NoUid {
    fn because(reason: &str) -> Self {
        NoUid(format!("an AdmissionReview with a request.uid is expected here: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_is_found_by_its_path() {
        assert_eq!(Hook::at("/mutate"), Some(Hook::Mutate));
        assert_eq!(Hook::at("/validate"), Some(Hook::Validate));
        for path in ["", "/", "mutate", "/mutate/", "/Mutate", "/validate2"] {
            assert_eq!(Hook::at(path), None, "{path}");
        }
    }

    #[test]
    fn metrics_and_log_lines_keep_their_words() {
        assert_eq!(Operation::ALL.map(Operation::name), ["CREATE", "UPDATE", "DELETE", "CONNECT", "unknown"]);
        assert_eq!(Outcome::ALL.map(Outcome::name), ["allowed", "patched", "denied", "failed"]);
    }
}
