//! Every example of every rule, through the API server.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::header::{CONTENT_TYPE, WARNING};
use hyper::{Method, Request};
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::client::Body;
use modelendpoint_core::endpoint::gate::Decision;
use modelendpoint_core::endpoint::judge::judge_example;
use modelendpoint_core::endpoint::policy::NOWHERE;
use modelendpoint_core::endpoint::rules::{self, Allowed, Example, Rule, Severity};
use modelendpoint_core::endpoint::{Generation, Spec, Value as Field};
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
        let cluster = start(Generation::Url, directory.path()).await?;
        for rule in rules_of(Generation::Url) {
            for example in rule.good {
                is_admitted(rule, example, &write(&cluster, example).await?);
            }
            for example in rule.bad {
                let told = write(&cluster, example).await?;
                assert_eq!(told, expected(example), "{}: {example:?}", rule.id);
                is_said_once(rule, example, &told);
            }
        }
        Ok(())
    });
}

#[test]
fn every_example_with_an_origin_is_judged_as_documented() {
    test(async {
        let directory = tempfile::tempdir()?;
        let cluster = start(Generation::Origin, directory.path()).await?;
        let (mut changed, mut by_schema) = (vec![], vec![]);
        for rule in rules_of(Generation::Origin) {
            for example in rule.good {
                is_admitted(rule, example, &write(&cluster, example).await?);
            }
            for example in rule.bad {
                let told = write(&cluster, example).await?;
                // the resource's own defaults are filled in before anything is judged
                let stored = Example { spec: with_defaults(example.spec), ..*example };
                if Decision::on_create(stored.spec, &NOWHERE).mutation.change.is_some() {
                    assert_eq!((told.status, told.denials), (201, vec![]), "{example:?}");
                    changed.push(rule.id);
                } else if rule.id == "schema-name" {
                    let said = told.denials.first().map(String::as_str).unwrap_or_default();
                    assert!(
                        told.status == 422 && said.starts_with("spec.api.schema: Unsupported value"),
                        "{told:?}"
                    );
                    by_schema.push(rule.id);
                } else {
                    assert_eq!(told, expected(&stored), "{}: {example:?}", rule.id);
                    is_said_once(rule, example, &told);
                }
            }
        }
        assert_eq!(changed, ["origin-lower-case"; 2]);
        assert_eq!(by_schema, ["schema-name"; 2]);
        Ok(())
    });
}

/// A cluster with the fields of a generation, and a namespace for each policy that an example is under.
async fn start(generation: Generation, directory: &Path) -> Result<Cluster> {
    let policy = directory.join("policy.yaml");
    fs::write(&policy, policy_of_the_examples().to_string())?;
    let flags = ["--policy".as_ref(), policy.as_os_str()];
    let cluster = match generation {
        Generation::Url => Cluster::start_with(&flags).await?,
        Generation::Origin => Cluster::start_0_5_with(&flags).await?,
    };
    for namespace in all_allowed().iter().map(|allowed| namespace(Some(*allowed))).chain([namespace(None)]) {
        cluster.namespace(&namespace).await?;
    }
    Ok(cluster)
}

fn rules_of(generation: Generation) -> impl Iterator<Item = &'static Rule> {
    rules::ALL.into_iter().filter(move |rule| rule.field.generation() == generation)
}

fn is_admitted(rule: &Rule, example: &Example, told: &Told) {
    assert_eq!((told.status / 100, &told.denials), (2, &vec![]), "{}: {example:?}", rule.id);
    assert!(told.warnings.iter().all(|warning| !is_of(rule.id, warning)), "{example:?}");
}

fn is_said_once(rule: &Rule, example: &Example, told: &Told) {
    let of_its_severity = match rule.severity {
        Severity::Deny => &told.denials,
        Severity::Warn => &told.warnings,
    };
    let of_the_rule = of_its_severity.iter().filter(|message| is_of(rule.id, message));
    assert_eq!(of_the_rule.count(), 1, "{}: {example:?}: {told:?}", rule.id);
}

