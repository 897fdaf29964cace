//! The catalogue of providers in, a page for each out. docs/providers.md is the list of them.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use modelendpoint_core::endpoint::providers::{self, Provider, Schema};
use modelendpoint_lint::providers::{bases, key, place, spec, url};

use crate::pages::Page;

/// The list, with links to the pages, and the pages.
pub(crate) fn pages(list: &str) -> Vec<Page> {
    let mut list = list.to_owned();
    for Provider { name, link, .. } in providers::all() {
        let page = providers::slug(name);
        list = list.replace(&format!("[{name}]({link})"), &format!("[{name}]({page}.md)"));
    }
    let mut pages = vec![Page { path: "providers/index.md".to_owned(), text: list }];
    pages.extend(
        providers::all()
            .iter()
            .map(|provider| Page { path: format!("providers/{}.md", provider.slug()), text: page(provider) }),
    );
    pages
}

fn page(provider: &Provider) -> String {
    let name = provider.name;
    let mut text = format!("# {name}\n\n");
    if let Some(note) = provider.note {
        let _ = writeln!(text, "{note}\n");
    }
    let _ = write!(text, "## Modelplane 0.5\n\n{}\n", of_origin(provider));
    let _ = write!(text, "## Modelplane before 0.5\n\n{}\n", of_url(provider));
    let _ = writeln!(text, "## Where its API is\n\n| | |\n|---|---|");
    for (what, values) in facts(provider) {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        let _ = writeln!(text, "| {what} | {} |", values.join(", "));
    }
    let source = if provider.verified {
        format!("according to [its own documentation]({})", provider.link)
    } else {
        format!(
            "from general knowledge or a third party. It was not verified in [its own documentation]({})",
            provider.link
        )
    };
    let _ = write!(
        text,
        "\nThis is as of {}, {source}. `modelendpoint providers {}` shows the same at a terminal.\n\n{RULES}",
        provider.seen,
        provider.slug(),
    );
    text
}

const RULES: &str = "\
These rules warn of an endpoint that the provider would not answer:
[url-provider](../rules/url-provider.md),
[provider-prefix](../rules/provider-prefix.md),
[provider-schema](../rules/provider-schema.md),
[provider-credential](../rules/provider-credential.md) and
[provider-api](../rules/provider-api.md).
";

fn of_origin(provider: &Provider) -> String {
    let Some(spec) = spec(provider) else {
        return "Put a proxy in front that translates, such as [LiteLLM](litellm.md), and write the proxy's origin.\n"
            .to_owned();
    };
    let mut text = format!("```yaml\n{spec}```\n");
    if place(provider).is_some_and(|place| !format!("{}{}", place.origin, place.base).contains('<')) {
        let _ = write!(text, "\n[Try it](../try.md#{})\n", fragment(&manifest(provider, &spec)));
    }
    text
}

fn of_url(provider: &Provider) -> String {
    url(provider).map_or_else(
        || {
            "Put a proxy in front, such as [LiteLLM](litellm.md), and write the proxy's url: clients of the gateway \
             send `/v1/...`, which this API does not serve.\n"
                .to_owned()
        },
        |url| format!("```yaml\nurl: {url}\n```\n"),
    )
}

fn facts(provider: &Provider) -> Vec<(&'static str, Vec<String>)> {
    let of = |schema| bases(provider, schema).into_iter().map(ToOwned::to_owned).collect();
    let hosts = provider.hosts.iter().map(|host| (*host).to_owned()).collect();
    let facts = [
        ("hosts", hosts),
        ("port", provider.port.map(|port| port.to_string()).into_iter().collect()),
        ("OpenAI's requests, below", of(Schema::OpenAI)),
        ("Anthropic's requests, below", of(Schema::Anthropic)),
        ("key", vec![key(provider)]),
        ("query", provider.query.map(ToOwned::to_owned).into_iter().collect()),
    ];
    facts.into_iter().filter(|(_, values)| !values.is_empty()).collect()
}

/// An endpoint of this provider, for the page to try it.
fn manifest(provider: &Provider, spec: &str) -> String {
    let slug = provider.slug();
    let spec = spec.replace("<model>", "my-model").replace("<secret>", "my-key");
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata:\n  name: {slug}\n  namespace: ml-team\nspec:\n{spec}"
    )
}

/// What `readFragment` of assets/try.js reads.
fn fragment(manifests: &str) -> String {
    let shared = json!({ "manifests": manifests, "policy": "", "namespace": "default" });
    BASE64_URL_SAFE_NO_PAD.encode(shared.to_string())
}
