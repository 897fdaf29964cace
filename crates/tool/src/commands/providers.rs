//! `providers`: the catalogue of providers flows in, text, JSON or Markdown flows out.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use modelendpoint_core::endpoint::providers::{self, Provider, Schema, slug};
use modelendpoint_lint::providers::{PROXY, bases, key, origin, place, spec, url};
use serde_json::{Value, json};

use super::output::print;
use crate::cli::{self, RulesFormat};

/// Prints the catalogue, or the entries that match a name.
///
/// # Errors
/// When nothing matches.
pub fn run(args: &cli::Providers) -> anyhow::Result<ExitCode> {
    let found = matching(args.name.as_deref().unwrap_or_default());
    if found.is_empty() {
        bail!("no provider is known by that name; `modelendpoint providers` lists them all");
    }
    let text = match args.format {
        RulesFormat::Markdown => page(),
        RulesFormat::Json => format!("{:#}\n", found.into_iter().map(as_json).collect::<Value>()),
        RulesFormat::Text if args.name.is_some() => {
            found.into_iter().map(details).collect::<Vec<_>>().join("\n")
        }
        RulesFormat::Text => list(&found),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Finds entries by a part of the name, or by a host.
fn matching(name: &str) -> Vec<&'static Provider> {
    let name = name.to_lowercase();
    let exact = providers::at(&name);
    let slug_of_name = slug(&name);
    let is_match = |provider: &&Provider| {
        let is_of_host = exact.is_some_and(|exact| exact.name == provider.name);
        is_of_host
            || provider.name.to_lowercase().contains(&name)
            || !slug_of_name.is_empty() && provider.slug().contains(&slug_of_name)
            || provider.hosts.iter().any(|host| host.contains(&name))
    };
    providers::all().iter().filter(is_match).collect()
}

fn list(found: &[&Provider]) -> String {
    let mut text = String::new();
    for provider in found {
        let place = place(provider);
        let place =
            place.as_ref().map_or(PROXY.to_owned(), |place| format!("{}{}", place.origin, place.base));
        let _ = writeln!(text, "{:<34}{place}", provider.name);
    }
    text.push_str(
        "\n`modelendpoint providers NAME` shows what to write for one of them, and its own page.\n",
    );
    text
}

fn details(provider: &Provider) -> String {
    let mut text = format!("{}\n\n", provider.name);
    text.push_str(&manifest(provider));
    text.push('\n');
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "  {key:<12}{value}");
    };
    if !provider.hosts.is_empty() {
        line("hosts", &provider.hosts.join(", "));
    }
    if let Some(port) = provider.port {
        line("port", &port.to_string());
    }
    for schema in Schema::ALL {
        let bases = bases(provider, schema);
        if !bases.is_empty() {
            line(schema.name(), &bases.join(", "));
        }
    }
    if provider.schemas().next().is_none() {
        line("API", "its own");
    }
    line("key", &key(provider));
    if let Some(query) = provider.query {
        line("query", query);
    }
    if let Some(note) = provider.note {
        line("note", note);
    }
    line("see", provider.link);
    line("on the web", &provider.page());
    line("seen", &format!("{}{}", provider.seen, if provider.verified { "" } else { ", not verified" }));
    text
}

/// What to write for both versions of Modelplane.
fn manifest(provider: &Provider) -> String {
    let Some(spec) = spec(provider) else { return format!("Write the origin or the url of {PROXY}.\n") };
    let mut text = String::from("Modelplane 0.5:\n\n");
    for line in spec.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("\nModelplane before 0.5:\n\n");
    match url(provider) {
        Some(url) => {
            let _ = writeln!(text, "  url: {url}");
        }
        None => text.push_str(
            "  put a proxy in front, such as LiteLLM: clients send `/v1/...`, which it does not serve\n",
        ),
    }
    text
}

