//! A spec, and the one that it replaces, flow in; the changes to make flow out.
//!
//! Only `spec.rewritePath` or, if there is one, `spec.origin` is ever changed. Malformed values are left alone, for
//! the schema and the rules to refuse. The mutation is idempotent: the changed spec needs no second change.

use std::borrow::Cow;

use super::field::{Field, Generation, Value};
use super::origin;
use super::quote::{Quoted, QuotedEnd};
use super::rewrite_path::{RewritePath, ends_in_one_slash};
use super::{EndpointUrl, Spec};

/// What to change, and what to tell the author of the spec.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mutation<'a> {
    pub change: Option<Change<'a>>,
    pub warning: Option<Warning>,
}

/// A new value of a field.
#[derive(Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The mutation that makes it.
    pub id: &'static str,
    pub field: Field,
    pub value: Cow<'a, str>,
}

/// Why a value is not stored as it was written, or can't be derived.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    pub id: &'static str,
    pub field: Field,
    /// What happens to the value.
    pub problem: Cow<'static, str>,
    /// What to write instead.
    pub remedy: &'static str,
}

/// Who owns `spec.rewritePath`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    Somebody,
    Nobody,
    /// Field management was reset or never began (`managedFields` is missing or empty).
    Unknown,
}

/// Sets a missing rewritePath from the url.
pub const DEFAULT: &str = "default-rewrite-path";
/// Sets it again when the url changes, as long as nobody owns it.
pub(crate) const REFRESH: &str = "refresh-default";
/// Makes it end in exactly one slash.
pub const NORMALIZE: &str = "normalize-trailing-slash";
/// Replaces an origin with an equivalent one that works.
pub(crate) const NORMALIZE_ORIGIN: &str = "normalize-origin";

/// The documentation of a mutation.
#[derive(Debug)]
pub struct MutationDoc {
    pub id: &'static str,
    pub field: Field,
    pub summary: &'static str,
    pub reason: &'static str,
}

/// Every mutation.
pub static ALL: [MutationDoc; 4] = [
    MutationDoc {
        id: DEFAULT,
        field: Field::RewritePath,
        summary: "A missing, null or empty rewritePath is set to the url's path without a final `v1` \
                  segment, ending in one slash.",
        reason: "Without a rewritePath the server is asked for `/<namespace>/<service>/v1/...`, which it \
                 does not know. `https://api.groq.com/openai/v1` gets `/openai/`, `https://api.openai.com` \
                 gets `/`. If the url's path cannot be a rewritePath (percent-encoding, dot segments), \
                 nothing is set, and a warning says so.",
    },
    MutationDoc {
        id: REFRESH,
        field: Field::RewritePath,
        summary: "A rewritePath that was set by default is set again when the url changes.",
        reason: "A default follows its url until somebody sets the field, which `metadata.managedFields` or \
                 the annotation of `kubectl apply` shows. A value that somebody set is left alone. A warning \
                 names the old and the new value.",
    },
    MutationDoc {
        id: NORMALIZE,
        field: Field::RewritePath,
        summary: "A rewritePath that does not end in exactly one slash is stored with exactly one.",
        reason: "The gateway replaces a prefix that ends in a slash with rewritePath: `/openai` and \
                 `v1/chat/completions` need exactly one slash between them. A warning names the old and the \
                 new value, because a GitOps tool will see the difference.",
    },
    MutationDoc {
        id: NORMALIZE_ORIGIN,
        field: Field::Origin,
        summary: "Scheme and host of an origin are stored in lower case, and without a path that is a single \
                  slash or `api.prefix`.",
        reason: "`https://API.openai.com/v1` with the prefix `/v1` can mean only `https://api.openai.com`, \
                 and neither the resource's schema nor the gateway accepts it. A warning names the new \
                 value, because a GitOps tool will see the difference. A path that is not the prefix is \
                 refused, with the two values to write.",
    },
];

/// Returns what to change in a spec that is created, or that replaces `old`. `owner` is called only if a default may
/// have to follow its url.
#[must_use]
pub fn mutate<'a>(new: Spec<'a>, old: Option<Spec<'_>>, owner: impl FnOnce() -> Ownership) -> Mutation<'a> {
    match new.generation() {
        Some(Generation::Origin) => normalize_origin(new),
        // A rewritePath is normalized even if there is an origin as well as a url, or neither.
        Some(Generation::Url) | None => mutate_rewrite_path(new, old, owner),
    }
}

fn mutate_rewrite_path<'a>(
    new: Spec<'a>,
    old: Option<Spec<'_>>,
    owner: impl FnOnce() -> Ownership,
) -> Mutation<'a> {
    match new.rewrite_path {
        Value::NotText => Mutation::default(),
        Value::Absent | Value::Text("") => set_default(new),
        Value::Text(path) if is_default_of_former_url(new, old, path, owner) => refresh(new, path),
        Value::Text(path) => normalize(path),
    }
}

