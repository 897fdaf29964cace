//! `providers`: the catalogue of providers flows in, text, JSON or Markdown flows out.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use modelendpoint_core::endpoint::providers::{self, Provider, Schema};
use serde_json::{Value, json};

use super::output::print;
use crate::cli::{self, RulesFormat, slug};

/// Prints the catalogue, or what matches a name.
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

/// By a part of the name, or by a host.
fn matching(name: &str) -> Vec<&'static Provider> {
    let name = name.to_lowercase();
    let exact = providers::at(&name);
    let slug_of_name = slug(&name);
    let is_match = |provider: &&Provider| {
        let is_of_host = exact.is_some_and(|exact| exact.name == provider.name);
        is_of_host
            || provider.name.to_lowercase().contains(&name)
            || !slug_of_name.is_empty() && slug(provider.name).contains(&slug_of_name)
            || provider.hosts.iter().any(|host| host.contains(&name))
    };
    providers::all().iter().filter(is_match).collect()
}

fn list(found: &[&Provider]) -> String {
    let mut text = String::new();
    for provider in found {
        let _ = writeln!(text, "{:<34}{}", provider.name, instruction(provider));
    }
    text.push_str(
        "\n`modelendpoint providers NAME` shows one of them with its credential and its own page.\n",
    );
    text
}

fn details(provider: &Provider) -> String {
    let mut text = format!("{}\n\n{}\n", provider.name, instruction(provider));
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "  {key:<12}{value}");
    };
    if !provider.hosts.is_empty() {
        line("hosts", &provider.hosts.join(", "));
    }
    if let Some(port) = provider.port {
        line("port", &port.to_string());
    }
    line("API", &bases(provider));
    line("schema", schema(provider.schema));
    line("credential", provider.credential.unwrap_or("none"));
    if let Some(query) = provider.query {
        line("query", query);
    }
    if let Some(note) = provider.note {
        line("note", note);
    }
    line("see", provider.link);
    line("seen", &format!("{}{}", provider.seen, if provider.verified { "" } else { ", not verified" }));
    text
}

/// What to write as `spec.url`, in one sentence.
fn instruction(provider: &Provider) -> String {
    let host = provider.hosts.first().map_or_else(|| "<host>".to_owned(), |host| host.replace('*', "<name>"));
    let (scheme, port) = match (provider.hosts.is_empty(), provider.port) {
        (true, Some(port)) => ("http", format!(":{port}")),
        (true, None) => ("http", String::new()),
        (false, _) => ("https", String::new()),
    };
    match provider.reachable().next() {
        Some(base) => format!("url: {scheme}://{host}{port}{}", base.replace('*', "<id>")),
        None => "put a proxy in front, such as LiteLLM: clients send `/v1/...`, which it does not serve"
            .to_owned(),
    }
}

fn bases(provider: &Provider) -> String {
    let shown = |base: &&str| if base.is_empty() { "/".to_owned() } else { (*base).to_owned() };
    let bases: Vec<_> = provider.bases.iter().map(shown).collect();
    if bases.is_empty() { "its own".to_owned() } else { bases.join(", ") }
}

fn schema(schema: Schema) -> &'static str {
    match schema {
        Schema::OpenAI => "OpenAI",
        Schema::Anthropic => "Anthropic",
        Schema::Both => "OpenAI and Anthropic",
        Schema::Own => "its own",
    }
}

fn as_json(provider: &Provider) -> Value {
    json!({
        "name": provider.name,
        "hosts": provider.hosts,
        "port": provider.port,
        "bases": provider.bases,
        "isReached": provider.reachable().next().is_some(),
        "schema": schema(provider.schema),
        "credential": provider.credential,
        "query": provider.query,
        "note": provider.note,
        "link": provider.link,
        "seen": provider.seen,
        "verified": provider.verified,
    })
}

/// docs/providers.md.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(HEAD);
    for (title, is_hosted) in [("Providers", true), ("Servers that you run", false)] {
        let _ = write!(text, "\n## {title}\n\n| name | write | API | key | note |\n|---|---|---|---|---|\n");
        for provider in providers::all().iter().filter(|provider| provider.hosts.is_empty() != is_hosted) {
            let write = if provider.reachable().next().is_some() {
                format!("`{}`", instruction(provider).trim_start_matches("url: "))
            } else {
                "a proxy".to_owned()
            };
            let api = if provider.bases.is_empty() {
                "its own".to_owned()
            } else {
                format!("`{}`", bases(provider))
            };
            let key = provider.credential.map_or_else(|| "none".to_owned(), |header| format!("`{header}`"));
            let mark = if provider.verified { "" } else { " (?)" };
            let note = provider.note.unwrap_or_default();
            let _ = writeln!(
                text,
                "| [{}]({}){mark} | {write} | {api} | {key} | {note} |",
                provider.name, provider.link
            );
        }
    }
    text
}

const HEAD: &str = "\
<!-- Made by `modelendpoint providers --format markdown`; a test holds the two equal. -->
# Providers

What to write as `spec.url` of a ModelEndpoint, for providers and servers that are known. Clients of the gateway send
`/v1/chat/completions`, so an API is reached only where its path ends in `/v1`. For all others, put a proxy in front that
takes the `/v1` out, such as LiteLLM, and write the proxy's url. The rule [url-provider](rules.md#url-provider) warns of a
url that leads nowhere.

`<name>` and `<id>` stand for what is yours. Modelplane sends no key of its own: the column *key* names the header that
the provider expects. A (?) behind a name says that the entry is general knowledge or a third party's, and was not verified
in the provider's own documentation. `modelendpoint providers NAME` shows the same at a terminal, with the day on which it
was looked up. To add or correct an entry, edit `crates/core/src/endpoint/providers/providers.json`.
";
