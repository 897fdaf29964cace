//! `request.kind` flows in; whether the rules know it flows out.

use super::json::Written;
use super::review::GroupVersionKind;

/// The API group, the version and the kind of what is judged.
pub const GROUP: &str = "modelplane.ai";
pub const VERSION: &str = "v1alpha1";
pub const ENDPOINT: &str = "ModelEndpoint";

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A ModelEndpoint in the version that the rules know.
    Endpoint,
    /// A ModelEndpoint in a version whose fields could mean anything.
    UnknownVersion,
    /// Another group or kind, which only a wrong registration sends here.
    Foreign,
    /// The review does not say.
    Unnamed,
}

impl Resource {
    /// What `request.kind` names: the version that the object was converted to for this webhook. The version
    /// that the client wrote is `request.requestKind`, and decides nothing.
    #[must_use]
    pub fn of(kind: &GroupVersionKind<'_>) -> Self {
        if kind.group == *GROUP && kind.version == *VERSION && kind.kind == *ENDPOINT {
            return Resource::Endpoint;
        }
        if kind.kind == *"" {
            return Resource::Unnamed;
        }
        // No API server is known to spell them in another case. One that did would not mean something foreign.
        let is = |written: Written<'_>, name| written.lossy().eq_ignore_ascii_case(name);
        if is(kind.group, GROUP) && is(kind.kind, ENDPOINT) {
            Resource::UnknownVersion
        } else {
            Resource::Foreign
        }
    }
}
