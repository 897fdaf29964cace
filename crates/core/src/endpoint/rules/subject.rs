//! The fields of an endpoint flow in; what the rules look at flows out.

use crate::endpoint::Spec;
use crate::endpoint::endpoint_url::EndpointUrl;
use crate::endpoint::field::{Field, Value};
use crate::endpoint::policy::{Api, Destination, Here, NOWHERE, Outside};
use crate::endpoint::providers::Schema;
use crate::endpoint::rewrite_path::{RewritePath, WrittenPath};

/// What the rules judge: an endpoint's fields as they would be stored.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The fields as they are written.
    pub spec: Spec<'a>,
    /// The fields that an update replaces.
    pub old: Option<Spec<'a>>,
    pub url: Value<EndpointUrl<'a>>,
    /// The empty string counts as absent: Modelplane treats it so.
    pub rewrite_path: Value<WrittenPath<'a>>,
    /// The rewritePath that the url gives by default.
    pub(in crate::endpoint) default_path: Option<RewritePath<'a>>,
    /// Whether it is known that the EndpointSlice does not follow the url that an update replaces anyway.
    pub is_slice_stuck: bool,
    pub origin: Value<EndpointUrl<'a>>,
    /// The policy of its namespace.
    pub here: &'a Here<'a>,
    /// Who writes the endpoint; `None` where nobody says.
    pub user: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// An endpoint with a url, stored in the place of one with `previous_url`.
    #[must_use]
    pub fn new(url: Value<&'a str>, rewrite_path: Value<&'a str>, previous_url: Option<&'a str>) -> Self {
        let old = previous_url.map(|url| Spec::of_url(Value::Text(url), Value::Absent));
        Subject::of(Spec::of_url(url, rewrite_path), old, &NOWHERE)
    }

    /// An endpoint under the policy of its namespace, stored in the place of `old`.
    #[must_use]
    pub fn of(spec: Spec<'a>, old: Option<Spec<'a>>, here: &'a Here<'a>) -> Self {
        let rewrite_path = match spec.rewrite_path {
            Value::Text("") => Value::Absent,
            other => other,
        };
        let url = spec.url.map(EndpointUrl::read);
        Subject {
            spec,
            old,
            default_path: url.text().and_then(|url| RewritePath::derive(&url.parts)),
            url,
            rewrite_path: rewrite_path.map(WrittenPath::read),
            is_slice_stuck: false,
            origin: spec.origin.map(EndpointUrl::read),
            here,
            user: None,
        }
    }

    /// The same with another value in a field.
    #[must_use]
    pub(in crate::endpoint) fn with(&self, field: Field, value: &'a str) -> Self {
        let subject = Subject::of(self.spec.with(field, value), self.old, self.here);
        Subject { is_slice_stuck: self.is_slice_stuck, user: self.user, ..subject }
    }

    /// Whether the rewritePath says the same as the url, so that the url's rules say all there is to say.
    #[must_use]
    pub(in crate::endpoint) fn has_default_path(&self) -> bool {
        let (Some(path), Some(default)) = (self.rewrite_path.text(), &self.default_path) else {
            return false;
        };
        path.text.trim_end_matches('/') == default.as_str().trim_end_matches('/')
    }

    /// What no list of the policy allows about where this leads to.
    #[must_use]
    pub(super) fn outside(&self) -> Option<(Destination<'_>, Outside)> {
        let (url, api) = match (&self.url, &self.origin) {
            (Value::Text(url), _) => (url, None),
            (_, Value::Text(origin)) => (origin, Some(self.api())),
            _ => return None,
        };
        let destination = Destination { url, api };
        Some((destination, self.here.outside(&destination)?))
    }

    fn api(&self) -> Api {
        Api { schema: self.schema(), has_credential: self.spec.credential != Value::Absent }
    }

    /// Whose requests are sent to an origin; `None` where that can't be read.
    #[must_use]
    pub(super) fn schema(&self) -> Option<Schema> {
        match self.spec.schema {
            Value::Absent => Some(Schema::OpenAI),
            Value::Text(name) => Schema::of(name),
            Value::NotText => None,
        }
    }

    /// The same endpoint, written by this user.
    #[must_use]
    pub fn by(self, user: Option<&'a str>) -> Self {
        Subject { user, ..self }
    }
}
