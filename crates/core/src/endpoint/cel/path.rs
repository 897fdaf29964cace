//! The name of a variable with a text flows in; variables with the faults of that text as a rewritePath flow out, as
//! in [`rewrite_path`](crate::endpoint::rewrite_path).

/// White space and format characters that are not refused anyway, as in `rewrite_path::is_unseen`.
macro_rules! unseen {
    () => {
        r"\p{Z}\x{ad}\x{61c}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}\x{feff}\x{fff9}-\x{fffb}\x{1bca0}-\x{1bca3}\x{1d173}-\x{1d17a}"
    };
}

/// `{}` is the name of the text.
pub(super) const READING: [(&str, &str); 6] = [
    ("{}Body", "variables.{}.find(r'^(?s:.*[^/])')"),
    ("{}HasRefusedCharacter", r"variables.{}Body.matches(r'[?#%\\\x00-\x1f\x7f-\x{9f}\x{fffe}\x{ffff}]')"),
    (
        "{}HasUnseenEdge",
        concat!(
            r"variables.{}Body.matches(r'(^|/)[",
            unseen!(),
            r"]') || variables.{}Body.matches(r'[",
            unseen!(),
            r"](/|$)')"
        ),
    ),
    (
        "{}HasRefusedSegment",
        r"variables.{}Body.contains('//') || variables.{}Body.matches(r'(^|/)\.\.?(/|$)')",
    ),
    ("{}IsTooLong", "variables.{}Body.size() >= 1024"),
    (
        "{}IsRewritePath",
        "variables.{}.startsWith('/') && !variables.{}HasRefusedCharacter && !variables.{}HasUnseenEdge &&
!variables.{}HasRefusedSegment && !variables.{}IsTooLong",
    ),
];
