//! Any manifest: what is found has a place in it, a second fix changes nothing, and an endpoint that was
//! fixed is one that the webhook stores as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::admission::{Hook, Outcome, answer};
use modelendpoint_core::endpoint::{Spec, Value, policy};
use modelendpoint_lint::check::{Terms, check};
use modelendpoint_lint::fix::{Extent, Fixed, fix};
use modelendpoint_lint::manifests::Manifests;
use modelendpoint_yaml::parse;
use serde_json::json;

const TERMS: Terms<'static> = Terms { policy: &policy::NONE, namespace: "default", generation: None };
const ALL: Extent = Extent { guesses: true, defaults: true };

fuzz_target!(|source: &str| {
    let checked = check(source, TERMS);
    for finding in &checked.findings {
        assert!(source.get(finding.at.clone()).is_some(), "{finding:?}");
        assert!(finding.context.clone().is_none_or(|context| source.get(context).is_some()), "{finding:?}");
        assert!(!finding.sentence().is_empty());
    }
    let Some(Fixed { text: fixed, .. }) = fix(source, TERMS, ALL) else { return };
    assert_ne!(fixed, source);
    assert_eq!(fix(&fixed, TERMS, ALL), None, "a second fix changes {fixed:?}");
    let recheck = check(&fixed, TERMS);
    assert_eq!(recheck.count.endpoints, checked.count.endpoints);
    assert!(recheck.count.refused <= checked.count.refused, "{fixed:?}");
    assert_changes_are_stored_as_they_are(source, &fixed);
});

fn assert_changes_are_stored_as_they_are(source: &str, fixed: &str) {
    let (before, after) = (parse(source), parse(fixed));
    for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
        let (old, new) = (Manifests::of(before).endpoints, Manifests::of(after).endpoints);
        for (old, new) in old.iter().zip(&new) {
            let stored = new.spec(after);
            if stored != old.spec(before) {
                assert!(is_stored_as_it_is(stored), "{stored:?} in {fixed:?}");
            }
        }
    }
}

/// What `/mutate` says of a create, as the API server would ask.
fn is_stored_as_it_is(spec: Spec<'_>) -> bool {
    let mut fields = serde_json::Map::new();
    for (key, value) in [("url", spec.url), ("rewritePath", spec.rewrite_path), ("origin", spec.origin)] {
        match value {
            Value::Text(text) => fields.insert(key.to_owned(), json!(text)),
            Value::NotText => fields.insert(key.to_owned(), json!(5)),
            Value::Absent => None,
        };
    }
    if let Value::Text(prefix) = spec.prefix {
        fields.insert("api".to_owned(), json!({ "prefix": prefix }));
    }
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "modelplane.ai", "version": "v1alpha1", "kind": "ModelEndpoint" },
            "resource": { "group": "modelplane.ai", "version": "v1alpha1", "resource": "modelendpoints" },
            "operation": "CREATE",
            "userInfo": { "username": "someone" },
            "object": {
                "apiVersion": "modelplane.ai/v1alpha1",
                "kind": "ModelEndpoint",
                "metadata": { "name": "e", "namespace": "default" },
                "spec": fields,
            },
        },
    })
    .to_string();
    let answer = answer(&policy::NONE, Hook::Mutate, review.as_bytes()).expect("it has a UID");
    answer.outcome == Outcome::Allowed
}
