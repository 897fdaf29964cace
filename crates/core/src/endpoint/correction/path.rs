//! The rewritePath that was probably meant.

use super::{LONGEST, scheme_prefix, suggestion, unwrapped};
use crate::endpoint::api_path;
use crate::endpoint::host::Host;
use crate::endpoint::placeholder;
use crate::endpoint::rewrite_path::is_unseen;
use crate::endpoint::rules::Suggestion;
use crate::endpoint::script;
use crate::endpoint::url::Url;

/// Whether there is an `@` that does not follow a user name. The password before it may be anywhere.
fn hides_password(text: &str) -> bool {
    let known = usize::from(Url::split(text).userinfo.is_some());
    text.contains("://") && text.matches('@').count() > known
}

/// Only the path of a url, without the operation and the final `v1` that clients send themselves, and with correct
/// slashes. `None` if that is uncertain, could repeat a secret, or the value was never meant as a path.
#[must_use]
pub(super) fn correct_rewrite_path(text: &str) -> Option<Suggestion> {
    if text.len() > 2 * LONGEST || hides_password(text) || placeholder::find(text).is_some() {
        return None;
    }
    let bare = unwrapped(text, "rewritePath");
    let is_sentence = bare.contains(char::is_whitespace);
    if bare.is_empty()
        || means_nothing(bare.trim_end_matches('/'))
        || is_expression(&bare)
        || is_disguised(&bare)
        || is_sentence
    {
        return None;
    }
    let url = Url::split(&bare);
    let with_scheme = scheme_prefix(&bare).map(|(scheme, rest)| format!("{scheme}://{rest}"));
    let (path, is_url) = match &with_scheme {
        Some(url) => (Url::split(url).path, true),
        None => (bare.split(['?', '#']).next().unwrap_or_default(), false),
    };
    let loses_query = url.query.is_some_and(|query| !query.is_empty());
    let is_secret = bare.contains('@') && !url.may_show(bare.split(['?', '#']).next().unwrap_or_default());
    if loses_query || is_secret && !is_url {
        return None;
    }
    let mut segments = path_segments(path);
    if !bare.starts_with('/') && !is_url && segments.first().is_some_and(|first| is_host(first)) {
        segments.remove(0);
    }
    suggestion(joined(&without_api(&segments)), text, &joined(&path_segments(text)))
}

/// Whether a path contains nothing that was never meant as one: no scheme, no host, no quote, no password, and no
/// character that is invisible or looks like another one.
#[must_use]
pub(super) fn is_clean_path(path: &str) -> bool {
    path_segments(path).into_iter().all(is_name)
        && !path.contains(['[', ']'])
        && !is_disguised(path)
        && !path.contains(is_unseen)
        && !means_nothing(path.trim_matches('/'))
}

/// A dash instead of a hyphen, or a letter of another alphabet.
fn is_disguised(text: &str) -> bool {
    text.contains(script::is_dash) || script::look_alike(text).is_some()
}

fn path_segments(path: &str) -> Vec<&str> {
    path.split('/')
        .map(|segment| segment.trim_matches(is_unseen))
        .filter(|segment| !segment.is_empty())
        .collect()
}

fn joined(segments: &[&str]) -> String {
    segments.iter().fold("/".to_owned(), |path, segment| path + segment + "/")
}

/// Without what clients send.
fn without_api<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    let path = joined(segments);
    let base = api_path::operation(&path).and_then(|operation| operation.base).unwrap_or(&path);
    let kept = path_segments(base).len();
    let kept = &segments[..kept];
    match kept.split_last() {
        Some((&"v1", rest)) => rest.to_vec(),
        _ => kept.to_vec(),
    }
}

/// Words for an absent value, which YAML or a template turned into text.
fn means_nothing(text: &str) -> bool {
    const WORDS: [&str; 9] = ["~", "-", "null", "nil", "none", "undefined", "false", "true", "string"];
    WORDS.iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// A regular expression, as other proxies accept them.
fn is_expression(text: &str) -> bool {
    text.contains(['^', '*', '(', ')', '|', '[', ']', '+', '$', '\\'])
}

/// Whether a segment contains no scheme, host, quotes or punctuation that was copied by mistake.
fn is_name(segment: &str) -> bool {
    let is_scheme = ["http:", "https:"].iter().any(|scheme| segment.contains(scheme));
    let is_quoted = segment.contains(['"', '\'', '`', '<', '>', '{', '}', ',', ';', '@']);
    !is_scheme && !is_quoted && !is_host(segment)
}

/// `api.example.com`, `10.0.1.50:8000`, `localhost`: a name whose last label is a word.
fn is_host(segment: &str) -> bool {
    let (host, port) = segment.split_once(':').map_or((segment, ""), |(host, port)| (host, port));
    let has_word = |name: &str| name.rsplit('.').find(|label| !label.is_empty()).is_some_and(is_word);
    let is_host = match Host::classify(host) {
        Host::Ipv4(_) | Host::Ipv6(_) => true,
        Host::Name(name) => has_word(name),
        Host::Refused(_) => host.eq_ignore_ascii_case("localhost"),
    };
    is_host && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(label: &str) -> bool {
    label.len() > 1 && label.bytes().all(|byte| byte.is_ascii_alphabetic())
}
