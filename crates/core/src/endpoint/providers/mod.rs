//! A host flows in; what is known of the provider behind it flows out.
//!
//! The catalogue is `providers.json` beside this file: one object a provider, for people to edit. A test reads every
//! field of it, and docs/providers.md is made of it.

mod host_pattern;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::rewrite_path::without_version;

/// What is known of a provider, or of a server that people run themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    pub name: &'static str,
    /// Its hosts, in lower case. A `*` stands for letters of one label; alone in front, for any number of labels.
    /// None for a server that has its user's host.
    #[serde(default)]
    pub hosts: Vec<&'static str>,
    /// Paths that only this server has, for one that has no host of its own.
    #[serde(default)]
    pub telltales: Vec<&'static str>,
    /// The port that a server listens on by default.
    #[serde(default)]
    pub port: Option<u16>,
    /// Base paths of its OpenAI-compatible API, the one to write first; a segment `*` is the user's own. Empty where
    /// it has none.
    pub bases: Vec<&'static str>,
    /// The same of its Anthropic-compatible API.
    #[serde(default)]
    pub anthropic_bases: Vec<&'static str>,
    /// Base paths at which only some of the API's operations are, so that a request may or may not be answered.
    #[serde(default)]
    pub partial_bases: Vec<&'static str>,
    /// The header that carries the key, as `Authorization: Bearer`; none where it takes no key, or signs requests.
    #[serde(default)]
    pub credential: Option<&'static str>,
    /// Whether it can be used without a key, as a server whose user decides that.
    #[serde(default)]
    pub is_key_optional: bool,
    /// A query that it asks for on every request.
    #[serde(default)]
    pub query: Option<&'static str>,
    /// What else to know, in one sentence.
    #[serde(default)]
    pub note: Option<&'static str>,
    /// The provider's own page.
    pub link: &'static str,
    /// The day it was looked up.
    pub seen: &'static str,
    /// Whether its own documentation says so. What is not verified is general knowledge, or a third party's.
    pub verified: bool,
}

/// Whose requests an API understands, by the names of `api.schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// `/chat/completions` below the base.
    OpenAI,
    /// `/messages` below the base.
    Anthropic,
}

/// Every entry, and where to find it by its host.
struct Catalogue {
    providers: Vec<Provider>,
    /// By the last two labels of a host pattern.
    by_domain: HashMap<&'static str, Vec<usize>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // a test reads the file, so that it can't be empty where it is used
    let providers: Vec<Provider> = serde_json::from_str(include_str!("providers.json")).unwrap_or_default();
    let mut by_domain: HashMap<_, Vec<_>> = HashMap::new();
    for (index, provider) in providers.iter().enumerate() {
        for host in &provider.hosts {
            let indices = by_domain.entry(host_pattern::domain(host)).or_default();
            if !indices.contains(&index) {
                indices.push(index);
            }
        }
    }
    Catalogue { providers, by_domain }
});

/// Reads the catalogue, which otherwise the first review would have to wait for.
pub fn prepare() {
    LazyLock::force(&CATALOGUE);
}

/// Every provider, in the order of the file.
#[must_use]
pub fn all() -> &'static [Provider] {
    &CATALOGUE.providers
}

/// The provider behind a host, a name without a dot at its end.
#[must_use]
pub fn at(host: &str) -> Option<&'static Provider> {
    let lower;
    let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        lower = host.to_ascii_lowercase();
        &lower
    } else {
        host
    };
    let indices = CATALOGUE.by_domain.get(host_pattern::domain(host))?;
    let mut found = indices.iter().filter_map(|index| CATALOGUE.providers.get(*index));
    found.find(|provider| provider.hosts.iter().any(|pattern| host_pattern::matches(pattern, host)))
}

/// The server that serves this path and no other does.
#[must_use]
pub(super) fn with_telltale(path: &str, port: Option<u16>) -> Option<&'static Provider> {
    let path = path.trim_end_matches('/');
    all().iter().find(|provider| {
        provider.telltales.contains(&path) && (provider.port.is_none() || provider.port == port)
    })
}

