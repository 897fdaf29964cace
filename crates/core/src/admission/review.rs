//! The bytes of an `AdmissionReview` flow in; the part of it that the webhooks need flows out.
//!
//! It takes one pass. What no decision needs is skipped and not decoded, and what is decoded borrows from the bytes.
//! The objects are read leniently, because `/mutate` gets them before the schema is checked: a field of another type
//! is [`Value::NotText`], never an error. What the API server itself writes is read strictly.

use std::borrow::Cow;

use super::json::{self, Lenient, Parsed, Raw, RawText, Read, Reader, SyntaxError};
use super::{Operation, reconciled};
use crate::endpoint::{self, CLUSTER_LABEL, Field, Value};

/// `AdmissionReview`, admission.k8s.io/v1: only the fields that are read.
#[derive(Debug, Default)]
pub(super) struct Review<'a> {
    pub api_version: RawText<'a>,
    pub kind: RawText<'a>,
    pub request: Request<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    /// Never empty.
    pub uid: Cow<'a, str>,
    pub kind: GroupVersionKind<'a>,
    pub sub_resource: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub namespace: Cow<'a, str>,
    pub operation: Operation,
    pub user_info: UserInfo<'a>,
    pub object: Lenient<Object<'a>>,
    pub old_object: Lenient<OldObject<'a>>,
    pub dry_run: bool,
}

/// The version that the object was converted to for this webhook. `request.requestKind` has the version that the
/// client wrote, which does not matter.
#[derive(Debug, Default)]
pub(super) struct GroupVersionKind<'a> {
    pub group: RawText<'a>,
    pub version: RawText<'a>,
    pub kind: RawText<'a>,
}

#[derive(Debug, Default)]
pub(super) struct UserInfo<'a> {
    pub username: Cow<'a, str>,
}

/// A ModelEndpoint: only what a decision needs.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub metadata: Lenient<Metadata<'a>>,
    pub spec: Lenient<Spec<'a>>,
}

/// What an update replaces.
#[derive(Debug, Default)]
pub(super) struct OldObject<'a> {
    metadata: Lenient<OldMetadata<'a>>,
    spec: Lenient<Spec<'a>>,
    /// Kept as JSON, because it is needed only if the url changes.
    status: Option<Raw<'a>>,
}

#[derive(Debug, Default)]
struct OldMetadata<'a> {
    labels: Lenient<Labels<'a>>,
    generation: Option<Raw<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Labels<'a> {
    cluster: Value<Cow<'a, str>>,
}

#[derive(Debug, Default)]
pub(super) struct Metadata<'a> {
    pub name: Value<RawText<'a>>,
    pub generate_name: Value<RawText<'a>>,
    pub uid: Value<RawText<'a>>,
    labels: Lenient<Labels<'a>>,
    /// Kept as JSON, because it is needed only for a default that may have to follow its url.
    pub managed_fields: Option<Raw<'a>>,
    /// The same.
    pub annotations: Option<Raw<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Spec<'a> {
    url: Value<Cow<'a, str>>,
    rewrite_path: Value<Cow<'a, str>>,
    origin: Value<Cow<'a, str>>,
    api: Lenient<Api<'a>>,
    model: Value<Cow<'a, str>>,
    credential: Credential<'a>,
}

#[derive(Debug, Default)]
struct Api<'a> {
    schema: Value<Cow<'a, str>>,
    prefix: Value<Cow<'a, str>>,
}

#[derive(Debug, Default)]
struct Credential<'a> {
    is_there: bool,
    api_key: Lenient<ApiKey<'a>>,
}

#[derive(Debug, Default)]
struct ApiKey<'a> {
    secret_ref: Lenient<SecretRef<'a>>,
}

#[derive(Debug, Default)]
struct SecretRef<'a> {
    name: Value<Cow<'a, str>>,
    key: Value<Cow<'a, str>>,
}

impl<'a> Review<'a> {
    /// # Errors
    /// If the bytes are not valid JSON, contain a member that is read twice, have a type that no API server writes,
    /// or have no `request.uid`.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, json::Error> {
        json::from_slice(body)
    }
}

impl<'a> Read<'a> for Review<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([
            ("apiVersion", &mut self.api_version),
            ("kind", &mut self.kind),
            ("request", &mut self.request),
        ])?;
        if self.request.uid.is_empty() { reader.stop(SyntaxError::Missing("request.uid")) } else { Ok(()) }
    }
}

impl<'a> Read<'a> for Request<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([
            ("uid", &mut self.uid),
            ("kind", &mut self.kind),
            ("subResource", &mut self.sub_resource),
            ("name", &mut self.name),
            ("namespace", &mut self.namespace),
            ("operation", &mut self.operation),
            ("userInfo", &mut self.user_info),
            ("object", &mut self.object),
            ("oldObject", &mut self.old_object),
            ("dryRun", &mut self.dry_run),
        ])
    }
}

