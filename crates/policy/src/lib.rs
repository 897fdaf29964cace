//! The bytes of a policy file in; a policy, or all mistakes in it with line and column, out.
//!
//! docs/policy.schema.json describes the format for editors.

#![warn(unreachable_pub)]

// A browser has no files.
#[cfg(unix)]
mod file;
#[cfg(unix)]
pub use file::{Loaded, load, read, understand};

use std::collections::HashSet;

use modelendpoint_core::endpoint::Value;
use modelendpoint_core::endpoint::policy::{
    AllowList, BadPattern, Enforcement, HostPattern, Level, NamespacePattern, Override, Policy, UserPattern,
    parse_addresses, parse_ports,
};
use modelendpoint_core::endpoint::providers::Schema;
use modelendpoint_core::endpoint::rules;
use modelendpoint_core::endpoint::url::Scheme;
use modelendpoint_yaml::source::{Lines, Position};
use modelendpoint_yaml::{Document, Kind, NodeId, parse as parse_yaml};

/// A mistake in a policy, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub line: usize,
    pub column: usize,
    pub why: String,
}

/// # Errors
/// All mistakes, sorted by position.
pub fn parse(text: &str) -> Result<Policy, Vec<Mistake>> {
    let lines = Lines::of(text);
    let mistake = |at: usize, why: String| {
        let Position { line, column } = lines.position(at);
        Mistake { line, column, why }
    };
    let documents = parse_yaml(text);
    let document = match documents.as_slice() {
        [Ok(document)] => document,
        [Err(broken), ..] | [_, Err(broken), ..] => {
            let is_pattern = text.get(broken.at..).is_some_and(|rest| rest.starts_with('*'));
            let advice = if is_pattern { "; in YAML, quote a value that begins with `*`" } else { "" };
            return Err(vec![mistake(broken.at, format!("{}{advice}", broken.why))]);
        }
        [] => return Err(vec![mistake(0, NOTHING.to_owned())]),
        [_, Ok(second), ..] => {
            let at = second.node(second.root()).span.start;
            return Err(vec![mistake(at, "a policy is one document; leave out the second".to_owned())]);
        }
    };
    let mut reader = Reader { document, mistakes: Vec::new() };
    let policy = reader.policy();
    let mut mistakes = reader.mistakes;
    mistakes.sort_by_key(|(at, _)| *at);
    if mistakes.is_empty() {
        Ok(policy)
    } else {
        Err(mistakes.into_iter().map(|(at, why)| mistake(at, why)).collect())
    }
}

const NOTHING: &str = "the policy is empty; write `rules: {}` for one that changes nothing";

const NO_WORD: &str = "write a single value here; in quotes if YAML gives it a meaning, such as `off`";

