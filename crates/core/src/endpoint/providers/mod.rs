//! A host flows in; the known facts about its provider flow out.
//!
//! The catalogue is `providers.json` next to this file. It has one object for each provider, and people edit it. A
//! test reads every field, and docs/providers.md is generated from it.

mod host_pattern;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::rewrite_path::without_version;

/// Where the page of each provider is.
const PAGES: &str = "https://modelplane.github.io/modelendpoint-webhook/providers";

/// The known facts about a provider, or about a server that people run themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    pub name: &'static str,
    /// Its hosts, in lower case. A `*` stands for letters of one label or, alone at the start, for any number of
    /// labels. Empty for a server that runs on its user's host.
    #[serde(default)]
    pub hosts: Vec<&'static str>,
    /// Paths that only this server has, if it has no host of its own.
    #[serde(default)]
    pub telltales: Vec<&'static str>,
    /// The port that a server listens on by default.
    #[serde(default)]
    pub port: Option<u16>,
    /// Base paths of its OpenAI-compatible API, the recommended one first. A segment `*` is the user's own. Empty if
    /// it has no such API.
    pub bases: Vec<&'static str>,
    /// The same for its Anthropic-compatible API.
    #[serde(default)]
    pub anthropic_bases: Vec<&'static str>,
    /// Base paths that have only some of the API's operations, so that a request may or may not be answered.
    #[serde(default)]
    pub partial_bases: Vec<&'static str>,
    /// The header with the key, such as `Authorization: Bearer`. `None` if it accepts no key, or requires signed
    /// requests.
    #[serde(default)]
    pub credential: Option<&'static str>,
    /// Whether it can be used without a key, like a server whose user decides that.
    #[serde(default)]
    pub is_key_optional: bool,
    /// A query that it requires in every request.
    #[serde(default)]
    pub query: Option<&'static str>,
    /// Anything else to know, in one sentence.
    #[serde(default)]
    pub note: Option<&'static str>,
    /// The provider's own page.
    pub link: &'static str,
    /// The day on which it was looked up.
    pub seen: &'static str,
    /// Whether its own documentation says so. Otherwise, the entry is general knowledge or comes from a third party.
    pub verified: bool,
}

/// The provider whose requests an API understands, by the names of `api.schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// `/chat/completions` below the base.
    OpenAI,
    /// `/messages` below the base.
    Anthropic,
}

/// All entries, and an index by host.
struct Catalogue {
    providers: Vec<Provider>,
    /// By the last two labels of a host pattern.
    by_domain: HashMap<&'static str, Vec<usize>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // A test reads the file, so it can't fail here.
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

/// Reads the catalogue in advance, so that the first review does not have to wait for it.
pub fn prepare() {
    LazyLock::force(&CATALOGUE);
}

/// Every provider, in the order of the file.
#[must_use]
pub fn all() -> &'static [Provider] {
    &CATALOGUE.providers
}

/// The provider of a host. The host is a name without a trailing dot.
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

/// The only server that serves this path.
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
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schema| schema.name() == name)
    }
}

/// A provider's name as people can type it without quotes.
#[must_use]
pub fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric() && character != '.');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

impl Provider {
    /// Its name as people can type it, which is also the name of its page.
    #[must_use]
    pub fn slug(&self) -> String {
        slug(self.name)
    }

    /// The address of the page about it.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{PAGES}/{}.html", self.slug())
    }

    /// The base paths at which it understands these requests, the recommended one first.
    #[must_use]
    pub fn bases_of(&self, schema: Schema) -> &[&'static str] {
        match schema {
            Schema::OpenAI => &self.bases,
            Schema::Anthropic => &self.anthropic_bases,
        }
    }

    /// The requests that it understands, OpenAI's first. Empty if it has only an API of its own.
    pub fn schemas(&self) -> impl Iterator<Item = Schema> {
        Schema::ALL.into_iter().filter(|schema| !self.bases_of(*schema).is_empty())
    }

    /// Whether it understands these requests, or some of them, below this path.
    #[must_use]
    pub(super) fn understands(&self, schema: Schema, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let bases = self.bases_of(schema);
        let partial = self.partial_bases.iter().filter(|_| !bases.is_empty());
        bases.iter().chain(partial).any(|base| is_path_of(base, path))
    }

    /// The base paths that a client's `/v1/...` reaches if the gateway does not know the API.
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

    /// The path of the url to write for Modelplane before 0.5, if it is known exactly.
    #[must_use]
    pub fn base_to_write(&self) -> Option<&'static str> {
        self.reachable().find(|base| !base.contains('*'))
    }
}

/// Whether a path matches a pattern, segment by segment. Both have no trailing slash.
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
        let mut names: Vec<_> = providers.iter().map(Provider::slug).collect();
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
