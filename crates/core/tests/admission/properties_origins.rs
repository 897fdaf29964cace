//! Properties of every endpoint with an origin, whatever is written in it.

use modelendpoint_core::admission::{self, Hook};
use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::policy::NONE;
use modelendpoint_core::endpoint::rules::{Severity, Subject};
use modelendpoint_core::endpoint::{Spec, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::reviews;

/// Text made of the pieces of origins and prefixes, and of pieces that break them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "http://", "https://", "HTTPS://", "://", "//", "/", ":", "@", "?", "#", "[", "]", "[::1]", "10.0.1.50",
            "0x7f.1", "1.2.3", "127.1", "localhost", "api.example.com", "API.Example.com", "h.example.", "vllm", "a_b",
            "-a", "v1", "/v1", "/V1", "%2F", "%2e", "%zz", "%", "\\", " ", "\n", "\u{200b}", "é", "℀", "\u{7f}", "443",
            ":443", ":80", ":0", ":65536", ":080", ":000080", "${x}", "{{x}}", "<x>", ".", "..", "/..", "user@",
            "metadata.google.internal", "chat/completions", "messages", "/openai",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z0-9.-]{1,12}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A valid origin.
fn sound_origin() -> impl Strategy<Value = String> {
    let name = "([a-z][a-z0-9-]{0,8}[a-z0-9]\\.){1,3}[a-z]{2,6}";
    (prop_oneof![Just("http"), Just("https")], name, prop::option::of(1_u16..)).prop_map(
        |(scheme, name, port)| match port {
            Some(port) => format!("{scheme}://{name}.example:{port}"),
            None => format!("{scheme}://{name}.example"),
        },
    )
}

fn some_origin() -> impl Strategy<Value = String> {
    prop_oneof![
        pieces(),
        sound_origin(),
        (sound_origin(), pieces()).prop_map(|(origin, rest)| origin + &rest)
    ]
}

fn some_prefix() -> impl Strategy<Value = String> {
    prop_oneof![pieces(), pieces().prop_map(|path| format!("/{path}")), "(/[A-Za-z0-9._~-]{1,5}){0,4}/?"]
}

fn spec(origin: &str, prefix: &str) -> Json {
    json!({ "origin": origin, "api": { "schema": "OpenAI", "prefix": prefix } })
}

fn denials(origin: &str, prefix: &str) -> Vec<&'static str> {
    let spec = Spec { origin: Value::Text(origin), prefix: Value::Text(prefix), ..Spec::EMPTY };
    let violations = judge(&Subject::of(spec, None, &NONE.here("ml-team")));
    violations.iter().filter(|violation| violation.severity == Severity::Deny).map(|v| v.rule.id).collect()
}

/// An independent implementation of how Modelplane's composition reads an origin: scheme, host and port, or nothing
/// if it fails.
fn as_modelplane_reads(origin: &str) -> Option<(&str, &str, u32)> {
    let (scheme, rest) = origin.split_once("://")?;
    let (host, port) = rest.split_once(':').unwrap_or((rest, ""));
    match port {
        "" => Some((scheme, host, if scheme == "https" { 443 } else { 80 })),
        digits => Some((scheme, host, digits.parse().ok()?)),
    }
}

/// Whether the composed Backend is valid: its host must be a lower-case name of at least two labels.
fn is_taken_by_a_backend(host: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(is_label)
        && host.parse::<std::net::IpAddr>().is_err()
}

/// The condition `is-not-in-normal-form` of the mutating webhook configuration, for an origin.
fn is_in_normal_form(origin: &str, prefix: &str) -> bool {
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme)) else {
        return false;
    };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_of_a_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let is_port = |port: &str| {
        let below_60000 = port.len() < 5 || port.len() == 5 && port.as_bytes()[0] < b'6';
        below_60000
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.is_empty()
            && !port.starts_with('0')
    };
    host.bytes().all(is_of_a_host)
        && host.bytes().any(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && port.is_none_or(is_port)
        && prefix.starts_with('/')
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_admitted_is_composed_and_taken(origin in some_origin(), prefix in some_prefix()) {
        if denials(&origin, &prefix).is_empty() {
            let read = as_modelplane_reads(&origin);
            let (scheme, host, port) = read.ok_or_else(|| TestCaseError::fail(format!("raises: {origin}")))?;
            prop_assert!(["http", "https"].contains(&scheme) && (1..=65535).contains(&port), "{}", origin);
            prop_assert!(is_taken_by_a_backend(host), "{}", origin);
            prop_assert!(prefix.starts_with('/') && prefix.bytes().all(|byte| byte.is_ascii_graphic()), "{}", prefix);
            prop_assert!(!prefix.contains(['?', '#', '"', '<', '>', '\\', '^', '`', '{', '|', '}']), "{}", prefix);
            prop_assert!(prefix.split('/').all(|segment| ![".", ".."].contains(&segment)), "{}", prefix);
        }
    }

    #[test]
    fn a_sound_origin_is_admitted(origin in sound_origin(), prefix in "(/[A-Za-z0-9._~-]{0,3}[A-Za-z0-9]){0,4}/v1/?") {
        prop_assert_eq!(denials(&origin, &prefix), Vec::<&str>::new());
    }

    #[test]
    fn an_origin_is_mutated_once_and_means_the_same(origin in some_origin(), prefix in some_prefix()) {
        let review = reviews::create(&spec(&origin, &prefix));
        let once = reviews::ask(Hook::Mutate, &review);
        let mut again = review.clone();
        again["request"]["object"] = reviews::stored(&review, &once);
        if once.allowed {
            let stored = again["request"]["object"]["spec"]["origin"].as_str().unwrap_or_default().to_owned();
            prop_assert!(origin.to_ascii_lowercase().starts_with(&stored.to_ascii_lowercase()), "{} {}", origin, stored);
            prop_assert_eq!(&again["request"]["object"]["spec"]["api"], &json!({ "schema": "OpenAI", "prefix": prefix }));
            prop_assert_eq!(reviews::ask(Hook::Mutate, &again).patch(), None);
        } else {
            // What `/mutate` refuses, `/validate` refuses as well.
            prop_assert!(!reviews::ask(Hook::Validate, &review).allowed, "{}", origin);
        }
    }

    #[test]
    fn what_is_in_normal_form_is_left_alone_in_silence(origin in some_origin(), prefix in some_prefix()) {
        if is_in_normal_form(&origin, &prefix) {
            let answer = reviews::ask(Hook::Mutate, &reviews::create(&spec(&origin, &prefix)));
            prop_assert!(answer.allowed && answer.warnings.is_empty() && answer.patch().is_none(), "{:?}", answer);
        }
    }

    #[test]
    fn no_secret_is_repeated(
        origin in some_origin(),
        inside in prop::sample::select(vec!["", "/", "?", "#", "@", " ", "é", "_"]),
    ) {
        let secret = format!("s3cr{inside}et0x");
        let spec = json!({
            "origin": format!("https://{secret}@{origin}"),
            "api": { "schema": "OpenAI", "prefix": format!("/v1?key={secret}") },
            "credential": { "method": "APIKey", "apiKey": { "secretRef": { "name": format!("S{secret}"), "key": format!("/{secret}") } } },
        });
        for hook in [Hook::Mutate, Hook::Validate] {
            let body = reviews::create(&spec).to_string();
            let answer = admission::answer(&NONE, hook, body.as_bytes()).map_err(|error| TestCaseError::fail(error.0))?;
            let text = String::from_utf8_lossy(&answer.review);
            prop_assert!(!text.contains("s3cr") && !text.contains("et0x"), "{} says {}", spec, text);
        }
    }
}