struct Reader<'a> {
    document: &'a Document<'a>,
    mistakes: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn policy(&mut self) -> Policy {
        let mut policy = Policy::NONE;
        let root = self.document.root();
        if self.document.value(root) == Value::Absent {
            self.mistake(root, NOTHING.to_owned());
            return policy;
        }
        if let Some(tagged) = self.document.odd_tag(root) {
            self.mistake(
                tagged,
                "YAML tags are not supported here; write the value itself, without a tag".to_owned(),
            );
        }
        for (key, value) in self.fields(root, &["rules", "overrides", "allow", "clusterLabelUsers"]) {
            match key {
                "rules" => self.levels(value).into_iter().for_each(|(id, level)| policy.set(id, level)),
                "overrides" => {
                    let overrides = self.items(value);
                    policy.overrides.extend(overrides.into_iter().filter_map(|one| self.override_of(one)));
                }
                "allow" => {
                    let lists = self.items(value);
                    policy.allow.extend(lists.into_iter().filter_map(|list| self.allow_list(list)));
                }
                _ => policy.cluster = self.patterns(value, UserPattern::parse),
            }
        }
        policy
    }

    fn override_of(&mut self, node: NodeId) -> Option<Override> {
        let mut one = Override::default();
        for (key, value) in self.fields_for_namespaces(node, &["namespaces", "enforcement", "rules"])? {
            match key {
                "namespaces" => one.namespaces = self.patterns(value, NamespacePattern::parse),
                "enforcement" => {
                    one.enforcement = self.scalar(value).and_then(Enforcement::of);
                    if one.enforcement.is_none() {
                        self.mistake(value, "the mode is `audit`, `warn` or `deny`".to_owned());
                    }
                }
                _ => one.levels = self.levels(value).into_iter().collect(),
            }
        }
        Some(one)
    }

    fn levels(&mut self, rules: NodeId) -> Vec<(&'static str, Level)> {
        let mut levels = Vec::new();
        for entry in self.mapping(rules) {
            let (id, level) = (self.scalar(entry.0).unwrap_or_default(), self.scalar(entry.1));
            let level = match level {
                Some("deny") => Level::Deny,
                Some("warn") => Level::Warn,
                Some("off") => Level::Off,
                _ => {
                    self.mistake(entry.1, "a rule is set to `deny`, `warn` or `off`".to_owned());
                    continue;
                }
            };
            if let Some(rule) = rules::find(id) {
                levels.push((rule.id, level));
            } else {
                let why = format!("there is no rule `{id}`; `modelendpoint rules` lists them all");
                self.mistake(entry.0, why);
            }
        }
        levels
    }

    fn allow_list(&mut self, list: NodeId) -> Option<AllowList> {
        let mut allow = AllowList::default();
        let known = ["namespaces", "hosts", "cidrs", "schemes", "ports", "apiSchemas", "credential"];
        for (key, value) in self.fields_for_namespaces(list, &known)? {
            match key {
                "namespaces" => allow.namespaces = self.patterns(value, NamespacePattern::parse),
                "hosts" => allow.hosts = self.patterns(value, HostPattern::parse),
                "cidrs" => allow.addresses = self.patterns(value, parse_addresses),
                "ports" => allow.ports = self.patterns(value, parse_ports),
                "apiSchemas" => allow.schemas = self.patterns(value, schema),
                "credential" => {
                    allow.needs_credential = self.scalar(value) == Some("required");
                    if !allow.needs_credential {
                        self.mistake(value, "write `required`, or leave `credential` out".to_owned());
                    }
                }
                _ => allow.schemes = self.patterns(value, scheme),
            }
        }
        Some(allow)
    }

    fn patterns<T, All: FromIterator<T>>(
        &mut self,
        list: NodeId,
        parse: impl Fn(&str) -> Result<T, BadPattern>,
    ) -> All {
        let mut patterns = Vec::new();
        for item in self.items(list) {
            match self.word(item).map(&parse) {
                Some(Ok(pattern)) => patterns.push(pattern),
                Some(Err(BadPattern(why))) => self.mistake(item, why),
                None => self.mistake(item, NO_WORD.to_owned()),
            }
        }
        patterns.into_iter().collect()
    }

    /// A text or a number.
    fn word(&self, node: NodeId) -> Option<&str> {
        let text = self.scalar(node)?;
        let is_bool = ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word));
        match self.document.value(node) {
            Value::Absent => None,
            Value::NotText if is_bool => None,
            _ => Some(text),
        }
    }

    fn scalar(&self, node: NodeId) -> Option<&str> {
        match &self.document.node(node).kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The items of a list that is not empty.
    fn items(&mut self, list: NodeId) -> Vec<NodeId> {
        match &self.document.node(list).kind {
            Kind::Sequence(items) if !items.is_empty() => return items.clone(),
            Kind::Sequence(_) => {
                self.mistake(list, "the list is empty; write an item, or leave it out".to_owned());
            }
            _ => self.mistake(list, "a list is expected here".to_owned()),
        }
        Vec::new()
    }

    /// The entries of a mapping, each key once.
    fn mapping(&mut self, mapping: NodeId) -> Vec<(NodeId, NodeId)> {
        if !matches!(self.document.node(mapping).kind, Kind::Mapping { .. }) {
            self.mistake(mapping, "`key: value` pairs are expected here".to_owned());
        }
        let entries = self.document.entries(mapping);
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        for entry in entries {
            let key = self.scalar(entry.key).unwrap_or_default();
            if !seen.insert(key) {
                twice.push((entry.key, format!("`{key}` appears twice; write it once")));
            }
        }
        let entries = entries.iter().map(|entry| (entry.key, entry.value)).collect();
        for (node, why) in twice {
            self.mistake(node, why);
        }
        entries
    }

    /// The entries of a mapping with these keys.
    fn fields(&mut self, mapping: NodeId, known: &[&'static str]) -> Vec<(&'static str, NodeId)> {
        let mut fields = Vec::new();
        for (key, value) in self.mapping(mapping) {
            let name = self.scalar(key).unwrap_or_default();
            if let Some(known) = known.iter().find(|known| **known == name) {
                fields.push((*known, value));
            } else {
                let why =
                    format!("`{name}` is not a known key here; the known keys are {}", known.join(", "));
                self.mistake(key, why);
            }
        }
        fields
    }

    /// The same for an item that must have `namespaces`. `None` if it is not a mapping.
    fn fields_for_namespaces(
        &mut self,
        item: NodeId,
        known: &[&'static str],
    ) -> Option<Vec<(&'static str, NodeId)>> {
        let fields = self.fields(item, known);
        if !matches!(self.document.node(item).kind, Kind::Mapping { .. }) {
            return None;
        }
        if fields.iter().all(|(key, _)| *key != "namespaces") {
            self.mistake(item, "`namespaces` is missing; write `[\"*\"]` for all of them".to_owned());
        }
        Some(fields)
    }

    fn mistake(&mut self, node: NodeId, why: String) {
        self.mistakes.push((self.document.node(node).span.start, why));
    }
}

fn scheme(text: &str) -> Result<Scheme, BadPattern> {
    match text {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        _ => Err(BadPattern(format!("no endpoint can have the scheme `{text}`; write `http` or `https`"))),
    }
}

fn schema(text: &str) -> Result<Schema, BadPattern> {
    Schema::of(text).ok_or_else(|| {
        BadPattern(format!("no endpoint can have the schema `{text}`; write `OpenAI` or `Anthropic`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(usize, usize, String)> {
        let found = parse(text).expect_err("mistakes");
        found.into_iter().map(|Mistake { line, column, why }| (line, column, why)).collect()
    }

    #[test]
    fn a_policy_is_read() {
        let policy = parse(
            "rules:\n  url-http-on-443: deny\n  url-version: off\nallow:\n- namespaces: [team-*]\n  hosts: \
             ['*.example.com']\n  cidrs: [10.0.0.0/8]\n  schemes: [https]\n  ports: [443, \
             8000-8999]\noverrides:\n- namespaces: [new-*]\n  enforcement: warn\n  rules: {url-port: off}\n- \
             namespaces: [a]\n",
        )
        .expect("a policy");
        let mut expected = Policy::NONE;
        expected.set("url-http-on-443", Level::Deny);
        expected.set("url-version", Level::Off);
        let namespaces = |text: &str| vec![NamespacePattern::parse(text).expect("a pattern")];
        expected.overrides.extend([
            Override {
                namespaces: namespaces("new-*"),
                enforcement: Some(Enforcement::Warn),
                levels: [("url-port", Level::Off)].into_iter().collect(),
            },
            Override { namespaces: namespaces("a"), ..Override::default() },
        ]);
        expected.allow.extend([AllowList {
            namespaces: namespaces("team-*"),
            hosts: HostPattern::parse("*.example.com").into_iter().collect(),
            addresses: parse_addresses("10.0.0.0/8").into_iter().collect(),
            schemes: vec![Scheme::Https],
            ports: [443..=443, 8000..=8999].into_iter().collect(),
            ..AllowList::default()
        }]);
        assert_eq!(policy, expected);
        assert_eq!(parse("rules: {}\n"), Ok(Policy::NONE));
    }

    #[test]
    fn a_list_says_which_schemas_are_allowed_and_whether_a_credential_is_required() {
        let policy = parse("allow:\n- {namespaces: [a], apiSchemas: [OpenAI], credential: required}\n");
        let mut expected = Policy::NONE;
        expected.allow.extend([AllowList {
            namespaces: vec![NamespacePattern::parse("a").expect("a pattern")],
            schemas: vec![Schema::OpenAI],
            needs_credential: true,
            ..AllowList::default()
        }]);
        assert_eq!(policy, Ok(expected));
        let known = "the known keys are namespaces, hosts, cidrs, schemes, ports, apiSchemas, credential";
        assert_eq!(
            mistakes(
                "allow:\n- namespaces: [a]\n  apiSchemas: [openai]\n  credential: true\n  schemas: [OpenAI]\n"
            ),
            [
                (3, 16, "no endpoint can have the schema `openai`; write `OpenAI` or `Anthropic`".to_owned()),
                (4, 15, "write `required`, or leave `credential` out".to_owned()),
                (5, 3, format!("`schemas` is not a known key here; {known}")),
            ]
        );
    }

    #[test]
    fn a_policy_says_who_may_set_the_label_of_a_cluster() {
        let policy = parse("clusterLabelUsers: [ada, 'system:serviceaccount:ml:*']\n").expect("a policy");
        let users = ["ada", "system:serviceaccount:ml:composer", "system:serviceaccount:crossplane-system:c"];
        assert_eq!(users.map(|user| policy.here("a").may_set_cluster(user)), [true, true, false]);
        let why = "no user can match `*a`: write a name as `system:serviceaccount:<namespace>:<name>`, and \
                   `*` at its end only";
        assert_eq!(mistakes("clusterLabelUsers: ['*a']\n"), [(1, 21, why.to_owned())]);
    }

    #[test]
    fn every_mistake_has_its_line_and_column() {
        let text = "rule: {}\nrules:\n  url-prt: deny\n  url-port: no\n  url-host: warn\n  url-host: \
                    off\nallow:\n- hosts: [https://a]\n- namespaces: []\n- namespaces: [a]\n  cidrs: \
                    10.0.0.0/8\n  ports: [{}]\n  schemes: [ftp]\n- 5\n- {}\n- namespaces: [null, True, \
                    'true', 12]\n";
        let known =
            "`rule` is not a known key here; the known keys are rules, overrides, allow, clusterLabelUsers";
        assert_eq!(
            mistakes(text),
            [
                (1, 1, known.to_owned()),
                (3, 3, "there is no rule `url-prt`; `modelendpoint rules` lists them all".to_owned()),
                (4, 13, "a rule is set to `deny`, `warn` or `off`".to_owned()),
                (6, 3, "`url-host` appears twice; write it once".to_owned()),
                (8, 3, "`namespaces` is missing; write `[\"*\"]` for all of them".to_owned()),
                (
                    8,
                    11,
                    "no host can match `https://a`: write the host only, without scheme and path".to_owned()
                ),
                (9, 15, "the list is empty; write an item, or leave it out".to_owned()),
                (11, 10, "a list is expected here".to_owned()),
                (12, 11, NO_WORD.to_owned()),
                (13, 13, "no endpoint can have the scheme `ftp`; write `http` or `https`".to_owned()),
                (14, 3, "`key: value` pairs are expected here".to_owned()),
                (15, 3, "`namespaces` is missing; write `[\"*\"]` for all of them".to_owned()),
                (16, 16, NO_WORD.to_owned()),
                (16, 22, NO_WORD.to_owned()),
            ]
        );
    }

    /// A reader that decodes the tag would see another policy.
    #[test]
    fn a_tag_is_a_mistake() {
        let why = "YAML tags are not supported here; write the value itself, without a tag";
        for (text, column) in [
            ("allow: [{namespaces: ['*'], hosts: [!!binary YS5i]}]", 46),
            ("!x {rules: {}}", 4),
            ("rules: !!null {}", 15),
        ] {
            assert_eq!(mistakes(text), [(1, column, why.to_owned())], "{text}");
        }
    }

    #[test]
    fn an_override_names_its_namespaces_and_a_mode_that_there_is() {
        assert_eq!(
            mistakes(
                "overrides:\n- enforcement: dryrun\n- namespaces: [a]\n  rules: {url-prt: off}\n  allow: []\n"
            ),
            [
                (2, 3, "`namespaces` is missing; write `[\"*\"]` for all of them".to_owned()),
                (2, 16, "the mode is `audit`, `warn` or `deny`".to_owned()),
                (4, 11, "there is no rule `url-prt`; `modelendpoint rules` lists them all".to_owned()),
                (
                    5,
                    3,
                    "`allow` is not a known key here; the known keys are namespaces, enforcement, rules"
                        .to_owned()
                ),
            ]
        );
    }

    #[test]
    fn what_is_empty_or_cut_off_is_no_policy() {
        for text in ["", "\n", "# nothing\n", "---\n"] {
            assert_eq!(mistakes(text).len(), 1, "{text:?}");
            assert!(mistakes(text)[0].2.contains("the policy is empty"), "{text:?} {:?}", mistakes(text));
        }
        assert_eq!(mistakes("rules: {url-port: de")[0].0, 1);
        let star = &mistakes("allow:\n- namespaces: [a]\n  hosts: [*.example.com]\n")[0];
        assert!(star.2.ends_with("; in YAML, quote a value that begins with `*`"), "{star:?}");
        assert_eq!((star.0, star.1), (3, 11));
        assert_eq!(
            mistakes("rules: {}\n---\nrules: {}\n"),
            [(3, 1, "a policy is one document; leave out the second".to_owned())]
        );
    }
}
