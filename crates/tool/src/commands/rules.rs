//! `rules`: the rule catalogue flows in, text, JSON or Markdown flows out.

use std::fmt::{self, Display, Write as _};
use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};

use super::output::print;
use crate::cli::{self, RulesFormat};
use modelendpoint_core::endpoint::judge::judge_example;
use modelendpoint_core::endpoint::mutation::{self, MutationDoc};
use modelendpoint_core::endpoint::rules::{self, Allowed, Example, Rule, Severity};
use modelendpoint_core::endpoint::{CLUSTER_LABEL, Field, Generation};

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
    print(&text)?;
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
            for entry in entries() {
                let _ = writeln!(text, "{}", entry.markdown_row());
            }
            for generation in Generation::ALL {
                text.push_str(markdown_head(generation));
                for rule in rules::ALL.into_iter().filter(|rule| rule.field.generation() == generation) {
                    let _ = write!(text, "\n{}", Entry::Rule(rule).markdown());
                }
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

Each rule has an id, in brackets at the end of its messages. A **deny** refuses the object; a **warn**
lets it pass with a warning. Every violation of a request is reported at once. `modelendpoint rules ID`
shows the same at a terminal. A [policy](policy.md) turns a rule off, or makes it a warning or a denial:

```yaml
rules:
  url-version: off
  url-http-on-443: deny
```

The fields of an object say which rules are about it: those of Modelplane before 0.5 where it has a `url`, those of
Modelplane 0.5 where it has an `origin`. An update is judged only if it changes one of the fields below. Finalizers,
status and other labels can be changed whatever the fields contain.

| id | | field | what it is about |
|---|---|---|---|
";

fn markdown_head(generation: Generation) -> &'static str {
    match generation {
        Generation::Url => "\n# Modelplane before 0.5: url and rewritePath\n",
        Generation::Origin => "\n# Modelplane 0.5: origin, api, model and credential\n",
    }
}

const MARKDOWN_MUTATIONS: &str = "
# Mutations

What `/mutate` changes before an object is stored: `spec.rewritePath` or `spec.origin`, and nothing else.
";

/// An entry of the catalogue: a rule or a mutation.
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
            Entry::Mutation(mutation) => mutation.field.path(),
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
        let _ = write!(text, "\nOn the web: {}\n", rules::page(self.id()));
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

    /// Its line in the index.
    fn markdown_row(&self) -> String {
        let (id, summary) = (self.id(), self.summary().replace('|', r"\|"));
        format!("| [{id}](#{id}) | {} | `{}` | {summary} |", self.effect(), self.field())
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.id());
        let _ = write!(text, "**{}** on `{}`. {}\n\n", self.effect(), self.field(), self.summary());
        let _ = writeln!(text, "**Why.** {}", self.reason());
        if let Entry::Rule(rule) = self {
            let instead = rule.instead.replace("docs/providers.md", "[docs/providers.md](providers.md)");
            let _ = write!(text, "\n**Instead.** {instead}\n\nGood:\n\n```\n");
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

/// The other level, which the rule does not have by default.
fn other(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Deny => "warn",
        Severity::Warn => "deny",
    }
}

/// What the webhook says about a bad example.
fn message(example: &Example) -> String {
    let violations = judge_example(example);
    let lines: Vec<_> = violations.iter().map(|v| format!("{}: {v}", v.rule.field.path())).collect();
    lines.join("\n    ")
}

fn example_json(example: &Example) -> Value {
    let mut json: serde_json::Map<_, _> =
        written(example).map(|(field, text)| (name(field).to_owned(), json!(text))).collect();
    let more = [("previousUrl", example.previous_url), ("user", example.user)];
    json.extend(more.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?)))));
    if let Some(Allowed { host, schema, needs_credential }) = example.allowed {
        json.insert("allowedHosts".to_owned(), json!([host]));
        json.extend(schema.map(|schema| ("allowedSchemas".to_owned(), json!([schema]))));
        json.extend(needs_credential.then(|| ("credential".to_owned(), json!("required"))));
    }
    json.into()
}

/// The values in the fields of an example.
fn written(example: &Example) -> impl Iterator<Item = (Field, &'static str)> {
    Field::ALL.into_iter().filter_map(|field| Some((field, *example.spec.value(field).text()?)))
}

/// The name of the field next to other fields of an example.
fn name(field: Field) -> &'static str {
    match field {
        Field::Prefix | Field::Schema => field.keys().last().copied().unwrap_or_default(),
        Field::SecretName => "secretRef.name",
        Field::SecretKey => "secretRef.key",
        Field::Cluster => CLUSTER_LABEL,
        _ => field.path().strip_prefix("spec.").unwrap_or(field.path()),
    }
}

/// An example on one line, with invisible characters escaped.
struct Shown<'a>(&'a Example);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Example { previous_url, allowed, user, .. } = self.0;
        for (number, (field, text)) in written(self.0).enumerate() {
            let before = if number == 0 { "" } else { ", " };
            write!(f, "{before}{}: ", name(field))?;
            match previous_url {
                Some(previous_url) if field == Field::Url => {
                    write!(f, "{} -> {}", Short(previous_url), Short(text))?;
                }
                _ => Short(text).fmt(f)?,
            }
        }
        if let Some(user) = user {
            write!(f, ", written by {user}")?;
        }
        let Some(Allowed { host, schema, needs_credential }) = allowed else { return Ok(()) };
        write!(f, ", where the policy allows {host}")?;
        if let Some(schema) = schema {
            write!(f, " with {schema}")?;
        }
        if *needs_credential {
            write!(f, " with a credential")?;
        }
        Ok(())
    }
}

/// A YAML string, in double quotes if necessary, and without the middle of a long value.
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
