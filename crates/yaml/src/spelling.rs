//! A scalar's value in, its spelling out: where a piece of the value is written, and how to write a new value.

use std::ops::Range;

use granit_parser::ScalarStyle;

use crate::scalar::means_something_else;

/// Where a piece of a value is written, in bytes within the scalar's spelling. `None` if the value does not match the
/// spelling.
#[must_use]
pub fn locate(spelling: &str, style: ScalarStyle, value: &str, piece: Range<usize>) -> Option<Range<usize>> {
    let mut walk = Walk::new(spelling, style, value);
    let mut start = None;
    while walk.value_at < piece.end {
        let before = walk.spelling_at;
        let from = walk.value_at;
        walk.step()?;
        if walk.value_at > piece.start && start.is_none() {
            start = Some(before);
        }
        if walk.value_at == from && walk.spelling_at == before {
            return None;
        }
    }
    // It has no length, so only a position.
    let start = start.unwrap_or(walk.spelling_at);
    let end = walk.spelling_at.max(start);
    // A line break is a position at the end of its line.
    let is_fold = spelling.get(start..end)?.starts_with(is_break);
    Some(start..if is_fold { start } else { end })
}

/// Goes through value and spelling side by side.
struct Walk<'a> {
    spelling: &'a str,
    value: &'a str,
    style: ScalarStyle,
    spelling_at: usize,
    value_at: usize,
}

impl<'a> Walk<'a> {
    fn new(spelling: &'a str, style: ScalarStyle, value: &'a str) -> Self {
        let blank = |text: &str| text.len() - text.trim_start_matches(|c| is_break(c) || is_blank(c)).len();
        let (spelling_at, value_at) = match style {
            ScalarStyle::Plain => (0, 0),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => (1, 0),
            // For the parser, a block scalar begins after its header.
            ScalarStyle::Literal | ScalarStyle::Folded => (blank(spelling), blank(value)),
        };
        Walk { spelling, value, style, spelling_at, value_at }
    }

    fn step(&mut self) -> Option<()> {
        let spelling = self.spelling.get(self.spelling_at..)?;
        let value = self.value.get(self.value_at..)?;
        let written = spelling.chars().next()?;
        if self.style == ScalarStyle::DoubleQuoted && written == '\\' {
            let (spelled, meant) = escape(spelling)?;
            self.spelling_at += spelled;
            self.value_at += if meant { value.chars().next()?.len_utf8() } else { 0 };
        } else if self.style == ScalarStyle::SingleQuoted && spelling.starts_with("''") {
            self.spelling_at += 2;
            self.value_at += 1;
        } else if value.starts_with(written) && !is_break(written) {
            self.spelling_at += written.len_utf8();
            self.value_at += written.len_utf8();
        } else if is_break(written) || is_blank(written) {
            // It is a fold, or an indentation.
            let unwritten = |c: char| is_break(c) || is_blank(c);
            self.spelling_at += spelling.len() - spelling.trim_start_matches(unwritten).len();
            self.value_at += value.len() - value.trim_start_matches(unwritten).len();
        } else {
            return None;
        }
        Some(())
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// The length of an escape sequence, and whether it represents a character. A pair of surrogates, as in JSON, is one
/// sequence.
fn escape(spelling: &str) -> Option<(usize, bool)> {
    let is_high = |hex: &str| u16::from_str_radix(hex, 16).is_ok_and(|unit| (0xd800..0xdc00).contains(&unit));
    Some(match spelling.as_bytes().get(1)? {
        b'x' => (4, true),
        b'u' if spelling.get(2..6).is_some_and(is_high) && spelling.get(6..8) == Some("\\u") => (12, true),
        b'u' => (6, true),
        b'U' => (10, true),
        b'\n' | b'\r' => {
            let rest = &spelling[1..];
            let blank = rest.len() - rest.trim_start_matches(|c| is_break(c) || is_blank(c)).len();
            (1 + blank, false)
        }
        _ => (1 + spelling[1..].chars().next()?.len_utf8(), true),
    })
}

/// Writes a value in the style of another one, if that style allows it.
#[must_use]
pub fn spell(value: &str, style: ScalarStyle, in_flow: bool) -> String {
    match style {
        ScalarStyle::SingleQuoted if !value.contains(char::is_control) => {
            format!("'{}'", value.replace('\'', "''"))
        }
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded if is_plain(value, in_flow) => {
            value.to_owned()
        }
        _ => double_quoted(value),
    }
}

/// Whether a text certainly needs no quotes.
fn is_plain(value: &str, in_flow: bool) -> bool {
    let fits =
        |c: char| c.is_ascii_alphanumeric() || "/._~-:@+=%".contains(c) || (!in_flow && "[],".contains(c));
    value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && value.chars().all(fits)
        && !value.ends_with(':')
        && !means_something_else(value)
}

/// As JSON, which is also YAML.
fn double_quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Document, Kind, parse};

