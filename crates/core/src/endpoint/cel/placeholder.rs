//! The name of a variable with a text flows in; whether that text contains a placeholder flows out, as in
//! [`placeholder`](crate::endpoint::placeholder).

/// `{}` is the name of the text.
pub(super) const READING: [(&str, &str); 1] = [(
    "{}HasPlaceholder",
    // `{name}`, `<name>` and a variable. `<https://h.example>` is a link in Markdown.
    r"variables.{}.matches(r'(?s)\{.*\}|\$\(.*\)|\$[A-Z_][A-Z0-9_]+([^\pL\pN_]|$)') ||
variables.{}.matches(r'(?s)<.*>') && !variables.{}.matches(r'^[^<]*<[Hh][Tt][Tt][Pp][Ss]?://[^>]*>')",
)];