impl<'a> Read<'a> for GroupVersionKind<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("group", &mut self.group), ("version", &mut self.version), ("kind", &mut self.kind)])
    }
}

impl GroupVersionKind<'_> {
    /// In the form of `apiVersion`.
    #[must_use]
    pub(super) fn api_version(&self) -> String {
        format!("{}/{}", self.group.lossy(), self.version.lossy())
    }
}

impl<'a> Read<'a> for UserInfo<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("username", &mut self.username)])
    }
}

impl<'a> Read<'a> for Operation {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        let word = reader.written()?;
        // AdmissionReview does not define `unknown`, but it gives `Unknown` all the same.
        let known = Operation::ALL.into_iter().find(|operation| word == *operation.name());
        *self = known.unwrap_or(Operation::Unknown);
        Ok(())
    }
}

impl<'a> Read<'a> for Object<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("metadata", &mut self.metadata), ("spec", &mut self.spec)])
    }
}

impl<'a> Read<'a> for OldObject<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([
            ("spec", &mut self.spec),
            ("metadata", &mut self.metadata),
            ("status", &mut self.status),
        ])
    }
}

impl<'a> Read<'a> for Metadata<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([
            ("name", &mut self.name),
            ("generateName", &mut self.generate_name),
            ("uid", &mut self.uid),
            ("labels", &mut self.labels),
            ("managedFields", &mut self.managed_fields),
            ("annotations", &mut self.annotations),
        ])
    }
}

impl<'a> Read<'a> for Spec<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([
            ("url", &mut self.url),
            ("rewritePath", &mut self.rewrite_path),
            ("origin", &mut self.origin),
            ("api", &mut self.api),
            ("model", &mut self.model),
            ("credential", &mut self.credential),
        ])
    }
}

impl<'a> Read<'a> for Api<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("schema", &mut self.schema), ("prefix", &mut self.prefix)])
    }
}

impl<'a> Read<'a> for Credential<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        let next = reader.peek();
        self.is_there = next != Some(b'n');
        match next {
            Some(b'{') => reader.fields([("apiKey", &mut self.api_key)]),
            _ => reader.skip(),
        }
    }
}

impl<'a> Read<'a> for ApiKey<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("secretRef", &mut self.secret_ref)])
    }
}

impl<'a> Read<'a> for SecretRef<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("name", &mut self.name), ("key", &mut self.key)])
    }
}

impl<'a> Read<'a> for Labels<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([(CLUSTER_LABEL, &mut self.cluster)])
    }
}

impl<'a> Read<'a> for OldMetadata<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("labels", &mut self.labels), ("generation", &mut self.generation)])
    }
}

impl<'a> Request<'a> {
    /// What an update replaces.
    #[must_use]
    pub(super) fn replaced(&self) -> Option<&OldObject<'a>> {
        self.old_object.0.as_ref().filter(|_| self.operation == Operation::Update)
    }

    /// The spec that an update replaces.
    #[must_use]
    pub(super) fn replaced_spec(&self) -> Option<endpoint::Spec<'_>> {
        self.replaced().map(|old| {
            let metadata = old.metadata.0.as_ref();
            meaning(&old.spec, metadata.and_then(|metadata| metadata.labels.0.as_ref()))
        })
    }
}

impl OldObject<'_> {
    /// Whether Crossplane reports that the EndpointSlice does not follow this object.
    #[must_use]
    pub(super) fn is_slice_stuck(&self) -> bool {
        let generation = self.metadata.0.as_ref().and_then(|metadata| metadata.generation);
        reconciled::is_slice_stuck(generation, self.status)
    }
}

impl Object<'_> {
    /// What the endpoint means.
    #[must_use]
    pub(super) fn spec(&self) -> endpoint::Spec<'_> {
        let metadata = self.metadata.0.as_ref();
        meaning(&self.spec, metadata.and_then(|metadata| metadata.labels.0.as_ref()))
    }
}

