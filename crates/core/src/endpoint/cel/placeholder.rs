//! A text flows in, by the name of the variable that contains it; whether it has a placeholder flows out, as in
//! [`placeholder`](crate::endpoint::placeholder).

/// `{}` is the name of the text.
pub(super) const READING: [(&str, &str); 2] = [
    // how Markdown writes a link
    ("{}HasAutolink", "variables.{}.matches(r'^[^<]*<[Hh][Tt][Tt][Pp][Ss]?://[^>]*>')"),
    (
        "{}HasPlaceholder",
        r"variables.{}.matches(r'(?s)[$#]\{.*\}|\$\(.*\)|\{\{.*\}\}|\{%.*%\}|\$[A-Z_][A-Z0-9_]+([^\pL\pN_]|$)') ||
!variables.{}HasAutolink && variables.{}.matches(r'(?s)<.*>|\{.*\}')",
    ),
];