fn set_default(new: Spec<'_>) -> Mutation<'_> {
    let Some(url) = readable_url(new) else { return Mutation::default() };
    let Some(default) = RewritePath::derive(&url.parts) else {
        return Mutation::warn(
            DEFAULT,
            "has no default, because the url's path cannot be one",
            "write one, or requests keep `/<ns>/<service>/`",
        );
    };
    let warning = (new.rewrite_path == Value::Text("")).then(|| Warning {
        id: DEFAULT,
        field: Field::RewritePath,
        problem: format!("is stored as {}, not empty", Quoted(default.as_str())).into(),
        remedy: "write that, or leave it out",
    });
    Mutation { change: Some(Change::of_path(DEFAULT, default)), warning }
}

fn refresh<'a>(new: Spec<'a>, path: &str) -> Mutation<'a> {
    let Some(url) = readable_url(new) else { return Mutation::default() };
    match RewritePath::derive(&url.parts) {
        None => Mutation::warn(
            REFRESH,
            format!("stays {}: the new url's path gives no default", Quoted(path)),
            "write one",
        ),
        Some(default) if default.as_str() == path => Mutation::default(),
        Some(default) => {
            let former =
                if could_hold_a_password(path) { "another".to_owned() } else { Quoted(path).to_string() };
            let problem = format!("follows the url to {}, from {former}", Quoted(default.as_str()));
            let warning = Mutation::warn(REFRESH, problem, "write the value that you want to keep");
            Mutation { change: Some(Change::of_path(REFRESH, default)), ..warning }
        }
    }
}

fn normalize(path: &str) -> Mutation<'_> {
    if ends_in_one_slash(path) {
        return Mutation::default();
    }
    let Ok(normalized) = RewritePath::parse(path) else { return Mutation::default() };
    let problem = if could_hold_a_password(path) {
        Cow::Borrowed("is stored with exactly one slash at its end")
    } else {
        Cow::Owned(format!(
            "is stored as {}, not {}: it ends in exactly one slash",
            QuotedEnd(normalized.as_str()),
            QuotedEnd(path)
        ))
    };
    Mutation {
        change: Some(Change::of_path(NORMALIZE, normalized)),
        ..Mutation::warn(NORMALIZE, problem, "write that value")
    }
}

fn normalize_origin(new: Spec<'_>) -> Mutation<'_> {
    let Value::Text(written) = new.origin else { return Mutation::default() };
    let prefix = new.prefix.text().copied().unwrap_or(origin::DEFAULT_PREFIX);
    let Some(normal) = origin::normal_form(written, prefix) else { return Mutation::default() };
    let warning = Warning {
        id: NORMALIZE_ORIGIN,
        field: Field::Origin,
        problem: format!("is stored as {}", Quoted(&normal)).into(),
        remedy: "write that value",
    };
    let change = Change { id: NORMALIZE_ORIGIN, field: Field::Origin, value: normal.into() };
    Mutation { change: Some(change), warning: Some(warning) }
}

/// `user:password@`, as in the rest of a url that lost its scheme.
fn could_hold_a_password(path: &str) -> bool {
    path.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'))
}

/// Whether an update changes the url and leaves a rewritePath that the webhook once set.
fn is_default_of_former_url(
    new: Spec<'_>,
    old: Option<Spec<'_>>,
    path: &str,
    owner: impl FnOnce() -> Ownership,
) -> bool {
    let Some(old) = old else { return false };
    if old.url == new.url || old.rewrite_path != Value::Text(path) {
        return false;
    }
    match owner() {
        Ownership::Somebody => false,
        Ownership::Nobody => true,
        // Without field management, only the value itself can show who set it.
        Ownership::Unknown => readable_url(old)
            .and_then(|url| RewritePath::derive(&url.parts).map(|former| former.as_str() == path))
            .unwrap_or(false),
    }
}

/// The url, if every parser reads it alike.
fn readable_url(spec: Spec<'_>) -> Option<EndpointUrl<'_>> {
    let Value::Text(url) = spec.url else { return None };
    Some(EndpointUrl::read(url)).filter(|url| url.fault.is_none())
}

impl Mutation<'_> {
    /// The spec that is stored when this spec is written.
    #[must_use]
    pub fn applied_to<'b>(&'b self, spec: Spec<'b>) -> Spec<'b> {
        match &self.change {
            Some(Change { field, value, .. }) => spec.with(*field, value),
            None => spec,
        }
    }

    fn warn(id: &'static str, problem: impl Into<Cow<'static, str>>, remedy: &'static str) -> Self {
        let warning = Warning { id, field: Field::RewritePath, problem: problem.into(), remedy };
        Mutation { change: None, warning: Some(warning) }
    }
}

impl<'a> Change<'a> {
    fn of_path(id: &'static str, path: RewritePath<'a>) -> Self {
        Change { id, field: Field::RewritePath, value: path.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_repeats_no_password() {
        let warning = |path: &str| {
            let spec = Spec::of_url(Value::Text("http://h.example/"), Value::Text(path));
            mutate(spec, None, || Ownership::Unknown).warning.map(|warning| warning.problem.into_owned())
        };
        let silent = Some("is stored with exactly one slash at its end".to_owned());
        assert_eq!(warning("/user:s3cret@h.example/v1"), silent);
        for path in ["/a@b", "/@a:b"] {
            let told = format!("is stored as `{path}/`, not `{path}`: it ends in exactly one slash");
            assert_eq!(warning(path), Some(told));
        }
    }
}
