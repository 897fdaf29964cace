//! The contract of AdmissionReview v1: whole answers, compared byte by byte where that matters.

use std::path::Path;

use modelendpoint_core::admission::{self, Hook, NoUid, Operation, Outcome};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::policy::{AllowList, Enforcement, NamespacePattern};
use modelendpoint_core::endpoint::url::Scheme;
use serde_json::{Value, json};

use crate::reviews;

/// A change of a review before it is sent.
type Change<'a> = &'a dyn Fn(&mut Value);

const HOOKS: [Hook; 3] = [Hook::Mutate, Hook::Validate, Hook::Admit];

fn answer(hook: Hook, review: &Value) -> Value {
    let body = review.to_string();
    let answer =
        admission::answer(&Policy::NONE, hook, body.as_bytes()).unwrap_or_else(|error| panic!("{error:?}"));
    serde_json::from_slice(&answer.review).expect("JSON")
}

fn answered(response: Value) -> Value {
    let mut response = response;
    response["uid"] = json!("705ab4f5-6393-11e8-b7cc-42010a800002");
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
}

fn allowed() -> Value {
    answered(json!({ "allowed": true }))
}

/// A failure with this message.
fn failed(message: &str) -> Value {
    answered(json!({
        "allowed": false,
        "status": { "status": "Failure", "message": message, "reason": "BadRequest", "code": 400 },
    }))
}

fn bad() -> Value {
    json!({ "url": "http://[::1", "rewritePath": "a//b" })
}

#[test]
fn what_is_fine_is_allowed_in_as_few_words_as_there_are() {
    let review =
        reviews::create(&json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" })).to_string();
    for hook in HOOKS {
        let answer = admission::answer(&Policy::NONE, hook, review.as_bytes()).expect("an answer");
        assert_eq!(
            String::from_utf8_lossy(&answer.review),
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}"#
        );
        assert_eq!((answer.outcome, answer.operation), (Outcome::Allowed, Operation::Create));
        assert_eq!((answer.rules, answer.mutation, answer.notice), (vec![], None, None));
        assert_eq!(
            (
                &*answer.request.user,
                &*answer.request.namespace,
                &*answer.request.name,
                answer.request.dry_run
            ),
            ("ada", "ml-team", "qwen", false)
        );
    }
}

