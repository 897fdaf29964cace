//! Suggestions for values that are refused or warned about: each keeps what was meant, or there is none.

use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::policy::{AllowList, HostPattern, NamespacePattern};
use modelendpoint_core::endpoint::rules::{Applicability, Subject, Suggestion};
use modelendpoint_core::endpoint::{Field, Policy, Spec, Value};
use proptest::prelude::*;

/// The suggestion for a field of an endpoint that is created.
fn suggested(url: &str, rewrite_path: Value<&str>, field: Field) -> Option<Suggestion> {
    let violations = judge(&Subject::new(Value::Text(url), rewrite_path, None));
    violations.into_iter().filter(|v| v.rule.field == field).find_map(|v| v.suggestion)
}

fn for_url(url: &str) -> Option<Suggestion> {
    suggested(url, Value::Absent, Field::Url)
}

fn for_path(path: &str) -> Option<Suggestion> {
    suggested("https://h.example", Value::Text(path), Field::RewritePath)
}

fn is_safe(suggestion: &Suggestion) -> bool {
    suggestion.applicability == Applicability::Safe
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn the_url_that_was_meant() {
    for (written, meant) in [
        ("api.openai.com/v1", Some("https://api.openai.com/v1")),
        ("10.0.1.50:8000/v1", Some("http://10.0.1.50:8000/v1")),
        ("10.0.1.50/v1", Some("http://10.0.1.50/v1")),
        ("vllm.ml.svc.cluster.local:8000/v1", Some("http://vllm.ml.svc.cluster.local:8000/v1")),
        ("vllm.ml.svc/v1", Some("http://vllm.ml.svc/v1")),
        ("vllm.ml.svc.corp.example/v1", Some("http://vllm.ml.svc.corp.example/v1")),
        ("h.example:443", Some("https://h.example:443")),
        ("api.example.com:8443/v1", None),
        ("//h.example/v1", Some("https://h.example/v1")),
        ("http:/h.example/v1", Some("http://h.example/v1")),
        ("https:h.example/v1", Some("https://h.example/v1")),
        ("http://https://h.example/v1", Some("https://h.example/v1")),
        ("http://https//h.example/v1", Some("https://h.example/v1")),
        ("https//h.example/v1", Some("https://h.example/v1")),
        ("https.//h.example/v1", Some("https://h.example/v1")),
        ("https:://h.example/v1", Some("https://h.example/v1")),
        ("https ://h.example/v1", Some("https://h.example/v1")),
        ("htps://h.example/v1", Some("https://h.example/v1")),
        ("https:///h.example/v1", Some("https://h.example/v1")),
        ("<https://h.example/v1>", Some("https://h.example/v1")),
        ("`https://h.example/v1`", Some("https://h.example/v1")),
        (" 'https://h.example/v1' ", Some("https://h.example/v1")),
        ("https://h.example/v1http:", None),
        ("url: https://h.example/v1", Some("https://h.example/v1")),
        ("https://bücher.example/v1", Some("https://xn--bcher-kva.example/v1")),
        ("https://my–model.example/v1", Some("https://my-model.example/v1")),
        ("https://my‐m‑o−del.example/v1", Some("https://my-m-o-del.example/v1")),
        ("https://аpi.openai.com/v1", None),
        ("https://api.exam\u{200b}ple.com/v1", Some("https://api.example.com/v1")),
        ("https://h.example/\u{200b}v1", Some("https://h.example/v1")),
        ("https://user:s3cret@h.example/v1#s3cret", Some("https://h.example/v1")),
        ("https://h.example/v1?api-version=2024-10-21", None),
        ("https://h.example/v1?", Some("https://h.example/v1")),
        ("https://h.example:/v1", Some("https://h.example/v1")),
        ("https://h.example/v1/chat/completions#x", Some("https://h.example/v1")),
        ("api.groq.com/v1", Some("https://api.groq.com/openai/v1")),
        ("https:///v1", None),
        ("http://[10.0.1.50]:8000/v1", Some("http://10.0.1.50:8000/v1")),
        ("http://[h.example]/v1", Some("http://h.example/v1")),
        ("http://[12345::1]/v1", None),
        ("http://2001:db8::10/v1", Some("http://[2001:db8::10]/v1")),
        ("fd00::5/v1", Some("http://[fd00::5]/v1")),
        ("[2001:db8::1]:8000/v1", Some("http://[2001:db8::1]:8000/v1")),
        ("http://1:2:3:4:5:6:7:8:80/v1", Some("http://[1:2:3:4:5:6:7:8]:80/v1")),
        ("http://fd00::1:8000/v1", None),
        ("http://::1/v1", None),
        ("http://[::127.0.0.1]/v1", None),
        ("http://010.0.0.1/v1", None),
        ("http://10.0.1.5O/v1", Some("http://10.0.1.50/v1")),
        ("https://h.example@evil.example/v1", None),
        ("https://10.0.0.1:x@evil.example/v1", None),
        ("https://h.example\\@evil.example/v1", None),
        ("https://user:s3/cret@h.example/v1", None),
        ("user:s3cret@h.example/v1", Some("https://h.example/v1")),
        ("ftp://h.example/", None),
        ("https://h.example:8443/", None),
        ("https://a.example/v1 https://b.example/v1", None),
        ("http://[::1", None),
        ("http://h℀.example/", None),
        ("https://#{host}.example/v1", None),
        ("https://h.example/#{model}/v1", None),
        ("https://h.example/v1/responses", Some("https://h.example/v1")),
        ("https://h.example/v1,", Some("https://h.example/v1")),
        ("", None),
    ] {
        let found = for_url(written);
        assert_eq!(found.as_ref().map(|found| found.value.as_str()), meant, "{written}");
        assert!(!found.is_some_and(|found| is_safe(&found)), "{written}");
    }
}

#[test]
fn what_is_only_spelled_wrong_is_safe_to_correct() {
    for (written, meant) in [
        ("https://h.example/v1\n", "https://h.example/v1"),
        ("\u{feff} https://h.example/v1", "https://h.example/v1"),
        ("http://[2001:db8:0:0::10]:80/", "http://[2001:db8::10]:80/"),
        ("http://10.0.0.1.:8000/v1", "http://10.0.0.1:8000/v1"),
    ] {
        let found = for_url(written).expect("a suggestion");
        assert_eq!((found.value.as_str(), found.applicability), (meant, Applicability::Safe), "{written:?}");
    }
    for (written, meant) in [
        ("openai", "/openai/"),
        ("openai/", "/openai/"),
        ("/a//b/", "/a/b/"),
        (" /a/ ", "/a/"),
        ("//api/x", "/api/x/"),
    ] {
        let found = for_path(written).expect("a suggestion");
        assert_eq!((found.value.as_str(), found.applicability), (meant, Applicability::Safe), "{written:?}");
    }
}

#[test]
fn the_path_that_was_meant() {
    for (written, meant) in [
        ("https://user:s3cret@h.example/openai/v1", Some("/openai/")),
        ("https://h.example/v1/", Some("/")),
        ("https://h.example", Some("/")),
        ("https://api.openai.com/v1/chat/completions", Some("/")),
        ("https://api.groq.com/openai/v1/chat/completions", Some("/openai/")),
        ("api.groq.com/openai/v1", Some("/openai/")),
        ("openai/v1", Some("/openai/")),
        ("v1", Some("/")),
        ("/v1/", Some("/")),
        ("/v1/responses/", Some("/")),
        ("\"/openai/\"", Some("/openai/")),
        ("`/openai/`", Some("/openai/")),
        ("rewritePath: /openai/", Some("/openai/")),
        ("/a\u{200b}/\u{feff}b", Some("/a/b/")),
        ("open\u{200b}ai/", Some("/openai/")),
        ("/openai/–chat/completions", None),
        ("/op\u{200b}en/chat/completions", None),
        ("/\"/openai/\"//", None),
        ("null", None),
        ("~", None),
        ("None", None),
        ("false", None),
        ("https:/api.openai.com//", Some("/")),
        ("//api.openai.com/v1", None),
        ("${PATH}/", None),
        ("{{ .path }}/", None),
        ("<no value>", None),
        ("#{path}/", None),
        ("^/openai/(.*)$", None),
        ("openai?api-version=1", None),
        ("/openai?key=s3cret", None),
        ("user:s3cret@h.example/openai", None),
        ("/a%2Fb/", None),
        ("/a/../b/", None),
        ("v1beta/openai", None),
    ] {
        assert_eq!(for_path(written).map(|found| found.value).as_deref(), meant, "{written}");
    }
}

#[test]
fn a_suggestion_is_judged_for_the_same_update_and_under_the_same_policy() {
    let mut policy = Policy::NONE;
    policy.allow.extend([AllowList {
        namespaces: vec![NamespacePattern::any()],
        hosts: HostPattern::parse("xn--bcher-kva.example").into_iter().collect(),
        ..AllowList::default()
    }]);
    let value = |url: &'static str, old: Option<&'static str>, policy: &Policy| {
        let spec = |url| Spec::of_url(Value::Text(url), Value::Absent);
        let violations = judge(&Subject::of(spec(url), old.map(spec), &policy.here("ml-team")));
        violations.into_iter().find_map(|v| v.suggestion).map(|suggestion| suggestion.value)
    };
    let bücher = Some("https://xn--bcher-kva.example/v1".to_owned());
    assert_eq!(value("https://bücher.example/v1", None, &policy), bücher);
    assert_eq!(value("h.example/v1", None, &policy), None, "no list allows it");
    assert_eq!(value("h.example/v1", None, &Policy::NONE).as_deref(), Some("https://h.example/v1"));
    let old = Some("http://10.0.1.50/v1");
    assert_eq!(value("h.example/v1", old, &Policy::NONE), None, "a name can't follow an address");
    assert_eq!(value("10.0.1.51/v1", old, &Policy::NONE).as_deref(), Some("http://10.0.1.51/v1"));
}

#[test]
fn what_is_too_long_to_help_is_not_suggested() {
    let url = |length: usize| format!("h.example/{}", "a".repeat(length - "https://h.example/".len()));
    assert_eq!(for_url(&url(200)).map(|found| found.value), Some(format!("https://{}", url(200))));
    assert_eq!(for_url(&url(201)), None);
    let path = |length: usize| "a".repeat(length - "//".len());
    assert_eq!(for_path(&path(200)).map(|found| found.value), Some(format!("/{}/", path(200))));
    assert_eq!(for_path(&path(201)), None);
}

/// What people write around, before, after and inside a value.
#[expect(clippy::too_many_lines, reason = "a list of values")]
fn noise() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        "",
        "\"",
        "'",
        "`",
        " ",
        "\n",
        "\t",
        "<",
        ">",
        "\u{200b}",
        "\u{feff}",
        "\u{ad}",
        "${X}",
        "#{x}",
        "{{ .x }}",
        "$(X)",
        "$X",
        "<x>",
        "<no value>",
        "{x}",
        "%",
        "https://",
        "http:",
        "https:/",
        "//",
        "://",
        "/",
        "?q=1",
        "#f",
        "\\",
        ",",
        ")",
        ";",
        "user:pw@",
        "–",
        "а",
        "é",
        ":",
        ":8000",
        "url: ",
        "rewritePath: ",
        "null",
        "~",
        "v1",
        "v1beta",
        "chat/completions",
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        ":generateContent",
        "h.example",
        "10.0.1.50",
        "[::1]",
        "localhost",
        "(.*)",
        "^",
        "$",
        ".",
        "..",
    ])
}