impl Schema {
    pub const ALL: [Schema; 2] = [Schema::OpenAI, Schema::Anthropic];

    /// The word in `api.schema`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Schema::OpenAI => "OpenAI",
            Schema::Anthropic => "Anthropic",
        }
    }

    #[must_use]
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schema| schema.name() == name)
    }
}

impl Provider {
    /// The base paths at which it understands these requests, the one to write first.
    #[must_use]
    pub fn bases_of(&self, schema: Schema) -> &[&'static str] {
        match schema {
            Schema::OpenAI => &self.bases,
            Schema::Anthropic => &self.anthropic_bases,
        }
    }

    /// What it understands, OpenAI's requests first; nothing where its API is its own.
    pub fn schemas(&self) -> impl Iterator<Item = Schema> {
        Schema::ALL.into_iter().filter(|schema| !self.bases_of(*schema).is_empty())
    }

    /// Whether it understands these requests below this path, or some of them.
    #[must_use]
    pub(super) fn understands(&self, schema: Schema, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let bases = self.bases_of(schema);
        let partial = self.partial_bases.iter().filter(|_| !bases.is_empty());
        bases.iter().chain(partial).any(|base| is_path_of(base, path))
    }

    /// The base paths that a client's `/v1/...` reaches, where the gateway does not know the API.
    pub fn reachable(&self) -> impl Iterator<Item = &'static str> {
        let bases = self.bases.iter().chain(&self.anthropic_bases);
        bases.copied().filter(|base| base.ends_with("/v1"))
    }

    /// Whether clients reach the API when their requests are rewritten to this path.
    #[must_use]
    pub fn is_reached_by(&self, rewrite_path: &str) -> bool {
        let prefix = rewrite_path.trim_end_matches('/');
        self.reachable().any(|base| is_path_of(without_version(base), prefix))
    }

    /// The url's path to write before Modelplane 0.5, if it is known to the letter.
    #[must_use]
    pub fn base_to_write(&self) -> Option<&'static str> {
        self.reachable().find(|base| !base.contains('*'))
    }
}

/// Whether a path is what a pattern stands for, segment by segment; both without a slash at their end.
fn is_path_of(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    let mut segments = path.split('/');
    pattern
        .split('/')
        .all(|own| segments.next().is_some_and(|other| own == other || own == "*" && !other.is_empty()))
        && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_every_entry_is_complete() {
        let read: Result<Vec<Provider>, _> = serde_json::from_str(include_str!("providers.json"));
        let providers = read.expect("providers.json");
        assert!(providers.len() >= 80, "{} entries", providers.len());
        for provider in &providers {
            let name = provider.name;
            assert!(provider.link.starts_with("https://"), "{name}");
            assert!(provider.seen.len() == 10, "{name}");
            assert!(
                !provider.hosts.is_empty() || provider.port.is_some() || !provider.telltales.is_empty(),
                "{name}"
            );
            for base in provider.bases.iter().chain(&provider.anthropic_bases) {
                assert!(base.is_empty() || base.starts_with('/') && !base.ends_with('/'), "{name}: {base}");
            }
            for host in &provider.hosts {
                let example = host.replace('*', "x1");
                assert_eq!(at(&example).map(|found| found.name), Some(name), "{host}");
            }
            if provider.schemas().next().is_none() || provider.query.is_some() {
                assert!(provider.note.is_some(), "{name} does not say what to do");
            }
        }
        let mut names: Vec<_> = providers.iter().map(|provider| provider.name.to_lowercase()).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a name is there twice");
    }

    #[test]
    fn a_path_is_held_against_a_pattern_segment_by_segment() {
        for (pattern, path, is_one) in [
            ("", "", true),
            ("/openai", "/openai", true),
            ("/accounts/*/ai", "/accounts/42/ai", true),
            ("/accounts/*/ai", "/accounts//ai", false),
            ("/accounts/*/ai", "/accounts/42/ai/x", false),
            ("/openai", "", false),
            ("", "/openai", false),
        ] {
            assert_eq!(is_path_of(pattern, path), is_one, "{pattern} {path}");
        }
    }
}