#[test]
fn an_allow_list_is_for_the_namespace_that_the_endpoint_is_in() {
    let review =
        reviews::create(&json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" })).to_string();
    let refused_by = |namespace: &str| {
        let mut policy = Policy::NONE;
        policy.allow.extend([AllowList {
            namespaces: vec![NamespacePattern::parse(namespace).expect("a pattern")],
            schemes: vec![Scheme::Https],
            ..AllowList::default()
        }]);
        admission::answer(&policy, Hook::Validate, review.as_bytes()).expect("an answer").rules
    };
    assert_eq!(refused_by("ml-team"), ["url-not-allowed"]);
    assert_eq!(refused_by("another-team"), Vec::<&str>::new());
}

#[test]
fn what_is_not_enforced_is_allowed_and_said() {
    let review = reviews::create(&json!({ "url": "http://h.example:0/", "rewritePath": "/" })).to_string();
    let answered_under = |enforcement: Enforcement| {
        let policy = Policy::NONE.enforced(enforcement);
        let answer = admission::answer(&policy, Hook::Validate, review.as_bytes()).expect("an answer");
        let json: Value = serde_json::from_slice(&answer.review).expect("JSON");
        (answer.outcome, answer.rules, json["response"].clone())
    };
    let refusal = "spec.url: has the port 0, which silently becomes the scheme's default; write a port from \
                   1 to 65535, or none [url-port]";
    let response = |warnings: &[String]| {
        let mut response = json!({
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "allowed": true,
            "auditAnnotations": { "wouldDeny": "url-port" },
        });
        if !warnings.is_empty() {
            response["warnings"] = json!(warnings);
        }
        response
    };
    let rules = vec!["url-port"];
    assert_eq!(answered_under(Enforcement::Audit), (Outcome::Allowed, rules.clone(), response(&[])));
    let warning = format!("would be refused: {refusal}");
    assert_eq!(answered_under(Enforcement::Warn), (Outcome::Allowed, rules.clone(), response(&[warning])));
    let (outcome, denied_by, _) = answered_under(Enforcement::Deny);
    assert_eq!((outcome, denied_by), (Outcome::Denied, rules));
}

#[test]
fn one_call_can_judge_and_mutate() {
    let review = reviews::create(&json!({ "url": "http://h.example:0/", "rewritePath": "/a" })).to_string();
    let answered_under = |enforcement: Enforcement| {
        let policy = Policy::NONE.enforced(enforcement);
        let answer = admission::answer(&policy, Hook::Admit, review.as_bytes()).expect("an answer");
        let json: Value = serde_json::from_slice(&answer.review).expect("JSON");
        let response = &json["response"];
        let (patch, annotations) = (response["patch"].is_string(), response["auditAnnotations"].clone());
        (answer.outcome, answer.rules, answer.mutation, patch, annotations)
    };
    let (rules, normalized) = (vec!["url-port"], "normalize-trailing-slash");
    assert_eq!(
        answered_under(Enforcement::Deny),
        (Outcome::Denied, rules.clone(), None, false, json!({ "denied": "url-port" }))
    );
    let annotations = json!({ "wouldDeny": "url-port", "mutated": normalized });
    for enforcement in [Enforcement::Audit, Enforcement::Warn] {
        assert_eq!(
            answered_under(enforcement),
            (Outcome::Patched, rules.clone(), Some(normalized), true, annotations.clone())
        );
    }
}

#[test]
fn a_patch_is_base64_and_has_its_type() {
    let review = reviews::create(&json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a" }));
    assert_eq!(
        answer(Hook::Mutate, &review),
        answered(json!({
            "allowed": true,
            // [{"op":"replace","path":"/spec/rewritePath","value":"/a/"}]
            "patch": "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9zcGVjL3Jld3JpdGVQYXRoIiwidmFsdWUiOiIvYS8ifV0=",
            "patchType": "JSONPatch",
            "auditAnnotations": { "mutated": "normalize-trailing-slash" },
            "warnings": [
                "spec.rewritePath: is stored as `/a/`, not `/a`: it ends in exactly one slash; write that \
                 value [normalize-trailing-slash]"
            ],
        }))
    );
}

#[test]
fn the_log_and_the_metrics_learn_what_was_done() {
    let facts = |hook: Hook, review: &Value| {
        let body = review.to_string();
        let answer = admission::answer(&Policy::NONE, hook, body.as_bytes()).expect("an answer");
        (answer.outcome, answer.operation, answer.rules, answer.mutation, answer.notice)
    };
    let fine = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
    let slash = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a" });
    let create = reviews::create(&slash);
    let mutation = Some("normalize-trailing-slash");
    assert_eq!(facts(Hook::Mutate, &create), (Outcome::Patched, Operation::Create, vec![], mutation, None));
    let update = reviews::update(&fine, &bad());
    let rules = vec!["url-syntax", "rewrite-path-absolute", "rewrite-path-segments"];
    assert_eq!(facts(Hook::Validate, &update), (Outcome::Denied, Operation::Update, rules, None, None));
    let mut delete = reviews::create(&fine);
    for (word, operation) in [("DELETE", Operation::Delete), ("CONNECT", Operation::Connect)] {
        delete["request"]["operation"] = json!(word);
        assert_eq!(facts(Hook::Validate, &delete), (Outcome::Allowed, operation, vec![], None, None));
    }
    let mut unknown = create;
    unknown["request"]["operation"] = json!("PATCH");
    let notice =
        Some("request.operation is missing or not one of CREATE, UPDATE, DELETE, CONNECT".to_owned());
    assert_eq!(facts(Hook::Mutate, &unknown), (Outcome::Failed, Operation::Unknown, vec![], None, notice));
}

#[test]
fn a_denial_is_invalid_with_a_cause_for_each_violation() {
    let mut review = reviews::create(&json!({ "url": "https://h.example:8443/v1beta", "rewritePath": "a/" }));
    review["request"]["object"]["metadata"]["uid"] = json!("object-uid");
    let port = "is https on port 8443, and the gateway speaks TLS on port 443 only, so everything would be \
                sent in plaintext; serve TLS on 443, or write `http://` if the server speaks plain HTTP \
                [url-tls-port]";
    let path = "does not start with `/`, so the server would get a malformed request line; start it with `/` \
                [rewrite-path-absolute]";
    assert_eq!(
        answer(Hook::Validate, &review),
        answered(json!({
            "allowed": false,
            "status": {
                "status": "Failure",
                "message": format!("ModelEndpoint.modelplane.ai \"qwen\" is invalid: spec.url: {port}; \
                                    spec.rewritePath: {path}"),
                "reason": "Invalid",
                "code": 422,
                "details": {
                    "name": "qwen",
                    "group": "modelplane.ai",
                    "kind": "ModelEndpoint",
                    "uid": "object-uid",
                    "causes": [
                        { "reason": "FieldValueInvalid", "message": port, "field": "spec.url" },
                        { "reason": "FieldValueInvalid", "message": path, "field": "spec.rewritePath" },
                    ],
                },
            },
            "auditAnnotations": { "denied": "url-tls-port,rewrite-path-absolute", "warned": "url-version" },
            "warnings": [
                "spec.url: has `v1beta` in its path: clients will ask for `/v1/...` after it; check that the \
                 server answers there [url-version]"
            ],
        }))
    );
    // The mutating webhook leaves the refusal to the validating one.
    assert_eq!(answer(Hook::Mutate, &review), allowed());
}

#[test]
fn a_denial_names_the_object_by_what_is_known_of_it() {
    let name = |change: fn(&mut Value)| {
        let mut review = reviews::create(&bad());
        change(&mut review["request"]);
        answer(Hook::Validate, &review)["response"]["status"]["details"]["name"].clone()
    };
    assert_eq!(name(|_| ()), "qwen");
    assert_eq!(name(|request| request["name"] = json!("")), "qwen");
    assert_eq!(name(|request| *request = without(without(request.clone(), "name"), "")), "qwen");
    let generated = |request: &mut Value| {
        request["name"] = json!("");
        request["object"]["metadata"] = json!({ "generateName": "qwen-" });
    };
    assert_eq!(name(generated), "qwen-");
    assert_eq!(name(|request| *request = without(request.clone(), "name")), "qwen");
}

fn without(mut object: Value, key: &str) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(key);
    }
    object
}