/// The meaning of the fields. If a part of the object has another type, its fields are absent.
fn meaning<'a>(spec: &'a Lenient<Spec<'_>>, labels: Option<&'a Labels<'_>>) -> endpoint::Spec<'a> {
    let Some(spec) = &spec.0 else { return endpoint::Spec::default() };
    let api = spec.api.0.as_ref();
    let api_key = spec.credential.api_key.0.as_ref();
    let secret = api_key.and_then(|api_key| api_key.secret_ref.0.as_ref());
    endpoint::Spec::read(|field| match field {
        Field::Url => spec.url.as_deref(),
        Field::RewritePath => spec.rewrite_path.as_deref(),
        Field::Origin => spec.origin.as_deref(),
        Field::Schema => api.map_or(Value::Absent, |api| api.schema.as_deref()),
        Field::Prefix => api.map_or(Value::Absent, |api| api.prefix.as_deref()),
        Field::Model => spec.model.as_deref(),
        Field::Credential if spec.credential.is_there => Value::NotText,
        Field::Credential => Value::Absent,
        Field::SecretName => secret.map_or(Value::Absent, |secret| secret.name.as_deref()),
        Field::SecretKey => secret.map_or(Value::Absent, |secret| secret.key.as_deref()),
        Field::Cluster => labels.map_or(Value::Absent, |labels| labels.cluster.as_deref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> (String, Value<String>, Value<String>) {
        let body = format!(r#"{{"request":{{"uid":"u","object":{json}}}}}"#);
        let review = Review::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let Some(object) = review.request.object.0 else {
            return ("none".to_owned(), Value::Absent, Value::Absent);
        };
        let owned = |value: Value<&str>| value.map(str::to_owned);
        let spec = object.spec();
        ("some".to_owned(), owned(spec.url), owned(spec.rewrite_path))
    }

    #[test]
    fn an_object_of_any_shape_is_read() {
        use Value::{Absent, NotText, Text};
        let none = ("none".to_owned(), Absent, Absent);
        let some = |url, path| ("some".to_owned(), url, path);
        for other in ["null", "true", "1", "-1", "1.5", "\"text\"", "[[1],{}]"] {
            assert_eq!(object(other), none, "{other}");
            assert_eq!(object(&format!(r#"{{"spec":{other}}}"#)), some(Absent, Absent), "{other}");
            assert_eq!(object(&format!(r#"{{"metadata":{other}}}"#)), some(Absent, Absent), "{other}");
        }
        for other in ["true", "1", "-1", "1.5", "[[1],{}]", r#"{"a":[]}"#] {
            let json = format!(r#"{{"spec":{{"url":{other},"rewritePath":{other}}}}}"#);
            assert_eq!(object(&json), some(NotText, NotText), "{other}");
        }
        assert_eq!(
            object(r#"{"metadata":{"name":"n"},"spec":{"url":"a\u0062","rewritePath":null,"x":{}}}"#),
            some(Text("ab".to_owned()), Absent)
        );
    }

    #[test]
    fn every_field_of_an_origin_is_found_where_it_is() {
        let read = |metadata: &str, spec: &str| {
            let body =
                format!(r#"{{"request":{{"uid":"u","object":{{"metadata":{metadata},"spec":{spec}}}}}}}"#);
            let review = Review::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
            let object = review.request.object.0.expect("an object");
            let spec = object.spec();
            Field::ALL.map(|field| spec.value(field).map(str::to_owned))
        };
        let text = |text: &str| Value::Text(text.to_owned());
        let spec = r#"{"origin":"o","url":null,"rewritePath":"/","api":{"schema":"s","prefix":"p"},"model":"m",
            "credential":{"method":"APIKey","apiKey":{"secretRef":{"name":"n","key":"k"}}}}"#;
        assert_eq!(
            read(r#"{"labels":{"a":"b","modelplane.ai\/cluster":"c"}}"#, spec),
            [
                Value::Absent,
                Value::Absent,
                text("o"),
                text("s"),
                text("p"),
                text("m"),
                Value::NotText,
                text("n"),
                text("k"),
                text("c"),
            ]
        );
        for other in ["null", "5", "[{}]", "\"x\"", "{}"] {
            let spec = format!(r#"{{"origin":5,"api":{other},"credential":{other}}}"#);
            let fields = read(&format!(r#"{{"labels":{other}}}"#), &spec);
            let credential = if other == "null" { Value::Absent } else { Value::NotText };
            for (field, found) in Field::ALL.into_iter().zip(fields) {
                let expected = match field {
                    Field::Origin => Value::NotText,
                    Field::Credential => credential.clone(),
                    _ => Value::Absent,
                };
                assert_eq!(found, expected, "{field:?} {other}");
            }
        }
    }

    #[test]
    fn a_key_that_is_read_may_stand_there_once() {
        let twice = br#"{"request":{"uid":"u","object":{"spec":{"url":"a","url":"b"}}}}"#;
        let error = Review::parse(twice).expect_err("two urls");
        assert_eq!(error.to_string(), "`url` appears twice, the second time at byte 56");
    }

    #[test]
    fn depth_is_no_obstacle_where_nothing_is_read() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(object(&format!(r#"{{"status":{deep}}}"#)).0, "some");
        assert_eq!(object(&format!(r#"{{"spec":{{"url":{deep}}}}}"#)).1, Value::NotText);
    }
}
