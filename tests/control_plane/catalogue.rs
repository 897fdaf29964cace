//! Every example of every rule, through the API server.

use std::fs;

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::header::{CONTENT_TYPE, WARNING};
use hyper::{Method, Request};
use kube::api::{DeleteParams, PostParams};
use kube::client::Body;
use modelendpoint_core::endpoint::judge::judge_example;
use modelendpoint_core::endpoint::rules::{self, Example, Severity};
use modelendpoint_core::endpoint::{Field, Generation};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, test};

const OPEN: &str = "catalogue";

/// The API server's answer to the author of an endpoint.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    status: u16,
    /// Each as `FIELD: MESSAGE [RULE]`.
    denials: Vec<String>,
    warnings: Vec<String>,
}

#[test]
fn every_example_of_every_rule_is_judged_as_documented() {
    test(async {
        let directory = tempfile::tempdir()?;
        let policy = directory.path().join("policy.yaml");
        fs::write(&policy, policy_of_the_examples().to_string())?;
        let cluster = Cluster::start_with(&["--policy".as_ref(), policy.as_os_str()]).await?;
        for namespace in allowed_hosts().iter().map(|host| namespace(Some(host))).chain([namespace(None)]) {
            cluster.namespace(&namespace).await?;
        }
        for rule in rules::ALL.into_iter().filter(|rule| rule.field.generation() == Generation::Url) {
            for example in rule.good {
                let told = write(&cluster, example).await?;
                assert_eq!((told.status / 100, told.denials), (2, vec![]), "{}: {example:?}", rule.id);
                assert!(told.warnings.iter().all(|warning| !is_of(rule.id, warning)), "{example:?}");
            }
            for example in rule.bad {
                let told = write(&cluster, example).await?;
                assert_eq!(told, expected(example), "{}: {example:?}", rule.id);
                let of_its_severity = match rule.severity {
                    Severity::Deny => &told.denials,
                    Severity::Warn => &told.warnings,
                };
                let of_the_rule = of_its_severity.iter().filter(|message| is_of(rule.id, message));
                assert_eq!(of_the_rule.count(), 1, "{}: {told:?}", rule.id);
            }
        }
        Ok(())
    });
}

/// What the rules say about the example, in the order and the wording of the API server.
fn expected(example: &Example) -> Told {
    let mut told = Told { status: 422, ..Told::default() };
    for violation in judge_example(example) {
        let message = format!("{}: {violation} [{}]", violation.rule.field.path(), violation.rule.id);
        match violation.severity {
            Severity::Deny => told.denials.push(message),
            Severity::Warn => told.warnings.push(message),
        }
    }
    if told.denials.is_empty() {
        told.status = if example.previous_url.is_some() { 200 } else { 201 };
    }
    told
}

fn is_of(rule: &str, message: &str) -> bool {
    message.ends_with(&format!("[{rule}]"))
}

/// Creates the endpoint of an example, or changes the url of a stored one. It is a dry run, so nothing is stored.
async fn write(cluster: &Cluster, example: &Example) -> Result<Told> {
    let namespace = namespace(example.allowed_host);
    let path = format!("/apis/modelplane.ai/v1alpha1/namespaces/{namespace}/modelendpoints");
    let text = |field: Field| example.spec.value(field).text().copied();
    let Some(previous_url) = example.previous_url else {
        let mut spec = json!({ "url": text(Field::Url) });
        if let Some(rewrite_path) = text(Field::RewritePath) {
            spec["rewritePath"] = rewrite_path.into();
        }
        return send(cluster, Method::POST, &path, "application/json", &json!(endpoint("e", &spec))).await;
    };
    let endpoints = cluster.endpoints(&namespace);
    let mut previous = json!({ "url": previous_url });
    if let Some(rewrite_path) = text(Field::RewritePath) {
        previous["rewritePath"] = rewrite_path.into();
    }
    endpoints.create(&PostParams::default(), &endpoint("e", &previous)).await?;
    let change = json!({ "spec": { "url": text(Field::Url) } });
    let told =
        send(cluster, Method::PATCH, &format!("{path}/e"), "application/merge-patch+json", &change).await?;
    endpoints.delete("e", &DeleteParams::default()).await?;
    Ok(told)
}

/// As a dry run. The client's own methods do not return the warnings, which are headers.
async fn send(
    cluster: &Cluster,
    method: Method,
    path: &str,
    content_type: &str,
    object: &Value,
) -> Result<Told> {
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}?dryRun=All"))
        .header(CONTENT_TYPE, content_type)
        .body(Body::from(object.to_string().into_bytes()))?;
    let response = cluster.control_plane.client().send(request).await?;
    let warnings = response.headers().get_all(WARNING).iter().map(|header| {
        let text = header.to_str()?.strip_prefix("299 - ").context("a warning without 299")?;
        // A quoted string in HTTP uses the same escapes as one in JSON.
        Ok(serde_json::from_str(text)?)
    });
    let mut warnings = warnings.collect::<Result<Vec<String>>>()?;
    // These warn about a mutation, and belong to no rule.
    let by_mutation = ["default-rewrite-path", "normalize-trailing-slash", "refresh-default"];
    warnings.retain(|warning| !by_mutation.iter().any(|id| is_of(id, warning)));
    let status = response.status().as_u16();
    let answer: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
    let causes = answer["details"]["causes"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let denials = causes.map(|cause| format!("{}: {}", text(&cause["field"]), text(&cause["message"])));
    Ok(Told { status, denials: denials.collect(), warnings })
}

/// Each host pattern that the policy of an example allows, once.
fn allowed_hosts() -> Vec<&'static str> {
    let examples = rules::ALL.into_iter().flat_map(|rule| rule.good.iter().chain(rule.bad));
    let mut hosts: Vec<_> = examples.filter_map(|example| example.allowed_host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// An allow list for each of these hosts, in a namespace of its own.
fn policy_of_the_examples() -> Value {
    let lists = allowed_hosts()
        .into_iter()
        .map(|host| json!({ "namespaces": [namespace(Some(host))], "hosts": [host] }));
    json!({ "allow": lists.collect::<Vec<_>>() })
}

/// The namespace in which only this host is allowed.
fn namespace(allowed_host: Option<&str>) -> String {
    let number = allowed_host.and_then(|host| allowed_hosts().iter().position(|other| *other == host));
    number.map_or_else(|| OPEN.to_owned(), |number| format!("{OPEN}-{number}"))
}
