//! What is suggested for the fields of an endpoint with an origin: it keeps what was meant, or there is nothing.

use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::policy::{AllowList, HostPattern, NOWHERE, NamespacePattern};
use modelendpoint_core::endpoint::rules::{Applicability, Severity, Subject, Suggestion, Violation};
use modelendpoint_core::endpoint::{Field, Policy, Spec, Value};
use proptest::prelude::*;

fn spec<'a>(origin: &'a str, schema: &'a str, prefix: &'a str) -> Spec<'a> {
    let text = Value::Text;
    Spec { origin: text(origin), schema: text(schema), prefix: text(prefix), ..Spec::EMPTY }
}

fn said(spec: Spec<'_>) -> Vec<Violation> {
    judge(&Subject::of(spec, None, &NOWHERE))
}

fn suggested(spec: Spec<'_>, field: Field) -> Option<Suggestion> {
    said(spec).into_iter().filter(|v| v.rule.field == field).find_map(|v| v.suggestion)
}

fn for_origin(origin: &str) -> Option<Suggestion> {
    suggested(spec(origin, "OpenAI", "/v1"), Field::Origin)
}

fn for_prefix(prefix: &str) -> Option<Suggestion> {
    suggested(spec("https://h.example", "OpenAI", prefix), Field::Prefix)
}

fn value(suggestion: Option<Suggestion>) -> Option<(String, bool)> {
    suggestion.map(|meant| (meant.value, meant.applicability == Applicability::Safe))
}

#[test]
fn the_origin_that_was_meant() {
    for (written, meant) in [
        ("https://API.Example.com", Some(("https://api.example.com", true))),
        ("HTTPS://api.example.com:8443", Some(("https://api.example.com:8443", true))),
        ("https://api.example.com\n", Some(("https://api.example.com", true))),
        (" https://api.example.com.", Some(("https://api.example.com", true))),
        ("http://api.example.com.:000080", Some(("http://api.example.com:80", true))),
        ("https://API.Example.com.", Some(("https://api.example.com", true))),
        ("api.example.com", Some(("https://api.example.com", false))),
        ("llm.ml.svc.cluster.local:8000", Some(("http://llm.ml.svc.cluster.local:8000", false))),
        ("https:/api.example.com", Some(("https://api.example.com", false))),
        ("htps://api.example.com", Some(("https://api.example.com", false))),
        ("https://https://api.example.com", Some(("https://api.example.com", false))),
        ("https://api.example.com://8080", Some(("https://api.example.com:8080", false))),
        ("https://api.example.com://", Some(("https://api.example.com", false))),
        ("https://api.example.com:", Some(("https://api.example.com", false))),
        ("\"https://api.example.com\"", Some(("https://api.example.com", false))),
        ("origin: https://api.example.com", Some(("https://api.example.com", false))),
        ("https://user:s3cret@api.example.com", Some(("https://api.example.com", false))),
        ("https://api.example.com#chat", Some(("https://api.example.com", false))),
        ("https://bücher.example", Some(("https://xn--bcher-kva.example", false))),
        ("https://api.groq.com:", Some(("https://api.groq.com", false))),
        ("https://api.example.com/openai/v1", None),
        ("https://api.example.com?api-version=1", None),
        ("https://${HOST}", None),
        ("http://vllm:8000", None),
        ("http://10.0.1.50", None),
        ("http://127.1", None),
        ("https://api.example.com://x", None),
        ("https://good.example@evil.example", None),
        ("http://localhost.", None),
        ("ftp://api.example.com", None),
        ("https://api.example.com:0", None),
        ("", None),
    ] {
        let found = value(for_origin(written));
        assert_eq!(found.as_ref().map(|(value, is_safe)| (value.as_str(), *is_safe)), meant, "{written:?}");
    }
}

