//! A rewritePath as written, or a url to derive one from, flows in; a [`RewritePath`] flows out.
//!
//! The gateway replaces `/<namespace>/<service>/` with `rewritePath`, and something like `v1/chat/completions`
//! follows. So the two join correctly only if the path ends in exactly one slash.

use std::borrow::Cow;
use std::fmt::Display;

use super::url::{Url, is_path_byte, range_of};

/// The longest value that HTTPRoute's `replacePrefixMatch` accepts, in code points.
pub const LONGEST: usize = 1024;

/// A path that the gateway can rewrite to: absolute, without empty, `.` or `..` segments, without characters that
/// corrupt a request target, at most [`LONGEST`] code points long, and with exactly one trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewritePath<'a>(Cow<'a, str>);

/// What is wrong with a rewritePath, apart from the slashes at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathFaults {
    pub not_absolute: bool,
    /// Each character that corrupts the request target or that HTTPRoute refuses, once.
    pub characters: Vec<char>,
    /// The first white space or format character at the edge of a segment.
    pub edge: Option<char>,
    /// The first `.`, `..` or empty segment.
    pub segment: Option<Segment>,
    /// The length in code points, if it is too long.
    pub too_long: Option<usize>,
}

/// Reads a rewritePath once: its text, and its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPath<'a> {
    pub text: &'a str,
    pub faults: PathFaults,
}

/// A segment that is not a plain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    Empty,
    Dot,
    DotDot,
}

impl<'a> From<RewritePath<'a>> for Cow<'a, str> {
    fn from(path: RewritePath<'a>) -> Self {
        path.0
    }
}

impl<'a> RewritePath<'a> {
    /// Reads what was written, and normalizes the trailing slashes. Borrows the text if it is in normal form.
    ///
    /// # Errors
    /// All faults at once, if the gateway can't rewrite to the value.
    pub fn parse(text: &'a str) -> Result<Self, PathFaults> {
        let faults = PathFaults::of(text);
        if faults == PathFaults::default() { Ok(RewritePath(normalize(text))) } else { Err(faults) }
    }

    /// The path that requests to this url should be rewritten to: the url's path without a final `v1` segment, which
    /// clients send themselves. `None` if the gateway can't rewrite to that path.
    #[must_use]
    pub fn derive(url: &Url<'a>) -> Option<Self> {
        let prefix = without_version(url.path);
        if prefix.is_empty() {
            return Some(RewritePath(Cow::Borrowed("/")));
        }
        RewritePath::parse(prefix).ok()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> WrittenPath<'a> {
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        WrittenPath { text, faults: PathFaults::of(text) }
    }

    /// A part of it for a message, in backticks. `…` replaces what could be a secret of a pasted url.
    #[must_use]
    pub(crate) fn show(&self, part: &'a str) -> impl Display + use<'a> {
        Url::split(self.text).show(part)
    }

    /// The first character that is not allowed in a rewritePath, or not at its position.
    #[must_use]
    pub(crate) fn refused_character(&self) -> Option<&'a str> {
        let (at, character) = match (self.faults.characters.first(), self.faults.edge) {
            (Some(character), _) => (self.text.find(*character)?, *character),
            (None, Some(edge)) => {
                let segment = self.segments().find(|segment| edge_fault(segment).is_some())?;
                let within = if segment.starts_with(edge) { 0 } else { segment.rfind(edge)? };
                (range_of(self.text, segment)?.start + within, edge)
            }
            (None, None) => return None,
        };
        self.text.get(at..at + character.len_utf8())
    }

    /// The first segment that is not a plain name. An empty one includes the slash after it.
    #[must_use]
    pub(crate) fn refused_segment(&self) -> Option<&'a str> {
        let segment = self.segments().find(|segment| Segment::of(segment).is_some())?;
        let at = range_of(self.text, segment)?.start;
        self.text.get(at..at + segment.len().max(1))
    }

    fn segments(&self) -> impl Iterator<Item = &'a str> {
        let body = self.text.trim_end_matches('/');
        body.strip_prefix('/').unwrap_or(body).split('/')
    }
}

