//! Endpoints that show a rule. They are its documentation and its tests.

use crate::endpoint::Spec;
use crate::endpoint::field::Value;

/// An endpoint that shows a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    pub spec: Spec<'static>,
    /// The url before the update, for a rule about updates.
    pub previous_url: Option<&'static str>,
    /// What a policy allows, for a rule about that.
    pub allowed: Option<Allowed>,
    /// Who writes it, for a rule about that.
    pub user: Option<&'static str>,
}

/// The one list of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowed {
    /// A host pattern.
    pub host: &'static str,
    pub schema: Option<&'static str>,
    pub needs_credential: bool,
}

impl Example {
    #[must_use]
    pub const fn url(url: &'static str) -> Self {
        Example::of(Spec::of_url(Value::Text(url), Value::Absent))
    }

    #[must_use]
    pub const fn rewrite_path(url: &'static str, rewrite_path: &'static str) -> Self {
        Example::of(Spec::of_url(Value::Text(url), Value::Text(rewrite_path)))
    }

    #[must_use]
    pub const fn update(previous_url: &'static str, url: &'static str) -> Self {
        Example { previous_url: Some(previous_url), ..Example::url(url) }
    }

    /// An update of the url that leaves this rewritePath as it is.
    #[must_use]
    pub(crate) const fn update_of(
        previous_url: &'static str,
        url: &'static str,
        rewrite_path: &'static str,
    ) -> Self {
        Example { previous_url: Some(previous_url), ..Example::rewrite_path(url, rewrite_path) }
    }

    #[must_use]
    pub const fn origin(origin: &'static str) -> Self {
        Example::of(Spec { origin: Value::Text(origin), ..Spec::EMPTY })
    }

    #[must_use]
    pub const fn prefix(prefix: &'static str) -> Self {
        let Example { spec, .. } = Example::origin("https://api.example.com");
        Example::of(Spec { prefix: Value::Text(prefix), ..spec })
    }

    #[must_use]
    pub const fn model(model: &'static str) -> Self {
        let Example { spec, .. } = Example::origin("https://api.example.com");
        Example::of(Spec { model: Value::Text(model), ..spec })
    }

    #[must_use]
    const fn of(spec: Spec<'static>) -> Self {
        Example { spec, previous_url: None, allowed: None, user: None }
    }

    #[must_use]
    pub(crate) const fn under_policy(self, host: &'static str) -> Self {
        Example { allowed: Some(Allowed { host, schema: None, needs_credential: false }), ..self }
    }

    /// The same, where that policy allows this schema only.
    #[must_use]
    pub(crate) const fn with_allowed_schema(self, schema: &'static str) -> Self {
        match self.allowed {
            Some(allowed) => Example { allowed: Some(Allowed { schema: Some(schema), ..allowed }), ..self },
            None => self,
        }
    }

    /// The same, where that policy requires a credential.
    #[must_use]
    pub(crate) const fn with_required_credential(self) -> Self {
        match self.allowed {
            Some(allowed) => Example { allowed: Some(Allowed { needs_credential: true, ..allowed }), ..self },
            None => self,
        }
    }

    /// The same with an API key from this Secret.
    #[must_use]
    pub(crate) const fn with_secret(self, name: &'static str, key: &'static str) -> Self {
        let (secret_name, secret_key) = (Value::Text(name), Value::Text(key));
        let spec = Spec { credential: Value::NotText, secret_name, secret_key, ..self.spec };
        Example { spec, ..self }
    }

    /// The same with this prefix and this schema.
    #[must_use]
    pub(crate) const fn with_api(self, schema: &'static str, prefix: &'static str) -> Self {
        let spec = Spec { schema: Value::Text(schema), prefix: Value::Text(prefix), ..self.spec };
        Example { spec, ..self }
    }

    /// The same with the label of a cluster, written by this user.
    #[must_use]
    pub(crate) const fn labelled_by(self, cluster: &'static str, user: &'static str) -> Self {
        let spec = Spec { cluster: Value::Text(cluster), ..self.spec };
        Example { spec, user: Some(user), ..self }
    }
}
