//! Properties of every endpoint, whatever is written in it.

use std::net::IpAddr;

use fluent_uri::Uri;
use fluent_uri::pct_enc::EStr;
use modelendpoint_core::admission::{self, Hook};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::quote::is_invisible;
use modelendpoint_core::endpoint::rewrite_path::{LONGEST, ends_in_one_slash};
use modelendpoint_core::endpoint::rules::{Severity, Subject, Suggestion};
use modelendpoint_core::endpoint::url::Url;
use modelendpoint_core::endpoint::{Field, RewritePath, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::reviews;

/// Text made of the pieces of urls and paths, and of pieces that break them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "http://", "https://", "HTTP://", "ftp://", "//", "/", "//", ":", "@", "?", "#", "[", "]", "[::1]",
            "[2001:db8::10]", "[2001:DB8:0:0::1]", "[::ffff:10.0.0.5]", "10.0.1.50", "010.0.0.1", "0x7f.1", "1.2.3",
            "localhost", "h.example", "H.Example.", "vllm", "a_b", "-a", "v1", "v1beta", "V1", "%2F", "%", "\\", " ",
            "\t", "\n", "\u{200b}", "\u{feff}", "é", "℀", "İ", "\u{7f}", "\u{85}", "\u{fffe}", "\u{10ffff}", "443",
            "8443", "0", "65536", "80a", "${x}", "{{x}}", "<x>", "$(x)", ".", "..", "user:s3cret@", ".svc", "\"", "'",
            "\0", ",", ";", "metadata.google.internal", "169.254.169.254",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z0-9.-]{1,12}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// The parts of a valid url: scheme, host, port, path.
fn sound_url() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "([a-z][a-z0-9-]{0,8}[a-z0-9]\\.){1,3}[a-z][a-z0-9]{1,6}",
        (11_u8..100, any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}")),
        (1_u16..0xffff, 1_u16..0xffff)
            .prop_map(|(a, b)| format!("[{}]", std::net::Ipv6Addr::from([0x2001, 0xdb8, a, 0, 0, 0, 0, b]))),
    ];
    let path = "(/[A-Za-z0-9._~-]{0,3}[A-Za-z0-9]){0,4}(/v1)?/?";
    (prop_oneof![Just("http"), Just("https")], host, prop::option::of(1_u16..65535), path).prop_map(
        |(scheme, host, port, path)| match port {
            Some(port) if scheme == "http" => format!("{scheme}://{host}:{port}{path}"),
            _ => format!("{scheme}://{host}{path}"),
        },
    )
}

fn composed_name() -> impl Strategy<Value = String> {
    "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?"
}

/// An independent implementation of what Modelplane composes from a host (Python's `ipaddress`, then FQDN), and of
/// how the API server judges it (`ValidateEndpointIP`, `IsFullyQualifiedDomainName`).
fn is_taken_by_an_api_server(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_string() == host && !address.is_loopback() && !address.is_unspecified();
    }
    let name = host.strip_suffix('.').unwrap_or(&host);
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

/// Whether the gateway's request target is certainly the path as written. An independent implementation of what the
/// consumers were observed to do (decisions/02).
fn is_a_path_to_rewrite_to(path: &str) -> bool {
    let body = path.trim_end_matches('/');
    let sound = |segment: &str| {
        let unseen = |c: char| c.is_whitespace() || ['\u{200b}', '\u{feff}'].contains(&c);
        !["", ".", ".."].contains(&segment) && !segment.starts_with(unseen) && !segment.ends_with(unseen)
    };
    let refused = |c: char| c.is_control() || ['?', '#', '%', '\\', '\u{fffe}', '\u{ffff}'].contains(&c);
    path.starts_with('/')
        && !path.contains(refused)
        && body.chars().count() < LONGEST
        && (body.is_empty() || body.split('/').skip(1).all(sound))
}