/// A url or a path as people often copy it.
fn copied() -> impl Strategy<Value = String> {
    let core = prop::sample::select(vec![
        "https://api.example.com/v1",
        "http://10.0.1.50:8000",
        "api.example.com/v1",
        "vllm.ml.svc:8000/v1",
        "http://[2001:db8::10]/v1",
        "2001:db8::10",
        "/openai/",
        "openai",
        "/",
        "/v1/",
        "https://api.groq.com/openai/v1",
        "https://api.openai.com/v1/chat/completions",
        "/ml-team/qwen-72b/",
        "",
    ]);
    (prop::collection::vec(noise(), 0..3), core, prop::collection::vec(noise(), 0..4))
        .prop_map(|(before, core, behind)| format!("{}{core}{}", before.concat(), behind.concat()))
}

/// What must never be in a suggestion, checked without the product's own readers.
fn is_clean(value: &str) -> Result<(), TestCaseError> {
    let wrong = |what: &str| Err(TestCaseError::fail(format!("{what} in {value}")));
    if !value.chars().all(|c| c.is_ascii_graphic() || c == 'é') {
        return wrong("a character that nobody sees, or of another alphabet,");
    }
    if value.contains(['"', '\'', '`', '<', '>', '{', '}', '\\', '?', '#', '@']) {
        return wrong("a quote, a template, a password or a query");
    }
    let path = match value.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => value,
    };
    if path.contains("http:") || path.contains("https:") || path.contains("://") {
        return wrong("a scheme in the path");
    }
    let ops = ["chat/completions", "v1/responses", "v1/messages", ":generateContent"];
    if ops.iter().any(|operation| path.trim_end_matches('/').ends_with(operation)) {
        return wrong("an operation");
    }
    let host = |segment: &str| {
        ["h.example", "10.0.1.50", "api.example.com", "localhost", "[::1]"].contains(&segment)
    };
    if !value.contains("://") && path.split('/').any(host) {
        return wrong("a host");
    }
    let nothing = ["null", "~", "none", "false"];
    if path.split('/').any(|segment| nothing.contains(&segment))
        && !value.contains("://")
        && path.matches('/').count() == 2
    {
        return wrong("a word for nothing");
    }
    Ok(())
}

