//! What is decided for some namespaces only flows in; what of it is about one namespace flows out.

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

/// A part of a policy that lists the namespaces that it applies to.
pub trait ForNamespaces {
    fn namespaces(&self) -> &[NamespacePattern];
}

/// Parts of a policy, indexed by the text before the first `*` of their namespace patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByNamespace<T> {
    items: Vec<T>,
    by_beginning: BTreeMap<String, Vec<(NamespacePattern, usize)>>,
}

impl<T> ByNamespace<T> {
    pub(super) const NONE: Self = Self { items: Vec::new(), by_beginning: BTreeMap::new() };

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// In the order of insertion.
    #[must_use]
    pub(crate) fn all(&self) -> &[T] {
        &self.items
    }

    /// The items for this namespace, each once, in the order of insertion.
    #[must_use]
    pub(super) fn of(&self, namespace: &str) -> Vec<&T> {
        let mut numbers: Vec<_> = self.numbers_of(namespace).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.items.get(number)).collect()
    }

    /// The numbers of the items with a pattern that matches.
    ///
    /// A beginning of a namespace sorts before the namespace. So the last entry up to it either is a beginning of it,
    /// or shares with it the longest beginning that the next entry can have.
    fn numbers_of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = usize> + 'a {
        let mut longest = Some(namespace);
        let beginnings = std::iter::from_fn(move || {
            while let Some(limit) = longest {
                let up_to = (Unbounded, Included(limit));
                let (beginning, patterns) = self.by_beginning.range::<str, _>(up_to).next_back()?;
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

impl<T: ForNamespaces> Extend<T> for ByNamespace<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            for pattern in item.namespaces() {
                let beginning = pattern.0.split('*').next().unwrap_or_default().to_owned();
                self.by_beginning.entry(beginning).or_default().push((pattern.clone(), self.items.len()));
            }
            self.items.push(item);
        }
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

    impl ForNamespaces for (usize, [NamespacePattern; 1]) {
        fn namespaces(&self) -> &[NamespacePattern] {
            &self.1
        }
    }

    #[test]
    fn every_pattern_that_matches_is_found_by_its_beginning() {
        let patterns = [
            "*", "a", "a*", "ab", "ab*", "ab*d", "abc", "abcd", "abcde", "abd*", "b", "*d", "a*c", "abcc*",
            "abb*", "aa*",
        ];
        let patterns = patterns.map(|pattern| NamespacePattern::parse(pattern).expect("a pattern"));
        let mut namespaces = ByNamespace::NONE;
        namespaces.extend(patterns.iter().map(|pattern| [pattern.clone()]).enumerate());
        for namespace in
            ["", "a", "ab", "abc", "abcd", "abcde", "abce", "abd", "ac", "b", "d", "z", "é", "abé"]
        {
            let matching = (0..patterns.len()).filter(|number| patterns[*number].matches(namespace));
            let found: Vec<_> = namespaces.of(namespace).into_iter().map(|(number, _)| *number).collect();
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