#[test]
fn the_machinery_is_never_stood_in_the_way_of() {
    let request = |change: Change<'_>| {
        let mut review = reviews::update(&json!({ "url": "http://10.0.1.50/" }), &bad());
        change(&mut review["request"]);
        review
    };
    let passes: [(&str, Change<'_>); 6] = [
        ("DELETE", &|request| request["operation"] = json!("DELETE")),
        ("CONNECT", &|request| request["operation"] = json!("CONNECT")),
        ("status", &|request| request["subResource"] = json!("status")),
        ("nothing changed", &|request| request["oldObject"]["spec"] = bad()),
        ("no url", &|request| request["object"]["spec"] = json!({})),
        ("no spec", &|request| request["object"] = json!({})),
    ];
    for (case, change) in passes {
        for hook in HOOKS {
            assert_eq!(answer(hook, &request(change)), allowed(), "{case}");
        }
    }
    for change in ["url", "rewritePath"] {
        let mut review = request(&|request| request["oldObject"]["spec"] = bad());
        review["request"]["oldObject"]["spec"][change] = json!("http://10.0.1.50/");
        assert_eq!(answer(Hook::Validate, &review)["response"]["status"]["code"], 422, "{change}");
    }
}

/// Such an endpoint still serves. With Kubernetes up to 1.36, a server-side apply could even create it with a
/// deletionTimestamp.
#[test]
fn an_endpoint_that_is_being_deleted_is_judged_like_any_other() {
    let slash = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a" });
    for review in [
        reviews::create(&bad()),
        reviews::update(&json!({ "url": "http://10.0.1.50/" }), &bad()),
        reviews::create(&slash),
        reviews::update(&json!({ "url": "http://10.0.1.50/" }), &slash),
        reviews::update(&bad(), &bad()),
    ] {
        let mut deleted = review.clone();
        for object in ["object", "oldObject"] {
            if review["request"][object].is_object() {
                deleted["request"][object]["metadata"]["deletionTimestamp"] = json!("2026-11-23T00:00:00Z");
            }
        }
        for hook in HOOKS {
            assert_eq!(answer(hook, &deleted), answer(hook, &review), "{review}");
        }
    }
}

