//! `rules`: the rule catalogue flows in, text, JSON or Markdown flows out.

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::cli::{self, RulesFormat};
use modelendpoint_core::endpoint::judge::judge_example;
use modelendpoint_core::endpoint::mutation::{self, MutationDoc};
use modelendpoint_core::endpoint::rules::{self, Example, Rule, Severity};

/// Prints the catalogue, or one entry of it.
///
/// # Errors
/// When there is no such rule.
pub fn run(args: &cli::Rules) -> anyhow::Result<ExitCode> {
    let text = match &args.id {
        None => catalogue(args.format),
        Some(id) => match find(id) {
            Some(entry) => entry.to_string(args.format),
            None => bail!("there is no rule `{id}`; `modelendpoint rules` lists them all"),
        },
    };
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The whole catalogue. As Markdown, this is docs/rules.md.
#[must_use]
pub fn catalogue(format: RulesFormat) -> String {
    let entries = || rules::ALL.into_iter().map(Entry::Rule).chain(mutation::ALL.iter().map(Entry::Mutation));
    match format {
        RulesFormat::Text => {
            let mut text = String::new();
            for entry in entries() {
                let _ = writeln!(text, "{:<25}{:<8}{}", entry.id(), entry.effect(), entry.summary());
            }
            text.push_str("\n`modelendpoint rules ID` shows one of them with its reason and examples.\n");
            text
        }
        RulesFormat::Json => pretty(&rules::ALL.into_iter().map(|rule| Entry::Rule(rule).json()).collect()),
        RulesFormat::Markdown => {
            let mut text = String::from(MARKDOWN_HEAD);
            for rule in rules::ALL {
                let _ = write!(text, "\n{}", Entry::Rule(rule).markdown());
            }
            text.push_str(MARKDOWN_MUTATIONS);
            for mutation in &mutation::ALL {
                let _ = write!(text, "\n{}", Entry::Mutation(mutation).markdown());
            }
            text
        }
    }
}

const MARKDOWN_HEAD: &str = "\
<!-- Made by `modelendpoint rules --format markdown`; a test holds the two equal. -->
# Rules

Each rule has an id, which stands in brackets at the end of its messages. A **deny** refuses the object; a **warn**
lets it pass with a warning. Every violation of a request is reported at once. `modelendpoint rules ID`
shows the same at a terminal. A [policy](policy.md) turns a rule off, or makes it a warning or a denial:

```yaml
rules:
  url-version: off
  url-http-on-443: deny
```

An update is judged only if it changes `spec.url` or `spec.rewritePath`. Labels, finalizers and status can be changed
whatever the two fields hold.
";

const MARKDOWN_MUTATIONS: &str = "
# Mutations

What `/mutate` changes before an object is stored: `spec.rewritePath`, and nothing else.
";

/// What has an id in the catalogue.
enum Entry {
    Rule(&'static Rule),
    Mutation(&'static MutationDoc),
}

fn find(id: &str) -> Option<Entry> {
    let rule = rules::ALL.into_iter().find(|rule| rule.id == id).map(Entry::Rule);
    rule.or_else(|| mutation::ALL.iter().find(|mutation| mutation.id == id).map(Entry::Mutation))
}

impl Entry {
    fn id(&self) -> &'static str {
        match self {
            Entry::Rule(rule) => rule.id,
            Entry::Mutation(mutation) => mutation.id,
        }
    }

    fn effect(&self) -> &'static str {
        match self {
            Entry::Rule(Rule { severity: Severity::Deny, .. }) => "deny",
            Entry::Rule(Rule { severity: Severity::Warn, .. }) => "warn",
            Entry::Mutation(_) => "mutate",
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Entry::Rule(rule) => rule.field.path(),
            Entry::Mutation(_) => "spec.rewritePath",
        }
    }

    fn summary(&self) -> &'static str {
        match self {
            Entry::Rule(rule) => rule.summary,
            Entry::Mutation(mutation) => mutation.summary,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Entry::Rule(rule) => rule.reason,
            Entry::Mutation(mutation) => mutation.reason,
        }
    }

    fn to_string(&self, format: RulesFormat) -> String {
        match format {
            RulesFormat::Text => self.text(),
            RulesFormat::Json => pretty(&self.json()),
            RulesFormat::Markdown => self.markdown(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{} ({}, {})\n\n{}\n", self.id(), self.effect(), self.field(), self.summary());
        let _ = write!(text, "\nWhy: {}\n", self.reason());
        if let Entry::Rule(rule) = self {
            let _ = write!(text, "\nInstead: {}\n\nGood:\n", rule.instead);
            for example in rule.good {
                let _ = writeln!(text, "  {}", Shown(example));
            }
            text.push_str("\nBad:\n");
            for example in rule.bad {
                let _ = writeln!(text, "  {}\n      {}", Shown(example), message(example));
            }
            let _ = write!(text, "\nTo turn it off, or to {} instead, in a --policy file:\n", other(rule));
            let _ = writeln!(text, "  rules:\n    {}: off  # or {}", rule.id, other(rule));
        }
        text
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id(),
            "field": self.field(),
            "severity": self.effect(),
            "summary": self.summary(),
            "reason": self.reason(),
        });
        if let Entry::Rule(rule) = self {
            json["instead"] = json!(rule.instead);
            json["good"] = rule.good.iter().map(example_json).collect();
            json["bad"] = rule
                .bad
                .iter()
                .map(|example| {
                    let mut json = example_json(example);
                    json["message"] = json!(message(example));
                    json
                })
                .collect();
        }
        json
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.id());
        let _ = write!(text, "**{}** on `{}`. {}\n\n", self.effect(), self.field(), self.summary());
        let _ = writeln!(text, "**Why.** {}", self.reason());
        if let Entry::Rule(rule) = self {
            let _ = write!(text, "\n**Instead.** {}\n\nGood:\n\n```\n", rule.instead);
            for example in rule.good {
                let _ = writeln!(text, "{}", Shown(example));
            }
            text.push_str("```\n\nBad, and what the webhook says of it:\n\n```\n");
            for example in rule.bad {
                let _ = writeln!(text, "{}\n    {}", Shown(example), message(example));
            }
            text.push_str("```\n");
        }
        text
    }
}

