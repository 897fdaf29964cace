//! The content of reports, which must match the stored endpoints.

use anyhow::Result;
use control_plane::{POLICY_REPORTS as POLICY_REPORTS_CRD, REPORTS};
use serde_json::{Value, json};

use crate::audited::{Audited, OPEN_REPORTS, POLICY_REPORTS, entry, printed};

fn fine() -> Value {
    json!({ "url": "http://10.0.1.50/v1", "rewritePath": "/" })
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one expected value, whole")]
async fn a_report_names_rule_severity_message_and_remedy_and_no_secret() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    audited.namespace("ml-team").await?;
    audited.store("ml-team", "fine", fine()).await?;
    let bad = json!({ "url": "http://user:s3cret@10.0.1.50:0/v1?key=s3cret" });
    audited.store("ml-team", "bad", bad).await?;

    let output = audited.once(&[]).await?;
    assert_eq!(
        printed(&output),
        (
            Some(0),
            "2 ModelEndpoints: 1 would be refused, 0 with warnings; 1 reports, of which 1 written; 0 \
                   deleted\n"
                .to_owned()
        )
    );
    let uid = audited.endpoints("ml-team").get("bad").await?.metadata.uid;
    let subject = json!({
        "apiVersion": "modelplane.ai/v1alpha1", "kind": "ModelEndpoint",
        "namespace": "ml-team", "name": "bad", "uid": uid,
    });
    let mut reports = audited.reports(OPEN_REPORTS).await?;
    assert_eq!(reports.len(), 1);
    let text = reports[0].to_string();
    assert!(!text.contains("s3cret"), "{text}");
    let metadata = reports[0]["metadata"].take();
    assert_eq!(metadata["name"], "modelendpoint-bad");
    assert_eq!(metadata["labels"], json!({ "app.kubernetes.io/managed-by": "modelendpoint-audit" }));
    assert_eq!(
        metadata["ownerReferences"],
        json!([{ "apiVersion": "modelplane.ai/v1alpha1", "kind": "ModelEndpoint", "name": "bad", "uid": uid }])
    );
    let result = |rule: &str, result: &str, message: &str, properties: Value| {
        json!({
            "source": "modelendpoint-audit", "policy": "modelendpoint", "category": "ModelEndpoint",
            "rule": rule, "result": result, "severity": if result == "fail" { "high" } else { "medium" },
            "scored": result == "fail", "message": message, "properties": properties, "resources": [subject],
        })
    };
    assert_eq!(
        reports[0],
        json!({
            "apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": null,
            "source": "modelendpoint-audit",
            "scope": subject,
            "summary": { "pass": 0, "fail": 3, "warn": 1, "error": 0, "skip": 0 },
            "results": [
                result(
                    "default-rewrite-path",
                    "warn",
                    "spec.rewritePath is not set, so servers are asked for `/<namespace>/<service>/v1/...`",
                    json!({ "field": "spec.rewritePath", "remedy": "set it to `/`" }),
                ),
                result(
                    "url-userinfo",
                    "fail",
                    "spec.url contains a user name or a password before an `@`: it is stored in clear text \
                     and never sent",
                    json!({ "field": "spec.url", "remedy": "leave it out, and keep credentials in a Secret" }),
                ),
                result(
                    "url-port",
                    "fail",
                    "spec.url has the port 0, which silently becomes the scheme's default",
                    json!({ "field": "spec.url", "remedy": "write a port from 1 to 65535, or none" }),
                ),
                result(
                    "url-query",
                    "fail",
                    "spec.url has a query, which the gateway never sends",
                    json!({ "field": "spec.url", "remedy": "leave out the `?` and what follows" }),
                ),
            ],
        })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_shows_what_is_wrong_in_a_line_for_each_endpoint() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    audited
        .store("default", "qwen", json!({ "url": "http://10.0.1.50:0/v1?key=a", "rewritePath": "/" }))
        .await?;
    audited.store("default", "llama", json!({ "url": "http://h.example:443/", "rewritePath": "/" })).await?;
    audited.once(&[]).await?;
    let output = audited.control_plane.kubectl().args(["get", "reports"]).output().await?;
    let shown = String::from_utf8(output.stdout)?;
    let all_but_the_age = |line: &str| line.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    assert_eq!(
        shown.lines().map(all_but_the_age).collect::<Vec<_>>(),
        ["NAME PASS FAIL WARN ERROR SKIP", "modelendpoint-llama 0 0 1 0 0", "modelendpoint-qwen 0 2 0 0 0",]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_follow_what_is_stored_and_nothing_is_written_twice() -> Result<()> {
    let audited = Audited::new(&[POLICY_REPORTS_CRD]).await?;
    for (name, url) in [("a", "http://10.0.1.50:0/v1"), ("b", "ftp://10.0.1.50/"), ("c", "http://vllm/")] {
        audited.store("default", name, json!({ "url": url, "rewritePath": "/" })).await?;
    }
    audited.once(&[]).await?;
    let found = audited.found(POLICY_REPORTS).await?;
    assert_eq!(
        found,
        [
            entry("default", "a", &["url-port"]),
            entry("default", "b", &["url-scheme"]),
            entry("default", "c", &["url-host"])
        ]
    );
    let before = audited.reports(POLICY_REPORTS).await?;
    let output = audited.once(&[]).await?;
    let summary =
        "3 ModelEndpoints: 3 would be refused, 0 with warnings; 3 reports, of which 0 written; 0 deleted\n";
    assert_eq!(printed(&output), (Some(0), summary.to_owned()));
    assert_eq!(audited.reports(POLICY_REPORTS).await?, before);

    audited.change("default", "a", fine()).await?;
    audited.change("default", "b", json!({ "url": "http://10.0.1.50:0/" })).await?;
    audited.delete("default", "c").await?;
    audited.once(&[]).await?;
    assert_eq!(audited.found(POLICY_REPORTS).await?, [entry("default", "b", &["url-port"])]);

    // When the newer kind is installed, the reports move to it.
    control_plane::install_definition(&audited.control_plane.client(), REPORTS).await?;
    audited.once(&[]).await?;
    assert_eq!(audited.found(OPEN_REPORTS).await?, [entry("default", "b", &["url-port"])]);
    assert_eq!(audited.found(POLICY_REPORTS).await?, []);
    Ok(())
}