#[test]
fn the_prefix_that_was_meant() {
    for (written, meant) in [
        ("v1", Some(("/v1", true))),
        ("openai/v1/", Some(("/openai/v1/", true))),
        ("/openai//v1", Some(("/openai/v1", true))),
        (" /v1\n", Some(("/v1", true))),
        ("//v1", Some(("/v1", true))),
        ("\"/v1\"", Some(("/v1", false))),
        ("prefix: /v1", Some(("/v1", false))),
        ("/v1/chat/completions", Some(("/v1", false))),
        ("/v1/messages/", Some(("/v1", false))),
        ("/v1?", Some(("/v1", false))),
        ("/openai/v1/v1", Some(("/openai/v1", false))),
        ("/v2/v1", None),
        ("/v1#chat", Some(("/v1", false))),
        ("/modèles/v1", Some(("/mod%C3%A8les/v1", false))),
        ("/v1?api-version=1", None),
        ("/v1/../admin", None),
        ("https://api.example.com/v1", None),
        ("api.example.com/v1", None),
        ("/<deployment>/v1", None),
        ("/my model/v1", None),
        ("/a\\b/v1", None),
        ("null", None),
        ("/100%/v1", None),
    ] {
        let found = value(for_prefix(written));
        assert_eq!(found.as_ref().map(|(value, is_safe)| (value.as_str(), *is_safe)), meant, "{written:?}");
    }
}

#[test]
fn a_provider_says_which_schema_and_which_prefix_were_meant() {
    let meant = |origin, schema, prefix| {
        let spec = spec(origin, schema, prefix);
        [Field::Schema, Field::Prefix].map(|field| suggested(spec, field).map(|meant| meant.value))
    };
    let some = |value: &str| Some(value.to_owned());
    for (origin, schema, prefix, expected) in [
        ("https://api.groq.com", "OpenAI", "/v1", [None, some("/openai/v1")]),
        ("https://api.groq.com", "OpenAI", "v1", [None, some("/openai/v1")]),
        ("https://api.groq.com", "Anthropic", "/v1", [some("OpenAI"), some("/openai/v1")]),
        ("https://api.openai.com", "Anthropic", "/v1", [some("OpenAI"), None]),
        ("https://api.deepseek.com", "OpenAI", "/anthropic/v1", [some("Anthropic"), None]),
        ("https://h.example", "openai", "/v1", [some("OpenAI"), None]),
        ("https://h.example", "Gemini", "/v1", [None, None]),
        ("https://api.cloudflare.com", "OpenAI", "/v1", [None, None]),
    ] {
        assert_eq!(meant(origin, schema, prefix), expected, "{origin} {schema} {prefix}");
    }
    let schema = suggested(spec("https://h.example", " openai", "/v1"), Field::Schema);
    assert_eq!(value(schema), Some(("OpenAI".to_owned(), true)));
    let model = Spec { model: Value::Text("gpt-5\n"), ..spec("https://h.example", "OpenAI", "/v1") };
    assert_eq!(value(suggested(model, Field::Model)), Some(("gpt-5".to_owned(), true)));
}

#[test]
fn what_a_remedy_names_is_not_said_twice() {
    let messages: Vec<_> =
        said(spec("https://api.groq.com", "OpenAI", "/v1")).iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        ["is not Groq's path; write `/openai/v1`", "is missing, and Groq asks for a key; name its Secret"]
    );
}

#[test]
fn a_suggestion_is_judged_under_the_same_policy() {
    let mut policy = Policy::NONE;
    policy.allow.extend([AllowList {
        namespaces: vec![NamespacePattern::any()],
        hosts: HostPattern::parse("a.example").into_iter().collect(),
        ..AllowList::default()
    }]);
    let here = policy.here("ml-team");
    let suggested = |origin: &str| {
        let violations = judge(&Subject::of(spec(origin, "OpenAI", "/v1"), None, &here));
        violations.into_iter().find_map(|v| v.suggestion).map(|meant| meant.value)
    };
    assert_eq!(suggested("https://A.example").as_deref(), Some("https://a.example"));
    assert_eq!(suggested("https://B.example"), None);
}

/// Values as they are often copied, with what people write around them.
#[expect(clippy::too_many_lines, reason = "a list of values")]
fn copied() -> impl Strategy<Value = String> {
    let noise = || {
        prop::sample::select(vec![
            "",
            "",
            "",
            "\"",
            "'",
            "`",
            " ",
            "\n",
            "<",
            ">",
            "\u{200b}",
            "${X}",
            "<x>",
            "{x}",
            "%",
            "https://",
            "//",
            "://",
            "/",
            "?q=1",
            "?",
            "#f",
            "\\",
            ",",
            "user:pw@",
            "–",
            "а",
            "é",
            ":",
            ":8000",
            ":000443",
            "origin: ",
            "prefix: ",
            "null",
            "v1",
            "/v1",
            "/v1/v1",
            "chat/completions",
            "/v1/messages",
            "h.example",
            "10.0.1.50",
            "localhost",
            ".",
            "..",
            "/..",
            "A",
        ])
    };
    let core = prop::sample::select(vec![
        "https://api.example.com",
        "HTTP://Api.Example.com:8000",
        "api.example.com",
        "llm.ml.svc.cluster.local:8000",
        "http://10.0.1.50",
        "https://api.groq.com",
        "/v1",
        "/openai/v1",
        "openai/v1",
        "",
    ]);
    (prop::collection::vec(noise(), 0..3), core, prop::collection::vec(noise(), 0..4))
        .prop_map(|(before, core, behind)| format!("{}{core}{}", before.concat(), behind.concat()))
}