/// The host was changed before there was a webhook, its EndpointSlice was not, and Crossplane reports that.
#[test]
fn an_endpoint_that_is_stuck_can_be_changed_back() {
    let mut review = reviews::update(
        &json!({ "url": "http://llm.example.com/v1", "rewritePath": "/" }),
        &json!({ "url": "http://10.0.1.50/v1", "rewritePath": "/" }),
    );
    let message = "changes its host from a DNS name to an IPv4 address, and its EndpointSlice cannot \
                   follow: traffic would still go to the old host; delete the endpoint and create it \
                   again; Modelplane itself recreates an endpoint that it composed [host-family-change]";
    let refused = |review: &Value| {
        let answer = answer(Hook::Validate, review);
        let causes = answer["response"]["status"]["details"]["causes"].clone();
        assert_eq!(
            causes,
            json!([{ "reason": "FieldValueForbidden", "message": message, "field": "spec.url" }])
        );
    };
    refused(&review);
    for object in ["object", "oldObject"] {
        review["request"][object]["metadata"]["generation"] = json!(if object == "object" { 7 } else { 6 });
        review["request"][object]["status"] = json!({ "conditions": [
            { "type": "Synced", "status": "False", "reason": "ReconcileError", "observedGeneration": 6,
              "message": "Unsynced resources: endpointslice" },
            { "type": "Ready", "status": "True", "reason": "Available", "observedGeneration": 6 },
        ] });
    }
    assert_eq!(answer(Hook::Validate, &review), allowed());
    // The condition is about an older url. By now, the slice may follow.
    review["request"]["oldObject"]["metadata"]["generation"] = json!(7);
    refused(&review);
}

#[test]
fn an_old_object_counts_for_an_update_only() {
    let mut review = reviews::update(&bad(), &bad());
    review["request"]["operation"] = json!("CREATE");
    assert_eq!(answer(Hook::Validate, &review)["response"]["allowed"], false);
    let mut review =
        reviews::update(&json!({ "url": "http://h.example/" }), &json!({ "url": "http://10.0.1.50/" }));
    assert_eq!(answer(Hook::Validate, &review)["response"]["allowed"], false);
    review["request"]["operation"] = json!("CREATE");
    assert_eq!(answer(Hook::Validate, &review), allowed());
}

#[test]
fn what_is_not_ours_passes_with_a_warning() {
    for (group, version, kind) in [
        ("apps", "v1", "Deployment"),
        ("modelplane.ai", "v1alpha1", "ModelService"),
        ("modelplane.ai", "v2", "ModelEndpointList"),
        ("autoscaling", "v1", "Scale"),
        ("example.org", "v1alpha1", "ModelEndpoint"),
    ] {
        let mut review = reviews::create(&bad());
        review["request"]["kind"] = json!({ "group": group, "version": version, "kind": kind });
        let warning = format!(
            "modelendpoint-webhook was asked about `{kind}` of `{group}/{version}`, which it does not know, \
             and allowed it; correct the rules of its webhook configuration"
        );
        for hook in HOOKS {
            assert_eq!(answer(hook, &review), answered(json!({ "allowed": true, "warnings": [warning] })));
            let body = review.to_string();
            let answer = admission::answer(&Policy::NONE, hook, body.as_bytes()).expect("an answer");
            assert_eq!(answer.notice, Some(warning.clone()), "for the log");
        }
    }
}