fn with_defaults(spec: Spec<'static>) -> Spec<'static> {
    let or = |value, default| if value == Field::Absent { Field::Text(default) } else { value };
    Spec { schema: or(spec.schema, "OpenAI"), prefix: or(spec.prefix, "/v1"), ..spec }
}

/// What the rules say about the example, in the order and the wording of the API server.
fn expected(example: &Example) -> Told {
    let mut told = Told { status: 422, ..Told::default() };
    let namespace = format!("`{}`", namespace(example.allowed));
    for violation in judge_example(example) {
        let message = format!("{}: {violation} [{}]", violation.rule.field.path(), violation.rule.id);
        // where `judge_example` says that it is
        let message = message.replace("`ml-team`", &namespace);
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
    let namespace = namespace(example.allowed);
    let path = format!("/apis/modelplane.ai/v1alpha1/namespaces/{namespace}/modelendpoints");
    let Some(previous_url) = example.previous_url else {
        let writer = (Method::POST, example.user);
        return send(cluster, writer, &path, "application/json", &object(&example.spec)?).await;
    };
    let endpoints = cluster.endpoints(&namespace);
    let previous = Spec { url: Field::Text(previous_url), ..example.spec };
    let previous: DynamicObject = serde_json::from_value(object(&previous)?)?;
    endpoints.create(&PostParams::default(), &previous).await?;
    let change = json!({ "spec": { "url": example.spec.url.text() } });
    let writer = (Method::PATCH, example.user);
    let told = send(cluster, writer, &format!("{path}/e"), "application/merge-patch+json", &change).await?;
    endpoints.delete("e", &DeleteParams::default()).await?;
    Ok(told)
}

/// The endpoint with these fields.
fn object(spec: &Spec<'static>) -> Result<Value> {
    let mut object = serde_json::to_value(endpoint("e", &json!({})))?;
    for field in modelendpoint_core::endpoint::Field::ALL {
        if let Some(text) = spec.value(field).text() {
            *field.keys().iter().fold(&mut object, |at, key| &mut at[*key]) = json!(text);
        }
    }
    if spec.credential != Field::Absent {
        object["spec"]["credential"]["method"] = "APIKey".into();
    }
    Ok(object)
}

/// As a dry run. The client's own methods do not return the warnings, which are headers.
async fn send(
    cluster: &Cluster,
    (method, user): (Method, Option<&str>),
    path: &str,
    content_type: &str,
    object: &Value,
) -> Result<Told> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{path}?dryRun=All"))
        .header(CONTENT_TYPE, content_type)
        .body(Body::from(object.to_string().into_bytes()))?;
    if let Some(user) = user {
        // with the rights of an administrator
        request.headers_mut().insert("Impersonate-User", user.parse()?);
        request.headers_mut().insert("Impersonate-Group", "system:masters".parse()?);
    }
    let response = cluster.control_plane.client().send(request).await?;
    let warnings = response.headers().get_all(WARNING).iter().map(|header| {
        let text = header.to_str()?.strip_prefix("299 - ").context("a warning without 299")?;
        // A quoted string in HTTP uses the same escapes as one in JSON.
        Ok(serde_json::from_str(text)?)
    });
    let mut warnings = warnings.collect::<Result<Vec<String>>>()?;
    // These warn about a mutation, and belong to no rule.
    let by_mutation =
        ["default-rewrite-path", "normalize-trailing-slash", "refresh-default", "normalize-origin"];
    warnings.retain(|warning| !by_mutation.iter().any(|id| is_of(id, warning)));
    let status = response.status().as_u16();
    let answer: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
    let causes = answer["details"]["causes"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let denials = causes.map(|cause| format!("{}: {}", text(&cause["field"]), text(&cause["message"])));
    Ok(Told { status, denials: denials.collect(), warnings })
}

/// What a policy allows in some example, each once.
fn all_allowed() -> Vec<Allowed> {
    let examples = rules::ALL.into_iter().flat_map(|rule| rule.good.iter().chain(rule.bad));
    let mut allowed: Vec<_> = examples.filter_map(|example| example.allowed).collect();
    allowed.sort_unstable();
    allowed.dedup();
    allowed
}

/// An allow list for each of these, in a namespace of its own.
fn policy_of_the_examples() -> Value {
    let lists = all_allowed().into_iter().map(|allowed| {
        let Allowed { host, schema, needs_credential } = allowed;
        let mut list = json!({ "namespaces": [namespace(Some(allowed))], "hosts": [host] });
        if let Some(schema) = schema {
            list["apiSchemas"] = json!([schema]);
        }
        if needs_credential {
            list["credential"] = "required".into();
        }
        list
    });
    json!({ "allow": lists.collect::<Vec<_>>() })
}

/// Where this is all that is allowed.
fn namespace(allowed: Option<Allowed>) -> String {
    let number = allowed.and_then(|allowed| all_allowed().iter().position(|other| *other == allowed));
    number.map_or_else(|| OPEN.to_owned(), |number| format!("{OPEN}-{number}"))
}