/// Asserts that a suggestion is admitted without a warning, and needs no further suggestion.
fn is_settled(url: &str, path: Value<&str>, field: Field) -> Result<(), TestCaseError> {
    let violations = judge(&Subject::new(Value::Text(url), path, None));
    let of_field: Vec<_> = violations.iter().filter(|v| v.rule.field == field).map(|v| v.rule.id).collect();
    prop_assert_eq!(of_field, Vec::<&str>::new(), "{} {:?}", url, path);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_suggested_url_is_clean_and_says_all_that_was_said(text in copied()) {
        if let Some(Suggestion { value, applicability }) = for_url(&text) {
            is_clean(&value)?;
            is_settled(&value, Value::Absent, Field::Url)?;
            prop_assert_ne!(&value, &text);
            // The provider may need the query.
            prop_assert!(!text.contains("?q=1") || text.find('#') < text.find("?q=1") && text.contains('#'), "{} for {:?}", value, text);
            if applicability == Applicability::Safe {
                let kept = |text: &str| text.replace(|c: char| c.is_whitespace() || "\u{200b}\u{feff}\u{ad}[]:0.".contains(c), "");
                prop_assert_eq!(kept(&value), kept(&text), "not the same url");
            }
        }
    }

    #[test]
    fn a_suggested_path_is_clean_and_says_all_that_was_said(text in copied()) {
        if let Some(Suggestion { value, applicability }) = for_path(&text) {
            is_clean(&value)?;
            is_settled("https://h.example", Value::Text(&value), Field::RewritePath)?;
            prop_assert!(!text.contains("?q=1") || text.find('#') < text.find("?q=1") && text.contains('#'), "{} for {:?}", value, text);
            if applicability == Applicability::Safe {
                let kept = |text: &str| text.replace(|c: char| c.is_whitespace() || "\u{200b}\u{feff}\u{ad}/".contains(c), "");
                prop_assert_eq!(kept(&value), kept(&text), "not the same path");
            }
        }
    }

    /// A value with one typing error is suggested without it.
    #[test]
    fn a_url_with_one_slip_is_suggested_without_it(
        host in "[a-z]{3,8}(-[a-z]{2,4})?\\.[a-z]{2,6}\\.(com|io|dev)",
        path in "(/[a-wyz]{3,6}){0,2}/v1",
        slip in 0..12_usize,
    ) {
        let meant = format!("https://{host}{path}");
        let written = match slip {
            0 => format!("{meant}\n"),
            1 => format!("\"{meant}\""),
            2 => format!("<{meant}>"),
            3 => format!("{host}{path}"),
            4 => format!("https//{host}{path}"),
            5 => format!("https:/{host}{path}"),
            6 => format!("http://https://{host}{path}"),
            7 => format!("{meant}/chat/completions"),
            8 => format!("{meant},"),
            9 => format!("https://{}{path}", host.replacen('.', "\u{200b}.", 1)),
            10 => format!("https://{}{path}", host.replace('-', "–")),
            _ => format!("{meant}?"),
        };
        prop_assume!(written != meant);
        let suggestion = for_url(&written);
        prop_assert_eq!(suggestion.map(|suggestion| suggestion.value), Some(meant), "{}", written);
    }
}
