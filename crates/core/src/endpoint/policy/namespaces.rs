//! Patterns of namespaces flow in; which of them match a namespace flows out.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::Bound::{Included, Unbounded};

use super::BadPattern;
use crate::endpoint::dns::{self, NameFault};

/// A namespace, with `*` for any number of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacePattern(String);

impl Display for NamespacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NamespacePattern {
    /// Every namespace.
    #[must_use]
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// # Errors
    /// When no namespace can match it.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        // To check the pattern, use a namespace that has a letter for each `*`.
        match dns::label_fault(&text.replace('*', "x")) {
            None if !has_upper => {}
            Some(NameFault::Hyphen(_)) if !has_upper => {
                return Err(BadPattern(format!(
                    "no namespace can match `{text}`: a namespace begins and ends with a letter or a digit"
                )));
            }
            _ => {
                return Err(BadPattern(format!(
                    "no namespace can match `{text}`: write lower-case letters, digits, `-`, and `*` for any \
                     number of characters"
                )));
            }
        }
        Ok(Self(text.to_owned()))
    }

    fn matches(&self, namespace: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = namespace.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last)
    }
}

/// Patterns, each with a number, indexed by the text before their first `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Namespaces(BTreeMap<String, Vec<(NamespacePattern, usize)>>);

impl Namespaces {
    #[must_use]
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn insert(&mut self, pattern: NamespacePattern, number: usize) {
        let beginning = pattern.0.split('*').next().unwrap_or_default().to_owned();
        self.0.entry(beginning).or_default().push((pattern, number));
    }

    /// The numbers of the patterns that match.
    ///
    /// A beginning of a namespace sorts before the namespace. So the last entry up to it either is a beginning of it,
    /// or shares with it the longest beginning that the next entry can have.
    pub(super) fn of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = usize> + 'a {
        let mut longest = Some(namespace);
        let beginnings = std::iter::from_fn(move || {
            while let Some(limit) = longest {
                let (beginning, patterns) =
                    self.0.range::<str, _>((Unbounded, Included(limit))).next_back()?;
                let shared = limit.bytes().zip(beginning.bytes()).take_while(|(a, b)| a == b).count();
                if shared == beginning.len() {
                    longest = shared.checked_sub(1).and_then(|end| namespace.get(..end));
                    return Some(patterns);
                }
                longest = namespace.get(..shared);
            }
            None
        });
        let matching = move |(pattern, _): &&(NamespacePattern, usize)| pattern.matches(namespace);
        beginnings.flatten().filter(matching).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_number_of_characters() {
        for (pattern, namespace, matches) in [
            ("*", "a", true),
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("team-*", "team-", true),
            ("team-*", "steam-a", false),
            ("*-prod", "a-prod", true),
            ("*-prod", "a-prod-b", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("a*bc*c", "abc", false),
        ] {
            let parsed = NamespacePattern::parse(pattern).expect("a pattern");
            assert_eq!(parsed.matches(namespace), matches, "{pattern} {namespace}");
        }
    }

    #[test]
    fn every_pattern_that_matches_is_found_by_its_beginning() {
        let patterns = [
            "*", "a", "a*", "ab", "ab*", "ab*d", "abc", "abcd", "abcde", "abd*", "b", "*d", "a*c", "abcc*",
            "abb*", "aa*",
        ];
        let patterns = patterns.map(|pattern| NamespacePattern::parse(pattern).expect("a pattern"));
        let mut namespaces = Namespaces::new();
        for (number, pattern) in patterns.iter().enumerate() {
            namespaces.insert(pattern.clone(), number);
        }
        for namespace in
            ["", "a", "ab", "abc", "abcd", "abcde", "abce", "abd", "ac", "b", "d", "z", "é", "abé"]
        {
            let matching = (0..patterns.len()).filter(|number| patterns[*number].matches(namespace));
            let mut found: Vec<_> = namespaces.of(namespace).collect();
            found.sort_unstable();
            assert_eq!(found, matching.collect::<Vec<_>>(), "{namespace}");
        }
    }

    #[test]
    fn an_impossible_pattern_is_refused_in_words() {
        let long = "a".repeat(64);
        let longest = &long[1..];
        assert_eq!(NamespacePattern::parse(longest), Ok(NamespacePattern(longest.to_owned())));
        for text in ["", "Team", "a.b", "a b", &long] {
            let why = format!(
                "no namespace can match `{text}`: write lower-case letters, digits, `-`, and `*` for any \
                 number of characters"
            );
            assert_eq!(NamespacePattern::parse(text), Err(BadPattern(why)));
        }
        for text in ["-", "-a", "team-", "-*"] {
            let why = format!(
                "no namespace can match `{text}`: a namespace begins and ends with a letter or \
                               a digit"
            );
            assert_eq!(NamespacePattern::parse(text), Err(BadPattern(why)));
        }
    }
}
