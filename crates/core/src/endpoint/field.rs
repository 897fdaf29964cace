//! The fields of a ModelEndpoint that decide where traffic goes, in both generations of the resource.

use std::ops::Deref;

/// The label that marks an endpoint as composed by Modelplane for one of its clusters.
pub const CLUSTER_LABEL: &str = "modelplane.ai/cluster";

/// A set of fields that says where an endpoint points. A cluster serves one of the two sets; both are `v1alpha1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// `url` and `rewritePath`: Modelplane before 0.5.
    Url,
    /// `origin`, `api`, `model` and `credential`: Modelplane 0.5.
    Origin,
}

/// A field that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Url,
    RewritePath,
    Origin,
    Schema,
    Prefix,
    Model,
    Credential,
    SecretName,
    SecretKey,
    /// The label [`CLUSTER_LABEL`].
    Cluster,
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Value<T> {
    /// Missing or null: the API server drops a null.
    #[default]
    Absent,
    /// A number, a list, an object, ...
    NotText,
    Text(T),
}

/// The fields of one endpoint. A field that does not belong to the endpoint's generation is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spec<'a> {
    pub url: Value<&'a str>,
    pub rewrite_path: Value<&'a str>,
    pub origin: Value<&'a str>,
    pub schema: Value<&'a str>,
    pub prefix: Value<&'a str>,
    pub model: Value<&'a str>,
    /// [`Value::NotText`] if it is present, because it is an object.
    pub credential: Value<&'a str>,
    pub secret_name: Value<&'a str>,
    pub secret_key: Value<&'a str>,
    pub cluster: Value<&'a str>,
}

impl Generation {
    pub const ALL: [Generation; 2] = [Generation::Url, Generation::Origin];

    /// The fields of this generation.
    pub fn fields(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| field.generation() == self)
    }
}

impl Field {
    pub const ALL: [Field; 10] = [
        Field::Url,
        Field::RewritePath,
        Field::Origin,
        Field::Schema,
        Field::Prefix,
        Field::Model,
        Field::Credential,
        Field::SecretName,
        Field::SecretKey,
        Field::Cluster,
    ];

    #[must_use]
    pub const fn generation(self) -> Generation {
        match self {
            Field::Url | Field::RewritePath => Generation::Url,
            _ => Generation::Origin,
        }
    }

    /// The path as Kubernetes writes it in a `StatusCause`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Field::Url => "spec.url",
            Field::RewritePath => "spec.rewritePath",
            Field::Origin => "spec.origin",
            Field::Schema => "spec.api.schema",
            Field::Prefix => "spec.api.prefix",
            Field::Model => "spec.model",
            Field::Credential => "spec.credential",
            Field::SecretName => "spec.credential.apiKey.secretRef.name",
            Field::SecretKey => "spec.credential.apiKey.secretRef.key",
            Field::Cluster => "metadata.labels[modelplane.ai/cluster]",
        }
    }

    /// The keys of the field, from the top of an object.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Field::Url => &["spec", "url"],
            Field::RewritePath => &["spec", "rewritePath"],
            Field::Origin => &["spec", "origin"],
            Field::Schema => &["spec", "api", "schema"],
            Field::Prefix => &["spec", "api", "prefix"],
            Field::Model => &["spec", "model"],
            Field::Credential => &["spec", "credential"],
            Field::SecretName => &["spec", "credential", "apiKey", "secretRef", "name"],
            Field::SecretKey => &["spec", "credential", "apiKey", "secretRef", "key"],
            Field::Cluster => &["metadata", "labels", CLUSTER_LABEL],
        }
    }
}