#[test]
fn an_endpoint_of_another_version_is_refused_and_the_message_says_what_to_do() {
    for (group, version, kind) in [
        ("modelplane.ai", "v2", "ModelEndpoint"),
        ("modelplane.ai", "v1beta1", "ModelEndpoint"),
        ("modelplane.ai", "", "ModelEndpoint"),
        ("modelplane.ai", "V1alpha1", "ModelEndpoint"),
        ("modelplane.ai", "v1alpha1", "modelendpoint"),
        ("Modelplane.AI", "v1alpha1", "ModelEndpoint"),
    ] {
        let message = format!(
            "`{kind}` of `{group}/{version}` cannot be judged: this modelendpoint-webhook knows \
             `ModelEndpoint` of `modelplane.ai/v1alpha1` only; write that version, upgrade \
             modelendpoint-webhook, or correct the rules of its webhook configuration"
        );
        let refused = answered(json!({
            "allowed": false,
            "status": {
                "status": "Failure",
                "message": format!("ModelEndpoint.modelplane.ai \"qwen\" is invalid: apiVersion: {message}"),
                "reason": "Invalid",
                "code": 422,
                "details": {
                    "name": "qwen",
                    "group": "modelplane.ai",
                    "kind": "ModelEndpoint",
                    "causes": [{ "reason": "FieldValueNotSupported", "message": message, "field": "apiVersion" }],
                },
            },
        }));
        let fine = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        for mut review in [reviews::create(&fine), reviews::update(&fine, &fine)] {
            review["request"]["kind"] = json!({ "group": group, "version": version, "kind": kind });
            for hook in HOOKS {
                assert_eq!(answer(hook, &review), refused);
                let body = review.to_string();
                let answer = admission::answer(&Policy::NONE, hook, body.as_bytes()).expect("an answer");
                assert_eq!((answer.outcome, answer.rules), (Outcome::Failed, vec![]));
                assert_eq!(answer.notice.as_deref(), Some(message.as_str()), "for the log");
            }
        }
    }
}