fn as_json(provider: &Provider) -> Value {
    let place = place(provider).map(|place| {
        let prefix = if place.base.is_empty() { "/" } else { &place.base };
        json!({ "origin": place.origin, "api": { "schema": place.schema.name(), "prefix": prefix } })
    });
    json!({
        "name": provider.name,
        "hosts": provider.hosts,
        "port": provider.port,
        "bases": provider.bases,
        "anthropicBases": provider.anthropic_bases,
        "spec": place,
        "url": url(provider),
        "schemas": provider.schemas().map(Schema::name).collect::<Vec<_>>(),
        "credential": provider.credential,
        "isKeyOptional": provider.is_key_optional,
        "query": provider.query,
        "note": provider.note,
        "link": provider.link,
        "page": provider.page(),
        "seen": provider.seen,
        "verified": provider.verified,
    })
}

/// docs/providers.md.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(HEAD);
    for (title, is_hosted) in [("Providers", true), ("Servers that you run", false)] {
        let _ = write!(
            text,
            "\n## {title}\n\n| name | `origin` | `api.prefix` | `url` before 0.5 | key | note \
             |\n|---|---|---|---|---|---|\n"
        );
        for provider in providers::all().iter().filter(|provider| provider.hosts.is_empty() != is_hosted) {
            let code = |text: String| format!("`{text}`");
            let is_usable = place(provider).is_some();
            let origin = if is_usable { code(origin(provider)) } else { "a proxy".to_owned() };
            let url = url(provider).map_or_else(|| "a proxy".to_owned(), code);
            let mark = if provider.verified { "" } else { " (?)" };
            let note = provider.note.unwrap_or_default();
            let _ = writeln!(
                text,
                "| [{}]({}){mark} | {origin} | {} | {url} | {} | {note} |",
                provider.name,
                provider.link,
                if is_usable { prefixes(provider) } else { String::new() },
                provider.credential.map_or_else(|| "none".to_owned(), |header| code(header.to_owned()))
            );
        }
    }
    text
}

/// What to write as `api.prefix`, also for Anthropic's requests if the provider understands them.
fn prefixes(provider: &Provider) -> String {
    let of = |schema| {
        let bases = bases(provider, schema);
        (!bases.is_empty()).then(|| format!("`{}`", bases.join("`, `")))
    };
    match (of(Schema::OpenAI), of(Schema::Anthropic)) {
        (Some(open_ai), Some(anthropic)) if open_ai == anthropic => format!("{open_ai}, for both schemas"),
        (Some(open_ai), Some(anthropic)) => format!("{open_ai}; Anthropic: {anthropic}"),
        (Some(open_ai), None) => open_ai,
        (None, Some(anthropic)) => format!("Anthropic: {anthropic}"),
        (None, None) => String::new(),
    }
}

const HEAD: &str = "\
<!-- Made by `modelendpoint providers --format markdown`; a test holds the two equal. -->
# Providers

What to write in a ModelEndpoint, for providers and servers that are known.

- **Modelplane 0.5**: write `origin` and, unless it is `/v1`, `api.prefix`. Where a prefix is named for Anthropic, the
  provider understands `schema: Anthropic` there. Name the provider's key in `credential`. The rules
  [provider-prefix](rules.md#provider-prefix), [provider-schema](rules.md#provider-schema),
  [provider-credential](rules.md#provider-credential) and [provider-api](rules.md#provider-api) warn of an endpoint that its
  provider would not answer.
- **Modelplane before 0.5**: write `url`. Clients of its gateway send `/v1/chat/completions`, so an API is reached only where
  its path ends in `/v1`. For all others, put a proxy in front that removes the `/v1`, such as LiteLLM, and write the
  proxy's url. The rule [url-provider](rules.md#url-provider) warns of a url that leads nowhere. No key is sent.

`<name>`, `<id>` and a `*` stand for what is yours. Where a table says *a proxy*, write the origin or the url of a proxy that
you put in front. The column *key* names the header in which the provider expects the key; the gateway of Modelplane 0.5 sends
it as `Authorization: Bearer`, or in `x-api-key` with `schema: Anthropic`. A (?) behind a name says that the entry is general
knowledge or a third party's, and was not verified in the provider's own documentation. `modelendpoint providers NAME` shows the
same at a terminal, with the day on which it was looked up, and so does a page for each on the
[documentation site](https://modelplane.github.io/modelendpoint-webhook/providers/). To add or correct an entry, edit
`crates/core/src/endpoint/providers/providers.json`.
";