impl<'a> Spec<'a> {
    pub const EMPTY: Spec<'static> = Spec {
        url: Value::Absent,
        rewrite_path: Value::Absent,
        origin: Value::Absent,
        schema: Value::Absent,
        prefix: Value::Absent,
        model: Value::Absent,
        credential: Value::Absent,
        secret_name: Value::Absent,
        secret_key: Value::Absent,
        cluster: Value::Absent,
    };

    /// The spec whose fields `value` knows.
    #[must_use]
    pub fn read(value: impl Fn(Field) -> Value<&'a str>) -> Self {
        let all = Spec {
            url: value(Field::Url),
            rewrite_path: value(Field::RewritePath),
            origin: value(Field::Origin),
            schema: value(Field::Schema),
            prefix: value(Field::Prefix),
            model: value(Field::Model),
            credential: value(Field::Credential),
            secret_name: value(Field::SecretName),
            secret_key: value(Field::SecretKey),
            cluster: value(Field::Cluster),
        };
        match all.generation() {
            Some(Generation::Url) => Spec { url: all.url, rewrite_path: all.rewrite_path, ..Spec::default() },
            Some(Generation::Origin) => Spec { url: Value::Absent, rewrite_path: Value::Absent, ..all },
            None => Spec { cluster: Value::Absent, ..all },
        }
    }

    /// A spec of the generation before Modelplane 0.5.
    #[must_use]
    pub const fn of_url(url: Value<&'a str>, rewrite_path: Value<&'a str>) -> Self {
        Spec { url, rewrite_path, ..Spec::EMPTY }
    }

    /// The generation that the fields belong to. `None` if neither or both of `url` and `origin` are present, which
    /// the schema refuses.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        match (self.url, self.origin) {
            (Value::Absent, Value::Absent) => None,
            (_, Value::Absent) => Some(Generation::Url),
            (Value::Absent, _) => Some(Generation::Origin),
            _ => None,
        }
    }

    /// What is in a field.
    #[must_use]
    pub fn value(&self, field: Field) -> Value<&'a str> {
        match field {
            Field::Url => self.url,
            Field::RewritePath => self.rewrite_path,
            Field::Origin => self.origin,
            Field::Schema => self.schema,
            Field::Prefix => self.prefix,
            Field::Model => self.model,
            Field::Credential => self.credential,
            Field::SecretName => self.secret_name,
            Field::SecretKey => self.secret_key,
            Field::Cluster => self.cluster,
        }
    }

    /// The spec with another text in a field that has a single value.
    #[must_use]
    pub fn with(mut self, field: Field, text: &'a str) -> Self {
        let place = match field {
            Field::Url => &mut self.url,
            Field::RewritePath => &mut self.rewrite_path,
            Field::Origin => &mut self.origin,
            Field::Schema => &mut self.schema,
            Field::Prefix => &mut self.prefix,
            Field::Model => &mut self.model,
            Field::Credential => &mut self.credential,
            Field::SecretName => &mut self.secret_name,
            Field::SecretKey => &mut self.secret_key,
            Field::Cluster => &mut self.cluster,
        };
        *place = Value::Text(text);
        self
    }
}

impl<T> Value<T> {
    #[must_use]
    pub fn text(&self) -> Option<&T> {
        match self {
            Value::Text(text) => Some(text),
            Value::Absent | Value::NotText => None,
        }
    }

    /// The same, borrowed.
    pub fn as_deref(&self) -> Value<&T::Target>
    where
        T: Deref,
    {
        match self {
            Value::Absent => Value::Absent,
            Value::NotText => Value::NotText,
            Value::Text(text) => Value::Text(text),
        }
    }

    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Value<U> {
        match self {
            Value::Absent => Value::Absent,
            Value::NotText => Value::NotText,
            Value::Text(text) => Value::Text(with(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_keys_that_lead_to_the_field() {
        for field in Field::ALL {
            let keys = field.keys().join(".");
            let keys = keys.replace("labels.modelplane.ai/cluster", "labels[modelplane.ai/cluster]");
            assert_eq!(field.path(), keys);
        }
    }

    #[test]
    fn the_fields_that_are_there_say_which_generation_it_is() {
        let (absent, other, text) = (Value::Absent, Value::NotText, Value::Text("x"));
        for (url, origin, generation) in [
            (absent, absent, None),
            (text, absent, Some(Generation::Url)),
            (other, absent, Some(Generation::Url)),
            (absent, text, Some(Generation::Origin)),
            (absent, other, Some(Generation::Origin)),
            (text, text, None),
            (other, text, None),
        ] {
            assert_eq!(Spec { url, origin, ..Spec::EMPTY }.generation(), generation, "{url:?} {origin:?}");
        }
    }

    #[test]
    fn a_field_of_the_other_generation_is_not_read() {
        let of = |absent: Field| {
            Spec::read(|field| if field == absent { Value::Absent } else { Value::Text("x") })
        };
        let url = of(Field::Origin);
        assert_eq!(url, Spec::of_url(Value::Text("x"), Value::Text("x")));
        let origin = of(Field::Url);
        for field in Field::ALL {
            let is_read = field.generation() == Generation::Origin;
            assert_eq!(
                origin.value(field),
                if is_read { Value::Text("x") } else { Value::Absent },
                "{field:?}"
            );
        }
    }
}