#[test]
fn what_stores_no_endpoint_passes_in_any_version() {
    let changes: [(&str, Change<'_>); 4] = [
        ("DELETE", &|request| request["operation"] = json!("DELETE")),
        ("CONNECT", &|request| request["operation"] = json!("CONNECT")),
        ("status", &|request| request["subResource"] = json!("status")),
        // The client wrote another version, and the API server converted it.
        ("requestKind", &|request| {
            request["kind"]["version"] = json!("v1alpha1");
            request["requestKind"] =
                json!({ "group": "modelplane.ai", "version": "v2", "kind": "ModelEndpoint" });
        }),
    ];
    let fine = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
    for (case, change) in changes {
        let mut review = reviews::update(&fine, &fine);
        review["request"]["kind"]["version"] = json!("v2");
        change(&mut review["request"]);
        for hook in HOOKS {
            assert_eq!(answer(hook, &review), allowed(), "{case}");
        }
    }
}

#[test]
fn a_review_that_is_not_understood_fails_with_its_uid_and_says_why() {
    let request = |change: Change<'_>| {
        let mut review = reviews::create(&bad());
        change(&mut review);
        review
    };
    let wrong: [(Change<'_>, &str); 9] = [
        (
            &|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1"),
            "only AdmissionReview of admission.k8s.io/v1 is understood, and this is `AdmissionReview` of \
             `admission.k8s.io/v1beta1`",
        ),
        (
            &|review| review["kind"] = json!("Review"),
            "only AdmissionReview of admission.k8s.io/v1 is understood, and this is `Review` of \
             `admission.k8s.io/v1`",
        ),
        (
            &|review| *review = json!({ "request": review["request"] }),
            "only AdmissionReview of admission.k8s.io/v1 is understood, and this is `` of ``",
        ),
        (&|review| review["request"]["kind"] = json!({}), "request.kind is missing"),
        (
            &|review| review["request"]["operation"] = json!("PATCH"),
            "request.operation is missing or not one of CREATE, UPDATE, DELETE, CONNECT",
        ),
        (
            &|review| review["request"] = without(review["request"].clone(), "operation"),
            "request.operation is missing or not one of CREATE, UPDATE, DELETE, CONNECT",
        ),
        (&|review| review["request"]["object"] = json!(null), "request.object is missing or not an object"),
        (
            &|review| review["request"]["operation"] = json!(5),
            "this is not a readable AdmissionReview: a value is not a string at byte 400",
        ),
        (
            &|review| review["request"]["kind"] = json!("http://user:s3cret@h.example"),
            "this is not a readable AdmissionReview: a value is not an object at byte 94",
        ),
    ];
    for (change, message) in wrong {
        for hook in HOOKS {
            assert_eq!(answer(hook, &request(change)), failed(message));
        }
    }
}

#[test]
fn garbled_bytes_are_answered_with_their_uid() {
    let uid = "705ab4f5-6393-11e8-b7cc-42010a800002";
    let head = format!(r#"{{"request":{{"uid":"{uid}","object":"#);
    let deep = format!("{head}{}", "[".repeat(50_000));
    let with = |tail: &[u8]| [head.as_bytes(), tail].concat();
    let unreadable = "this is not a readable AdmissionReview:";
    for (bytes, message) in [
        (with(br#"{"spec":{"url":"http://cut"#), "it is cut off within a string, at byte 92"),
        (deep.into_bytes(), "it is cut off, at byte 50066"),
        (with(br#"{"spec":{"url":"a","url":"b"}}}}"#), "`url` appears twice, the second time at byte 91"),
        (with(b"{\"spec\":{\"url\":\"\xff\"}}}}"), "text that is not UTF-8 at byte 84"),
        (with(b"{}}} trailing"), "more text after the end at byte 71"),
        (with(b"{},}}"), "a trailing comma at byte 69"),
    ] {
        for hook in HOOKS {
            let answer = admission::answer(&Policy::NONE, hook, &bytes).expect("an answer");
            let json: Value = serde_json::from_slice(&answer.review).expect("JSON");
            assert_eq!(json, failed(&format!("{unreadable} {message}")));
            assert_eq!((answer.outcome, &*answer.request.uid), (Outcome::Failed, uid));
        }
    }
}

#[test]
fn without_a_uid_there_is_no_review_to_answer_with() {
    let expected = "an AdmissionReview with a request.uid is expected here:";
    let unreadable = "this is not a readable AdmissionReview:";
    for (bytes, reason) in [
        (&b""[..], format!("{unreadable} it is cut off, at byte 0")),
        (b"{}", format!("{unreadable} request.uid is missing or empty, at byte 2")),
        (br#"{"request":{}}"#, format!("{unreadable} request.uid is missing or empty, at byte 14")),
        (br#"{"request":{"uid":""}}"#, format!("{unreadable} request.uid is missing or empty, at byte 22")),
        (
            br#"{"request":"http://user:s3cret@h.example"}"#,
            format!("{unreadable} a value is not an object at byte 11"),
        ),
        (b"<html>", format!("{unreadable} something that is not a JSON value at byte 0")),
    ] {
        for hook in HOOKS {
            assert_eq!(
                admission::answer(&Policy::NONE, hook, bytes).err(),
                Some(NoUid(format!("{expected} {reason}")))
            );
        }
    }
}

#[test]
fn a_server_that_could_not_judge_says_so_under_the_uid() {
    let review = reviews::create(&bad()).to_string();
    let answer = admission::failure(review.as_bytes(), "the webhook panicked").expect("an answer");
    let json: Value = serde_json::from_slice(&answer.review).expect("JSON");
    let status = json!({
        "status": "Failure", "message": "the webhook panicked", "reason": "InternalError", "code": 500,
    });
    assert_eq!(json, answered(json!({ "allowed": false, "status": status })));
    assert_eq!((answer.outcome, answer.notice), (Outcome::Failed, Some("the webhook panicked".to_owned())));
    assert!(admission::failure(b"{}", "the webhook panicked").is_err());
}

#[test]
fn a_dry_run_is_judged_like_any_other() {
    let mut review = reviews::create(&json!({ "url": "http://10.0.1.50/a/v1" }));
    let answers = |review: &Value| HOOKS.map(|hook| answer(hook, review));
    let real = answers(&review);
    review["request"]["dryRun"] = json!(true);
    assert_eq!(answers(&review), real);
    let body = review.to_string();
    assert!(
        admission::answer(&Policy::NONE, Hook::Mutate, body.as_bytes())
            .is_ok_and(|answer| answer.request.dry_run)
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "this test reads the examples")]
fn reviews_as_an_api_server_sent_them_are_understood() {
    let mut seen = Vec::new();
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("examples"));
    let examples = above.find(|examples| examples.is_dir()).expect("examples/");
    for entry in std::fs::read_dir(examples).expect("examples/") {
        let path = entry.expect("an entry").path();
        let body = std::fs::read(&path).expect("a file");
        for hook in HOOKS {
            let answer = admission::answer(&Policy::NONE, hook, &body)
                .unwrap_or_else(|error| panic!("{path:?}: {error:?}"));
            let uid = json!(answer.request.uid);
            assert_ne!(answer.outcome, Outcome::Failed, "{path:?}");
            assert_eq!(&*answer.request.namespace, "ml-team");
            reviews::verified(hook, &uid, &answer.review);
        }
        seen.push(path);
    }
    assert_eq!(seen.len(), 18);
}
