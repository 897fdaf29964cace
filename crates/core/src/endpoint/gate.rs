//! Decides whether a write is judged at all.
//!
//! The server asks about the request of a review, and the command-line tool about an object in a manifest. This
//! module does not know `AdmissionReview`.

use std::fmt::{self, Display};

use super::Spec;
use super::judge::judge;
use super::mutation::{Mutation, Ownership, mutate};
use super::policy::{Here, Severity};
use super::rules::{Subject, Violation};

/// The API group, version, kind and plural of the resource that is judged.
pub const GROUP: &str = "modelplane.ai";
pub const VERSION: &str = "v1alpha1";
pub const KIND: &str = "ModelEndpoint";
pub const PLURAL: &str = "modelendpoints";

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A ModelEndpoint in the version that the rules know.
    Endpoint,
    /// A ModelEndpoint in a version whose fields may have another meaning.
    UnknownVersion,
    /// Another group or kind.
    Foreign,
    /// It has no kind.
    Unnamed,
}

/// The operation on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
    /// Missing, or not an operation of AdmissionReview v1.
    #[default]
    Unknown,
}

/// What the gate needs to know about a write.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    pub resource: Resource,
    pub operation: Operation,
    pub is_subresource: bool,
    /// The object's spec. `None` if there is no object.
    pub new: Option<Spec<'a>>,
    /// The spec that an update replaces.
    pub old: Option<Spec<'a>>,
}

/// What to do with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The rules judge it.
    Judge,
    /// It stores no endpoint, or changes no field that the rules are about.
    Pass,
    /// It is about another kind of object.
    Foreign,
    /// It stores an endpoint that the rules can't judge.
    UnknownVersion,
    /// Something that the gate needs is missing.
    Unreadable(Missing),
}

/// The information that a write lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Kind,
    Operation,
    Object,
}

/// The answer of both hooks to a write.
#[derive(Debug)]
pub struct Decision<'a> {
    pub mutation: Mutation<'a>,
    /// The rules that the mutated spec breaks.
    pub violations: Vec<Violation>,
}

impl Resource {
    /// The resource of this group, version and kind. A ModelEndpoint in the wrong case is an unknown version, not a
    /// foreign object: no other resource has these names.
    #[must_use]
    pub fn of(group: &str, version: &str, kind: &str) -> Self {
        if group == GROUP && version == VERSION && kind == KIND {
            Resource::Endpoint
        } else if kind.is_empty() {
            Resource::Unnamed
        } else if group.eq_ignore_ascii_case(GROUP) && kind.eq_ignore_ascii_case(KIND) {
            Resource::UnknownVersion
        } else {
            Resource::Foreign
        }
    }
}

impl Operation {
    pub const ALL: [Operation; 5] =
        [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect, Operation::Unknown];

    /// The word that AdmissionReview v1 uses, or `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
            Operation::Unknown => "unknown",
        }
    }
}

/// Decides whether the rules judge a write.
#[must_use]
pub fn gate(write: &Write<'_>) -> Gate {
    match write.resource {
        Resource::Unnamed => return Gate::Unreadable(Missing::Kind),
        Resource::Foreign => return Gate::Foreign,
        Resource::Endpoint | Resource::UnknownVersion => {}
    }
    match write.operation {
        Operation::Unknown => return Gate::Unreadable(Missing::Operation),
        Operation::Delete | Operation::Connect => return Gate::Pass,
        Operation::Create | Operation::Update => {}
    }
    let Some(new) = write.new else { return Gate::Unreadable(Missing::Object) };
    if write.is_subresource {
        return Gate::Pass;
    }
    if write.resource == Resource::UnknownVersion {
        return Gate::UnknownVersion;
    }
    // An object that was stored before a rule existed can still be labelled.
    let is_untouched = write.operation == Operation::Update && write.old == Some(new);
    if is_untouched { Gate::Pass } else { Gate::Judge }
}

impl<'a> Decision<'a> {
    /// Mutates a spec that is created under this policy, and judges what would be stored. The user is unknown.
    #[must_use]
    pub fn on_create(spec: Spec<'a>, here: &Here<'_>) -> Self {
        let mutation = mutate(spec, None, || Ownership::Unknown);
        let violations = judge(&Subject::of(mutation.applied_to(spec), None, here));
        Decision { mutation, violations }
    }

    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.violations.iter().any(|violation| violation.severity == Severity::Deny)
    }
}

