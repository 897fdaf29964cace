//! A refused value flows in; the value that was probably meant flows out. It is not judged yet.
//!
//! A correction keeps what a person meant, or there is none: a query that the provider needs, a second host, a
//! template or a password is never silently dropped.

mod model;
mod origin;
mod path;
mod prefix;
mod schema;
mod url;

use super::field::Field;
use super::rewrite_path::is_unseen;
use super::rules::{Applicability, Suggestion};
use super::url::Scheme;

/// The longest text that is read for a correction, and the longest one that helps in a message, in bytes.
pub(super) const LONGEST: usize = 200;

/// The value that was probably meant in a field.
#[must_use]
pub(super) fn correct(field: Field, text: &str) -> Option<Suggestion> {
    match field {
        Field::Url => url::correct_url(text),
        Field::RewritePath => path::correct_rewrite_path(text),
        Field::Origin => origin::correct_origin(text),
        Field::Prefix => prefix::correct_prefix(text),
        Field::Schema => schema::correct_schema(text),
        Field::Model => model::correct_model(text),
        Field::Credential | Field::SecretName | Field::SecretKey | Field::Cluster => None,
    }
}

/// Whether a value contains nothing that was copied by mistake.
#[must_use]
pub(super) fn is_clean(field: Field, value: &str) -> bool {
    match field {
        Field::Url => url::is_clean_url(value),
        Field::RewritePath => path::is_clean_path(value),
        Field::Prefix => prefix::is_clean_prefix(value),
        _ => true,
    }
}

/// What surrounds a value that was copied with its quotes, or from Markdown.
const WRAPPING: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('`', '`'), ('<', '>')];

/// What a person wrote: the text without white space, quotes and a pasted key around it, and without invisible
/// characters.
fn unwrapped(text: &str, key: &str) -> String {
    let mut rest = text.trim_matches(is_unseen);
    for _ in 0..WRAPPING.len() {
        if let Some(behind) = rest.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) {
            rest = behind.trim_matches(is_unseen);
        }
        for (open, close) in WRAPPING {
            let inner = rest.strip_prefix(open).map(|inner| inner.strip_suffix(close).unwrap_or(inner));
            rest = inner.or_else(|| rest.strip_suffix(close)).unwrap_or(rest).trim_matches(is_unseen);
        }
    }
    rest.chars().filter(|c| !is_unseen(*c) || c.is_whitespace()).collect()
}

/// The value, if it differs from what was written and is short enough to help.
fn suggestion(value: String, written: &str, spelled: &str) -> Option<Suggestion> {
    let applicability = if value == spelled { Applicability::Safe } else { Applicability::Unsafe };
    (value != written && value.len() <= LONGEST).then_some(Suggestion { value, applicability })
}

/// The scheme at the start of a text in its correct form, and the rest: `https://`, and common misspellings of it.
fn scheme_prefix(text: &str) -> Option<(&str, &str)> {
    let name = &text[..text.find(|c: char| !c.is_ascii_alphanumeric())?];
    let rest = text[name.len()..].trim_start_matches([':', ';', ',', '.', '/', ' ']);
    let sign = &text[name.len()..text.len() - rest.len()];
    if Scheme::named(name).is_some() {
        let is_sign =
            sign.contains("//") || sign.contains(':') && !rest.starts_with(|c: char| c.is_ascii_digit());
        return is_sign.then_some((name, rest));
    }
    let (_, meant) = TYPOS.iter().find(|(typo, _)| typo.eq_ignore_ascii_case(name))?;
    (sign == "://").then_some((*meant, rest))
}

/// Typing errors.
const TYPOS: [(&str, &str); 14] = [
    ("htps", "https"),
    ("htpps", "https"),
    ("htttps", "https"),
    ("hhttps", "https"),
    ("httpss", "https"),
    ("httsp", "https"),
    ("ttps", "https"),
    ("hxxps", "https"),
    ("htp", "http"),
    ("htpp", "http"),
    ("htttp", "http"),
    ("hhttp", "http"),
    ("ttp", "http"),
    ("hxxp", "http"),
];
