//! A judge that panics, in a server that does not mind.

use modelendpoint_webhook::admission::{self, Answer, Hook, NoUid};
use modelendpoint_webhook::endpoint::Policy;
use modelendpoint_webhook::server::limits::Limits;
use serde_json::json;

use crate::client::{FINE, Reply, allowed, create, json_request};
use crate::in_process::serve;

/// Panics at `/validate` and judges at `/mutate`.
fn panic_at_validate<'a>(policy: &Policy, hook: Hook, body: &'a [u8]) -> Result<Answer<'a>, NoUid> {
    assert!(hook == Hook::Mutate, "a defect");
    admission::answer_under(policy, hook, body)
}

#[tokio::test]
async fn a_panic_is_answered_as_a_failure_and_counted_and_the_server_goes_on() {
    let server = serve(panic_at_validate, Limits::new(10));
    let mut connection = server.client.connect().await;
    let failure = connection.post("/validate", &create("u-1", FINE)).await.review();
    let response = &failure["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(false)), "{failure:#}");
    let fine = connection.post("/mutate", &create("u-2", FINE)).await.review();
    assert_eq!(fine, allowed("u-2"));
    for line in [
        "modelendpoint_webhook_panics_total 1",
        r#"modelendpoint_webhook_requests_total{path="/validate",operation="unknown",outcome="failed"} 1"#,
    ] {
        assert!(server.counts(line).await, "no {line}");
    }
}

#[tokio::test]
async fn a_panic_without_a_uid_is_a_400_in_words() {
    let server = serve(panic_at_validate, Limits::new(10));
    let reply = server.client.connect().await.send(json_request("/validate", "{}")).await.expect("an answer");
    assert_eq!(reply, Reply::text(400, reply.body.trim_end()));
    assert!(reply.body.contains("defect"), "{}", reply.body);
}
