//! A text flows in; a placeholder in it, which a template engine should have filled in, flows out.

use super::url::Scheme;

/// The start and the end of each kind of placeholder. A longer start comes before its prefix.
const BRACKETS: [(&str, &str); 7] =
    [("${", "}"), ("#{", "}"), ("$(", ")"), ("{{", "}}"), ("{%", "%}"), ("<", ">"), ("{", "}")];

/// The first placeholder: `${NAME}`, `#{name}`, `$(NAME)`, `{{ .name }}`, `<name>`, `{name}` or `$NAME`.
#[must_use]
pub(super) fn find(text: &str) -> Option<&str> {
    // Nearly every text has none of these.
    if !text.bytes().any(|byte| matches!(byte, b'$' | b'#' | b'{' | b'<')) {
        return None;
    }
    let bracketed =
        |(open, close): &(&str, &str)| between(text, open, close).filter(|found| !is_autolink(found));
    BRACKETS.iter().find_map(bracketed).or_else(|| variable(text))
}

/// The first piece that begins with `open` and ends with `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let start = text.find(open)?;
    let length = text[start..].find(close)? + close.len();
    Some(&text[start..start + length])
}

/// `<https://h.example>` is a link in Markdown, and not a placeholder.
fn is_autolink(found: &str) -> bool {
    let inner = found.strip_prefix('<').and_then(|rest| rest.split_once("://"));
    inner.is_some_and(|(scheme, _)| Scheme::named(scheme).is_some())
}

/// `$NAME`, a variable of a shell. It must be in upper case, unlike `$ref`, `$metadata` and prices.
fn variable(text: &str) -> Option<&str> {
    text.match_indices('$').find_map(|(at, _)| {
        let behind = &text[at + 1..];
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
        let ends_here = !behind[end..].starts_with(|c: char| c.is_alphanumeric());
        let is_name =
            end > 1 && ends_here && behind.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        is_name.then(|| &text[at..=at + end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_engine_should_have_filled_in_is_found() {
        for (text, found) in [
            ("http://${HOST}/v1", Some("${HOST}")),
            ("http://h/#{model}/v1", Some("#{model}")),
            ("http://$(HOST)/v1", Some("$(HOST)")),
            ("/{{ .model }}/", Some("{{ .model }}")),
            ("/{% if x %}/", Some("{% if x %}")),
            ("/<no value>/", Some("<no value>")),
            ("/<namespace>/", Some("<namespace>")),
            ("/{model}/", Some("{model}")),
            ("/$MODEL_2/x", Some("$MODEL_2")),
            ("<https://h.example/v1>", None),
            ("<https://{host}/v1>", Some("{host}")),
            ("<https://h.example/v1> <x>", None),
            ("/$ref/", None),
            ("/$M/", None),
            ("/$MODELs/", None),
            ("/$5/", None),
            ("/a{b/", None),
            ("/a$b/", None),
            ("", None),
        ] {
            assert_eq!(find(text), found, "{text}");
        }
    }
}