impl PathFaults {
    /// Judges a value as it will be once its trailing slashes are normalized.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let body = text.trim_end_matches('/');
        let mut faults = PathFaults { not_absolute: !text.starts_with('/'), ..PathFaults::default() };
        let segments = || body.strip_prefix('/').unwrap_or(body).split('/');
        // Only slashes mean the root.
        if !body.is_empty() {
            faults.segment = segments().find_map(Segment::of);
        }
        if !is_harmless(body) {
            faults.edge = segments().find_map(edge_fault);
            for character in body.chars().filter(|character| is_refused(*character)) {
                if !faults.characters.contains(&character) {
                    faults.characters.push(character);
                }
            }
        }
        // a code point has at least one byte
        if body.len() >= LONGEST {
            faults.too_long = Some(body.chars().count() + 1).filter(|length| *length > LONGEST);
        }
        faults
    }
}

impl Segment {
    fn of(segment: &str) -> Option<Self> {
        match segment {
            "" => Some(Segment::Empty),
            "." => Some(Segment::Dot),
            ".." => Some(Segment::DotDot),
            _ => None,
        }
    }
}

/// A url's path without a final `v1` segment, and without trailing slashes.
#[must_use]
pub(crate) fn without_version(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix("v1").filter(|prefix| prefix.ends_with('/')).unwrap_or(path)
}

/// Whether the value ends in exactly one slash.
#[must_use]
pub fn ends_in_one_slash(text: &str) -> bool {
    text.ends_with('/') && !text.ends_with("//")
}

fn normalize(text: &str) -> Cow<'_, str> {
    if ends_in_one_slash(text) {
        return Cow::Borrowed(text);
    }
    let body = text.trim_end_matches('/');
    match text.get(..=body.len()) {
        Some(with_slash) => Cow::Borrowed(with_slash),
        None => Cow::Owned(format!("{body}/")),
    }
}

/// Characters that Traefik reads as a delimiter or escapes again, and characters that no HTTPRoute can have.
fn is_refused(character: char) -> bool {
    matches!(character, '?' | '#' | '%' | '\\') || character.is_control() || is_no_yaml_character(character)
}

/// Whether all characters are allowed in a path by RFC 3986, except for percent signs. None of them is refused, and
/// nearly every path consists of them.
fn is_harmless(text: &str) -> bool {
    text.bytes().all(is_path_byte)
}

/// An HTTPRoute is applied as YAML, whose reader refuses these in addition to the controls (YAML 1.2, section 5.1).
fn is_no_yaml_character(character: char) -> bool {
    matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// White space or a format character at either end. Characters that are refused anyway are not reported twice.
fn edge_fault(segment: &str) -> Option<char> {
    let unseen = |c: &char| is_unseen(*c) && !is_refused(*c);
    segment.chars().next().filter(unseen).or_else(|| segment.chars().next_back().filter(unseen))
}

/// White space, or a format character.
#[must_use]
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_whitespace() || is_format(character)
}