fn denials(url: &str) -> Vec<&'static str> {
    let violations = judge(&Subject::new(Value::Text(url), Value::Absent, None));
    violations.iter().filter(|v| v.rule.severity == Severity::Deny).map(|v| v.rule.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutation_is_idempotent(url in prop_oneof![pieces(), sound_url()], path in prop::option::of(pieces())) {
        let review = reviews::create(&json!({ "url": url, "rewritePath": path }));
        let once = reviews::ask(Hook::Mutate, &review);
        let mut again = review.clone();
        again["request"]["object"] = reviews::stored(&review, &once);
        prop_assert_eq!(reviews::ask(Hook::Mutate, &again).patch(), None);
    }

    // What the condition `is-not-in-normal-form` of the mutating webhook configuration skips.
    #[test]
    fn what_is_in_normal_form_is_left_alone_in_silence(
        url in prop_oneof![pieces(), sound_url()],
        path in prop_oneof![pieces(), any::<String>()],
        old_path in prop::option::of(pieces()),
    ) {
        let spec = json!({ "url": url, "rewritePath": format!("{}/", path.trim_end_matches('/')) });
        let old = json!({ "url": url, "rewritePath": old_path });
        for review in [reviews::create(&spec), reviews::update(&old, &spec)] {
            let answer = reviews::ask(Hook::Mutate, &review);
            prop_assert!(answer.allowed && answer.warnings.is_empty() && answer.patch().is_none(), "{:?}", answer);
        }
    }

    #[test]
    fn an_update_is_mutated_once_too(
        urls in (sound_url(), sound_url()),
        path in pieces(),
        owned in any::<bool>(),
    ) {
        let mut review =
            reviews::update(&json!({ "url": urls.0, "rewritePath": path }), &json!({ "url": urls.1, "rewritePath": path }));
        let fields = if owned { json!({ "f:rewritePath": {} }) } else { json!({}) };
        review["request"]["object"]["metadata"]["managedFields"] = json!([{ "fieldsV1": { "f:spec": fields } }]);
        let once = reviews::ask(Hook::Mutate, &review);
        let mut again = review.clone();
        again["request"]["object"] = reviews::stored(&review, &once);
        prop_assert_eq!(reviews::ask(Hook::Mutate, &again).patch(), None);
    }

    #[test]
    fn what_was_mutated_and_is_admitted_has_a_sound_rewrite_path(
        url in prop_oneof![pieces(), sound_url()],
        path in prop::option::of(pieces()),
    ) {
        let mut review = reviews::create(&json!({ "url": url, "rewritePath": path }));
        let mutated = reviews::ask(Hook::Mutate, &review);
        review["request"]["object"] = reviews::stored(&review, &mutated);
        if !reviews::ask(Hook::Validate, &review).allowed {
            return Ok(());
        }
        if let Some(stored) = review["request"]["object"]["spec"]["rewritePath"].as_str() {
            prop_assert!(stored.starts_with('/') && ends_in_one_slash(stored), "{}", stored);
            prop_assert!(stored.chars().count() <= LONGEST);
            let inner = stored.trim_end_matches('/').split('/').skip(1);
            for segment in inner {
                prop_assert!(!["", ".", ".."].contains(&segment), "{}", stored);
                prop_assert!(!segment.contains(['?', '#', '%', '\\']) && !segment.contains(char::is_control));
            }
        }
    }

    #[test]
    fn the_default_of_a_composed_endpoint_is_modelplanes_own_value(
        gateway in prop_oneof![Just("34.118.20.7".to_owned()), Just("[2001:db8::10]".to_owned()), "gw\\.[a-z]{2,8}\\.example"],
        namespace in composed_name(),
        replica in composed_name(),
    ) {
        let url = format!("http://{gateway}/{namespace}/{replica}/v1");
        let composed = json!({ "url": url, "rewritePath": format!("/{namespace}/{replica}/") });
        let review = reviews::create(&json!({ "url": url }));
        let mutated = reviews::ask(Hook::Mutate, &review);
        prop_assert_eq!(&reviews::stored(&review, &mutated)["spec"], &composed);

        let review = reviews::create(&composed);
        for hook in [Hook::Mutate, Hook::Validate] {
            let response = reviews::ask(hook, &review);
            prop_assert_eq!((response.allowed, response.patch(), response.warnings), (true, None, vec![]));
        }
    }

    #[test]
    fn a_sound_url_is_admitted(url in sound_url()) {
        prop_assert_eq!(denials(&url), Vec::<&str>::new());
    }

    #[test]
    fn a_url_that_is_admitted_is_one_to_a_strict_parser_too(url in prop_oneof![pieces(), sound_url()]) {
        if denials(&url).is_empty() && !url.is_empty() {
            let ours = Url::split(&url);
            // Nothing that routes traffic reads the path, so it may contain brackets and stray percent signs.
            let pathless = url.strip_suffix(ours.path).unwrap_or(&url);
            let strict = Uri::parse(pathless).map_err(|error| TestCaseError::fail(format!("{pathless}: {error}")))?;
            let authority = strict.authority().ok_or_else(|| TestCaseError::fail("no authority"))?;
            prop_assert_eq!(Some(strict.scheme().as_str()), ours.scheme);
            prop_assert_eq!(authority.host(), ours.host);
            prop_assert_eq!(authority.port().map(EStr::as_str), ours.port);
        }
    }

    #[test]
    fn the_host_of_a_url_that_is_admitted_is_taken_by_an_api_server(url in prop_oneof![
        pieces(),
        sound_url(),
        "http://[0-9a-fx.]{1,12}(\\.[0-9a-z-]{1,4})?\\.?(:[0-9]{0,6})?/",
        "http://\\[[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}\\]/",
    ]) {
        if denials(&url).is_empty() && !url.is_empty() {
            prop_assert!(is_taken_by_an_api_server(Url::split(&url).host), "{}", url);
        }
    }

    #[test]
    fn a_rewrite_path_is_admitted_exactly_if_it_works(path in prop_oneof![
        pieces(),
        pieces().prop_map(|path| format!("/{path}")),
        "/[a-zA-Z0-9./:;@*~ -]{0,12}",
        (1020_usize..1028, "[aé😀]", "/{0,3}").prop_map(|(length, c, slashes)| format!("/{}{slashes}", c.repeat(length))),
    ]) {
        let is_told_of = |c: char| c.is_control() || c.is_whitespace() || ['\u{200b}', '\u{feff}', '\u{fffe}', '\u{10ffff}'].contains(&c);
        prop_assume!(!path.is_empty() && path.chars().all(|c| !is_invisible(c) || is_told_of(c)));
        prop_assert_eq!(RewritePath::parse(&path).is_ok(), is_a_path_to_rewrite_to(&path), "{:?}", path);
    }

    #[test]
    fn what_is_suggested_is_admitted_in_silence(url in pieces(), path in pieces()) {
        let judged = |url: &str, path: &str| judge(&Subject::new(Value::Text(url), Value::Text(path), None));
        for violation in judged(&url, &path) {
            let Some(Suggestion { value, .. }) = violation.suggestion else { continue };
            let field = violation.rule.field;
            let again = if field == Field::Url { judged(&value, &path) } else { judged(&url, &value) };
            let same: Vec<_> = again.iter().filter(|v| v.rule.field == field).map(|v| v.rule.id).collect();
            prop_assert_eq!(same, Vec::<&str>::new(), "{} for {} and {}", value, url, path);
        }
    }

    #[test]
    fn a_secret_is_never_repeated(
        before in pieces(),
        user in "[a-z]{0,4}",
        inside in prop::sample::select(vec!["", "/", "?", "#", ":", "@", "\\", " ", "[", "%", "é"]),
        host in pieces(),
    ) {
        let url = format!("{before}{user}:s3cr{inside}et0x@{host}?key=s3cr{inside}et0x#s3cr{inside}et0x");
        for old in [json!({ "url": "http://10.0.1.50/" }), json!({ "url": url, "rewritePath": "/a/" })] {
            let review = reviews::update(&old, &json!({ "url": url, "rewritePath": url }));
            for hook in [Hook::Mutate, Hook::Validate] {
                let body = review.to_string();
                let answer = admission::answer(&Policy::NONE, hook, body.as_bytes()).map_err(|e| TestCaseError::fail(e.0))?;
                let text = String::from_utf8_lossy(&answer.review);
                prop_assert!(!text.contains("s3cr") && !text.contains("et0x"), "{} says {}", url, text);
            }
        }
    }

    #[test]
    fn no_bytes_panic_and_every_answer_is_a_review(mut body in prop::collection::vec(any::<u8>(), 0..300)) {
        for hook in [Hook::Mutate, Hook::Validate] {
            if let Ok(answer) = admission::answer(&Policy::NONE, hook, &body) {
                let uid = json!(answer.request.uid);
                reviews::verified(hook, &uid, &answer.review);
            }
        }
        // The same bytes as a field of a review.
        body.retain(|byte| !b"\"\\".contains(byte) && *byte >= 0x20);
        let around = |field: &str| [br#"{"request":{"uid":"u",""#, field.as_bytes(), br#"":""#, &body, br#""}}"#].concat();
        for field in ["operation", "kind", "object", "name"] {
            let review = around(field);
            let answer = admission::answer(&Policy::NONE, Hook::Validate, &review).map_err(|e| TestCaseError::fail(e.0))?;
            reviews::verified(Hook::Validate, &json!("u"), &answer.review);
        }
    }

    #[test]
    fn a_review_that_is_cut_or_garbled_is_answered_with_its_uid(
        url in pieces(),
        cut in 0.0..1.0_f64,
        at in 0.0..1.0_f64,
        byte in any::<u8>(),
    ) {
        let review = reviews::create(&json!({ "url": url })).to_string();
        let uid = "705ab4f5-6393-11e8-b7cc-42010a800002";
        let whole = review.find(uid).map_or(0, |start| start + uid.len() + 1);
        // The API server's encoder writes the uid after the object. Put it first, so that truncation does not remove
        // it.
        let head = format!(r#"{{"request":{{"uid":"{uid}","#);
        let review = review.replacen(r#""request":{"#, &head[1..], 1).replacen(&format!(r#","uid":"{uid}""#), "", 1);
        prop_assume!(whole > 0);
        let start = review.find(uid).map_or(0, |start| start + uid.len() + 1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a position in a short text")]
        let position = |share: f64| start + ((review.len() - start) as f64 * share) as usize;
        let mut bytes = review.as_bytes()[..position(cut).max(start)].to_vec();
        if let Some(there) = bytes.get_mut(position(at)) {
            *there = byte;
        }
        for hook in [Hook::Mutate, Hook::Validate] {
            let answer = admission::answer(&Policy::NONE, hook, &bytes).map_err(|error| TestCaseError::fail(error.0))?;
            reviews::verified(hook, &json!(uid), &answer.review);
        }
    }
}