    /// The spelling of `piece` in the scalar at key `v`.
    fn found<'a>(text: &'a str, piece: &str) -> &'a str {
        let documents = parse(text);
        let document: &Document<'_> = documents[0].as_ref().expect("YAML");
        let node = document.node(document.get(document.root(), "v").expect("a value").value);
        let Kind::Scalar { text: value, style } = &node.kind else { panic!("no scalar: {text}") };
        let at = value.find(piece).unwrap_or_else(|| panic!("{piece} in {value}"));
        let spelling = &text[node.span.clone()];
        let place = locate(spelling, *style, value, at..at + piece.len())
            .unwrap_or_else(|| panic!("no place: {text} {spelling:?}"));
        &text[node.span.start + place.start..node.span.start + place.end]
    }

    #[test]
    fn a_piece_is_found_in_every_style() {
        for (text, piece, spelling) in [
            ("v: http://h:99999/ # 99999", "99999", "99999"),
            ("v: 'it''s http://h:1/'", "s http", "s http"),
            ("v: 'it''s'", "'", "''"),
            (r#"{"v": "http:\/\/h\u003a99999/"}"#, ":99999", r"\u003a99999"),
            (r#"{"v": "\ud83d\ude00:1"}"#, ":1", ":1"),
            ("v: \"a \\\n  b:1\"", "b:1", "b:1"),
            ("v: |\n  http://h:99999/\n", "99999", "99999"),
            ("v: |-  # why\n\n    http://h:99999/", "99999", "99999"),
            ("v: >-\r\n  http://h\r\n  :99999/\r\n", "99999", "99999"),
            ("v: a\n  b:1", "b:1", "b:1"),
            ("v: \"a\n\n  b:1\"", "b:1", "b:1"),
            ("v: &anchor !!str http://é:1/", ":1", ":1"),
            ("x: &a http://h:1/\nv: *a", ":1", ":1"),
            ("\u{feff}v: é:1", ":1", ":1"),
        ] {
            assert_eq!(found(text, piece), spelling, "{text}");
        }
    }

    #[test]
    fn a_line_break_of_a_block_scalar_is_pointed_at() {
        assert_eq!(found("v: |\n  http://h/\nw: x", "\n"), "");
    }

    #[test]
    fn a_value_is_written_as_its_neighbour_if_that_can_hold_it() {
        use ScalarStyle::{DoubleQuoted, Folded, Plain, SingleQuoted};
        for (value, style, in_flow, spelling) in [
            ("/a/", Plain, false, "/a/"),
            ("/a/", SingleQuoted, false, "'/a/'"),
            ("/a/", DoubleQuoted, true, "\"/a/\""),
            ("/a/", Folded, false, "/a/"),
            ("/it's/", SingleQuoted, false, "'/it''s/'"),
            ("/a b/", Plain, false, "\"/a b/\""),
            ("http://[2001:db8::1]/", Plain, false, "http://[2001:db8::1]/"),
            ("http://[2001:db8::1]/", Plain, true, "\"http://[2001:db8::1]/\""),
            ("yes", Plain, false, "\"yes\""),
            ("/\"/", DoubleQuoted, false, "\"/\\\"/\""),
        ] {
            assert_eq!(spell(value, style, in_flow), spelling);
        }
    }
}