impl Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Missing::Kind => "request.kind is missing",
            Missing::Operation => {
                "request.operation is missing or not one of CREATE, UPDATE, DELETE, CONNECT"
            }
            Missing::Object => "request.object is missing or not an object",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Generation, Value};

    const SPEC: Spec<'_> = Spec::of_url(Value::Text("http://h.example/"), Value::Absent);

    fn write(resource: Resource, operation: Operation) -> Write<'static> {
        Write { resource, operation, is_subresource: false, new: Some(SPEC), old: None }
    }

    #[test]
    fn an_object_is_known_by_group_version_and_kind() {
        for (group, version, kind, resource) in [
            (GROUP, VERSION, KIND, Resource::Endpoint),
            (GROUP, "v1beta1", KIND, Resource::UnknownVersion),
            (GROUP, "", KIND, Resource::UnknownVersion),
            ("ModelPlane.ai", VERSION, KIND, Resource::UnknownVersion),
            (GROUP, VERSION, "modelendpoint", Resource::UnknownVersion),
            (GROUP, VERSION, "ModelService", Resource::Foreign),
            ("", VERSION, KIND, Resource::Foreign),
            (GROUP, VERSION, "", Resource::Unnamed),
            ("", "", "", Resource::Unnamed),
        ] {
            assert_eq!(Resource::of(group, version, kind), resource, "{group} {version} {kind}");
        }
    }

    #[test]
    fn what_stores_an_endpoint_is_judged() {
        use Operation::{Connect, Create, Delete, Unknown, Update};
        use Resource::{Endpoint, Foreign, UnknownVersion, Unnamed};
        for (resource, operation, decision) in [
            (Endpoint, Create, Gate::Judge),
            (Endpoint, Update, Gate::Judge),
            (Endpoint, Delete, Gate::Pass),
            (Endpoint, Connect, Gate::Pass),
            (Endpoint, Unknown, Gate::Unreadable(Missing::Operation)),
            (UnknownVersion, Create, Gate::UnknownVersion),
            (UnknownVersion, Update, Gate::UnknownVersion),
            (UnknownVersion, Delete, Gate::Pass),
            (UnknownVersion, Unknown, Gate::Unreadable(Missing::Operation)),
            (Foreign, Create, Gate::Foreign),
            (Foreign, Unknown, Gate::Foreign),
            (Unnamed, Delete, Gate::Unreadable(Missing::Kind)),
        ] {
            assert_eq!(gate(&write(resource, operation)), decision, "{resource:?} {operation:?}");
        }
    }

    #[test]
    fn what_changes_no_field_of_an_endpoint_passes() {
        let other = Spec { rewrite_path: Value::Text("/"), ..SPEC };
        let update = |old| gate(&Write { old, ..write(Resource::Endpoint, Operation::Update) });
        assert_eq!(
            [update(Some(SPEC)), update(Some(other)), update(None)],
            [Gate::Pass, Gate::Judge, Gate::Judge]
        );
        let origin = Spec { origin: Value::Text("https://h.example"), ..Spec::EMPTY };
        let gate_of = |new, old| {
            gate(&Write { new: Some(new), old: Some(old), ..write(Resource::Endpoint, Operation::Update) })
        };
        assert_eq!(gate_of(origin, origin), Gate::Pass);
        for field in Generation::Origin.fields() {
            assert_eq!(gate_of(origin.with(field, "x"), origin), Gate::Judge, "{field:?}");
        }
        let created = Write { old: Some(SPEC), ..write(Resource::Endpoint, Operation::Create) };
        assert_eq!(gate(&created), Gate::Judge);
        for resource in [Resource::Endpoint, Resource::UnknownVersion] {
            let created = write(resource, Operation::Create);
            assert_eq!(gate(&Write { is_subresource: true, ..created }), Gate::Pass);
            let without_object = Write { is_subresource: true, new: None, ..created };
            assert_eq!(gate(&without_object), Gate::Unreadable(Missing::Object));
        }
    }
}