/// What must never be in a suggestion, and that nothing is said of the field with it.
fn is_clean_and_settled(suggestion: &str, spec: Spec<'_>, field: Field) -> Result<(), TestCaseError> {
    prop_assert!(suggestion.chars().all(|c| c.is_ascii_graphic()), "{}", suggestion);
    prop_assert!(
        !suggestion.contains(['"', '\'', '`', '<', '>', '{', '}', '\\', '?', '#', '@', '$']),
        "{}",
        suggestion
    );
    let violations = said(spec.with(field, suggestion));
    let of_field: Vec<_> = violations.iter().filter(|v| v.rule.field == field).map(|v| v.rule.id).collect();
    prop_assert_eq!(of_field, Vec::<&str>::new(), "{}", suggestion);
    let before = said(spec);
    let is_new =
        |v: &&Violation| v.severity == Severity::Deny && before.iter().all(|old| old.rule.id != v.rule.id);
    prop_assert!(!violations.iter().any(|v| is_new(&v)), "{}", suggestion);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_suggested_origin_is_clean_and_says_all_that_was_said(text in copied()) {
        let Some(Suggestion { value, applicability }) = for_origin(&text) else { return Ok(()) };
        is_clean_and_settled(&value, spec(&text, "OpenAI", "/v1"), Field::Origin)?;
        prop_assert_ne!(&value, &text);
        prop_assert!(!text.contains("?q=1") || text.contains('#'), "{} for {:?}", value, text);
        if applicability == Applicability::Safe {
            let kept = |text: &str| {
                text.to_ascii_lowercase()
                    .replace(|c: char| c.is_whitespace() || "\u{200b}./0:".contains(c), "")
            };
            prop_assert_eq!(kept(&value), kept(&text), "not the same origin");
        }
    }

    #[test]
    fn a_suggested_prefix_is_clean_and_says_all_that_was_said(text in copied()) {
        let Some(Suggestion { value, applicability }) = for_prefix(&text) else { return Ok(()) };
        is_clean_and_settled(&value, spec("https://h.example", "OpenAI", &text), Field::Prefix)?;
        prop_assert_ne!(&value, &text);
        prop_assert!(!text.contains("?q=1") || text.contains('#'), "{} for {:?}", value, text);
        if applicability == Applicability::Safe {
            let kept = |text: &str| text.replace(|c: char| c.is_whitespace() || "\u{200b}/".contains(c), "");
            prop_assert_eq!(kept(&value), kept(&text), "not the same prefix");
        }
    }

    /// What a person writes with one slip in it comes back without the slip.
    #[test]
    fn an_origin_with_one_slip_is_suggested_without_it(
        host in "[a-z]{3,8}(-[a-z]{2,4})?\\.[a-z]{2,6}\\.(com|io|dev)",
        port in prop::option::of(1024..60000_u16),
        slip in 0..9_usize,
    ) {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let meant = format!("https://{host}{port}");
        let written = match slip {
            0 => format!("{meant}\n"),
            1 => format!("\"{meant}\""),
            2 => format!("https//{host}{port}"),
            3 => format!("https:/{host}{port}"),
            4 => format!("https://https://{host}{port}"),
            5 => format!("https://{}{port}", host.to_uppercase()),
            6 => format!("https://{host}.{port}"),
            7 => format!("https://{}{port}", host.replacen('.', "\u{200b}.", 1)),
            _ => format!("{meant}#"),
        };
        let suggestion = for_origin(&written);
        prop_assert_eq!(suggestion.map(|suggestion| suggestion.value), Some(meant), "{}", written);
    }
}
