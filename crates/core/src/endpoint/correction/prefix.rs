//! The prefix that was probably meant.

use std::fmt::Write;

use super::{LONGEST, suggestion, unwrapped};
use crate::endpoint::api_path;
use crate::endpoint::host::Host;
use crate::endpoint::placeholder;
use crate::endpoint::rewrite_path::is_unseen;
use crate::endpoint::rules::Suggestion;
use crate::endpoint::script;

/// The path with its leading slash, without an operation, and with letters percent-encoded if necessary. `None` if
/// the value is a url, a sentence or a template, or would lose a query.
#[must_use]
pub(super) fn correct_prefix(text: &str) -> Option<Suggestion> {
    if text.len() > 2 * LONGEST || placeholder::find(text).is_some() || text.contains(['\\', '@']) {
        return None;
    }
    let bare = unwrapped(text, "prefix");
    let (path, rest) = bare.split_at(bare.find(['?', '#']).unwrap_or(bare.len()));
    let loses_query = rest.starts_with('?') && rest.len() > "?".len();
    let is_disguised = path.contains(script::is_dash) || script::look_alike(path).is_some();
    if bare.is_empty() || loses_query || is_disguised || path.contains(char::is_whitespace) {
        return None;
    }
    let path = api_path::operation(path).and_then(|operation| operation.base).unwrap_or(path);
    suggestion(encoded(&spelled(path))?, text, &spelled(text.trim_matches(is_unseen)))
}

/// Whether no segment is a host, a scheme, a word for an absent value, or a dot segment.
#[must_use]
pub(super) fn is_clean_prefix(prefix: &str) -> bool {
    let is_clean = |segment: &str| {
        let is_host = matches!(Host::classify(segment), Host::Name(_) | Host::Ipv4(_));
        let is_copied = segment.contains(['\'', ',', ';', ':']);
        let is_nothing = ["null", "~", "none", "true", "false", "localhost"]
            .iter()
            .any(|word| segment.eq_ignore_ascii_case(word));
        !(is_host || is_copied || is_nothing || [".", ".."].contains(&segment))
    };
    prefix.starts_with('/') && prefix.split('/').all(is_clean)
}

/// With a leading slash, and one slash between segments.
fn spelled(path: &str) -> String {
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// With letters outside of ASCII percent-encoded. `None` if there is another character outside of ASCII.
fn encoded(path: &str) -> Option<String> {
    let mut encoded = String::new();
    for character in path.chars() {
        if character.is_ascii() {
            encoded.push(character);
        } else if character.is_alphanumeric() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                write!(encoded, "%{byte:02X}").ok()?;
            }
        } else {
            return None;
        }
    }
    Some(encoded)
}