/// The level that the rule does not have by itself.
fn other(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Deny => "warn",
        Severity::Warn => "deny",
    }
}

/// What the webhook says of a bad example.
fn message(example: &Example) -> String {
    let violations = judge_example(example);
    let lines: Vec<_> = violations.iter().map(|v| format!("{}: {v}", v.rule.field.path())).collect();
    lines.join("\n    ")
}

fn example_json(example: &Example) -> Value {
    let mut json = json!({ "url": example.url });
    if let Some(rewrite_path) = example.rewrite_path {
        json["rewritePath"] = json!(rewrite_path);
    }
    if let Some(previous_url) = example.previous_url {
        json["previousUrl"] = json!(previous_url);
    }
    if let Some(host) = example.allowed_host {
        json["allowedHosts"] = json!([host]);
    }
    json
}

/// An example on one line, with what can't be seen escaped.
struct Shown<'a>(&'a Example);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Example { url, rewrite_path, previous_url, allowed_host } = self.0;
        match (rewrite_path, previous_url) {
            (_, Some(previous_url)) => write!(f, "url: {} -> {}", Short(previous_url), Short(url)),
            (Some(path), None) => write!(f, "url: {}, rewritePath: {}", Short(url), Short(path)),
            (None, None) => write!(f, "url: {}", Short(url)),
        }?;
        match allowed_host {
            Some(host) => write!(f, ", where the policy allows {host}"),
            None => Ok(()),
        }
    }
}

/// As a YAML string in double quotes where it needs them; the middle of a long one left out.
struct Short(&'static str);

impl Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EDGE: usize = 40;
        let Short(text) = *self;
        match text.len() {
            length if length > 3 * EDGE => {
                write!(f, "{}…{} ({length} characters)", &text[..EDGE], &text[length - EDGE..])
            }
            _ if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') => f.write_str(text),
            _ => write!(f, "{text:?}"),
        }
    }
}

fn pretty(json: &Value) -> String {
    format!("{json:#}\n")
}
