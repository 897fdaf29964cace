//! A provider of the catalogue in, what to write for it out: the same at a terminal, on its page of the site, and
//! beside a manifest that is tried in a browser.

use modelendpoint_core::endpoint::providers::{self, Provider, Schema};
use modelendpoint_core::endpoint::{EndpointUrl, Spec};

/// What to put in front of a provider that the gateway can't use as it is.
pub const PROXY: &str = "a proxy that translates, such as LiteLLM";

/// The provider that an endpoint leads to, by the host that is written; `None` if nobody known has that host.
#[must_use]
pub fn of(spec: &Spec<'_>) -> Option<&'static Provider> {
    let place = spec.origin.text().or_else(|| spec.url.text())?;
    providers::at(EndpointUrl::read(place).name()?)
}

/// The location of an API.
pub struct Place {
    pub origin: String,
    /// The path in front of the operation, without a slash at its end; empty if there is none.
    pub base: String,
    pub schema: Schema,
}

/// What to write for Modelplane 0.5. `None` if the gateway can't use the provider directly.
#[must_use]
pub fn place(provider: &Provider) -> Option<Place> {
    let schema = provider.schemas().next().filter(|_| provider.query.is_none())?;
    let base = provider.bases_of(schema).first()?.replace('*', "<id>");
    Some(Place { origin: origin(provider), base, schema })
}

/// The fields of a spec of Modelplane 0.5 as YAML, from the left margin; `None` as for [`place`].
#[must_use]
pub fn spec(provider: &Provider) -> Option<String> {
    let Place { origin, base, schema } = place(provider)?;
    let prefix = if base.is_empty() { "/" } else { &base };
    let mut text =
        format!("origin: {origin}\napi:\n  schema: {}\n  prefix: {prefix}\nmodel: <model>\n", schema.name());
    if provider.credential.is_some() && !provider.is_key_optional {
        text.push_str("credential:\n  method: APIKey\n  apiKey:\n    secretRef:\n      name: <secret>\n");
    }
    Some(text)
}

/// What to write for Modelplane before 0.5. `None` if clients of its gateway can't reach the API.
#[must_use]
pub fn url(provider: &Provider) -> Option<String> {
    let base = provider.reachable().next().filter(|_| provider.query.is_none())?;
    Some(format!("{}{}", origin(provider), base.replace('*', "<id>")))
}

/// Scheme, host and port, with `<name>` and `<host>` for what is the user's own.
#[must_use]
pub fn origin(provider: &Provider) -> String {
    match (provider.hosts.first(), provider.port) {
        (Some(host), _) => format!("https://{}", host.replace('*', "<name>")),
        (None, Some(port)) => format!("http://<host>:{port}"),
        (None, None) => "http://<host>".to_owned(),
    }
}

/// The paths below which it understands these requests, each as a prefix.
#[must_use]
pub fn bases(provider: &Provider, schema: Schema) -> Vec<&'static str> {
    let bases = provider.bases_of(schema).iter();
    bases.map(|base| if base.is_empty() { "/" } else { *base }).collect()
}

/// The header for the key.
#[must_use]
pub fn key(provider: &Provider) -> String {
    match provider.credential {
        None => "none".to_owned(),
        Some(header) if provider.is_key_optional => format!("{header} (if it asks for one)"),
        Some(header) => header.to_owned(),
    }
}