/// An invisible character that nobody writes on purpose: Unicode's category Cf, except for the visible signs in it,
/// and for the tags at the end of the flags of England, Scotland and Wales. Variation selectors (Mn) belong to the
/// emoji before them.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, PathFaults> {
        RewritePath::parse(text).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn a_path_ends_in_exactly_one_slash() {
        for (written, stored) in [
            ("/", "/"),
            ("///", "/"),
            ("/a", "/a/"),
            ("/a/", "/a/"),
            ("/a//", "/a/"),
            ("/ml-team/qwen-72b////", "/ml-team/qwen-72b/"),
            ("/a b/é/[x]/..b/", "/a b/é/[x]/..b/"),
            ("/\u{10ffff}b/", "/\u{10ffff}b/"),
            ("/\u{fdd0}/\u{1fffe}", "/\u{fdd0}/\u{1fffe}/"),
            ("/❤\u{fe0f}/", "/❤\u{fe0f}/"),
            ("/🏴\u{e0067}\u{e007f}", "/🏴\u{e0067}\u{e007f}/"),
            ("/\u{3164}/\u{115f}", "/\u{3164}/\u{115f}/"),
        ] {
            assert_eq!(parsed(written), Ok(stored.to_owned()), "{written}");
        }
        assert!(matches!(RewritePath::parse("/a//"), Ok(RewritePath(Cow::Borrowed("/a/")))));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let text = "a/../?\u{7f}?/ b";
        assert_eq!(
            parsed(text),
            Err(PathFaults {
                not_absolute: true,
                characters: vec!['?', '\u{7f}'],
                edge: Some(' '),
                segment: Some(Segment::DotDot),
                too_long: None,
            })
        );
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        let not_absolute = PathFaults { not_absolute: true, ..PathFaults::default() };
        let segment = |segment| PathFaults { segment: Some(segment), ..PathFaults::default() };
        let edge = |character| PathFaults { edge: Some(character), ..PathFaults::default() };
        let characters =
            |characters: &[char]| PathFaults { characters: characters.to_vec(), ..PathFaults::default() };
        for (text, faults) in [
            ("", PathFaults { not_absolute: true, ..PathFaults::default() }),
            ("api", not_absolute.clone()),
            ("api/", not_absolute),
            ("//a", segment(Segment::Empty)),
            ("/a//b/", segment(Segment::Empty)),
            ("/a/./", segment(Segment::Dot)),
            ("/..", segment(Segment::DotDot)),
            ("/a/ ", edge(' ')),
            ("/a\u{200b}/", edge('\u{200b}')),
            ("/\u{3000}a/", edge('\u{3000}')),
            ("/a\u{2028}", edge('\u{2028}')),
            ("/\u{ad}a", edge('\u{ad}')),
            ("/a\u{feff}/", edge('\u{feff}')),
            ("/a\t/", characters(&['\t'])),
            ("/a%2Fb/", characters(&['%'])),
            ("/a\\b#c/", characters(&['\\', '#'])),
            ("/\u{9b}/", characters(&['\u{9b}'])),
            ("/\u{fffe}/", characters(&['\u{fffe}'])),
            ("/\u{ffff}/", characters(&['\u{ffff}'])),
        ] {
            assert_eq!(parsed(text), Err(faults), "{text:?}");
        }
    }

    #[test]
    fn length_counts_code_points_of_the_normalized_value() {
        let fits = format!("/{}", "é".repeat(LONGEST - 2));
        assert_eq!(parsed(&fits), Ok(format!("{fits}/")));
        assert_eq!(parsed(&format!("{fits}///")), Ok(format!("{fits}/")));
        let too_long = format!("/{}/", "é".repeat(LONGEST - 1));
        assert_eq!(
            parsed(&too_long),
            Err(PathFaults { too_long: Some(LONGEST + 1), ..PathFaults::default() })
        );
    }

    #[test]
    fn the_default_is_the_urls_path_without_a_final_v1() {
        for (url, default) in [
            ("http://10.0.1.50/ml-team/qwen-72b/", Some("/ml-team/qwen-72b/")),
            ("https://api.groq.com/openai/v1", Some("/openai/")),
            ("https://api.groq.com/openai/v1/", Some("/openai/")),
            ("https://api.openai.com", Some("/")),
            ("https://api.openai.com/", Some("/")),
            ("https://api.openai.com/v1", Some("/")),
            ("https://h.example/v1/v1", Some("/v1/")),
            ("https://h.example/av1", Some("/av1/")),
            ("https://h.example/v1/openai", Some("/v1/openai/")),
            ("https://h.example/a%20b/v1", None),
            ("https://h.example/a/../v1", None),
            ("https://h.example/a//b/v1", None),
        ] {
            let derived = RewritePath::derive(&Url::split(url)).map(|path| path.as_str().to_owned());
            assert_eq!(derived.as_deref(), default, "{url}");
        }
        let long = format!("https://h.example/{}/v1", "p".repeat(LONGEST));
        assert_eq!(RewritePath::derive(&Url::split(&long)), None);
    }
}
