//! The stored objects of a cluster, from a fake API server that returns one object at a time.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::workspace::{Run, Workspace};

type Answer = ([(HeaderName, &'static str); 1], String);

fn object(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpoint",
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    })
}

fn stored() -> Vec<Value> {
    let mut leaving = object("a", "leaving", &json!({ "url": "ftp://h.example/", "rewritePath": "/" }));
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    vec![
        object("a", "fine", &json!({ "url": "http://h.example/", "rewritePath": "/" })),
        object("a", "refused", &json!({ "url": "http://user:s3cret@h.example:0/", "rewritePath": "/" })),
        leaving,
        object("b", "changed", &json!({ "url": "http://h.example/v1" })),
    ]
}

/// A page of one object, and the token for the next.
fn page(objects: &[Value], RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    assert!(query.contains("limit="), "paged: {query}");
    let token = query.split('&').find_map(|pair| pair.strip_prefix("continue="));
    let at: usize = token.map_or(0, |token| token.parse().expect("a token"));
    let next = if at + 1 < objects.len() { (at + 1).to_string() } else { String::new() };
    let list = json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpointList",
        "metadata": { "continue": next },
        "items": [objects[at]],
    });
    ([(CONTENT_TYPE, "application/json")], list.to_string())
}

fn api_server() -> Router {
    Router::new()
        .route(
            "/apis/modelplane.ai/v1alpha1/modelendpoints",
            get(async |asked: RawQuery| page(&stored(), asked)),
        )
        .route(
            "/apis/modelplane.ai/v1alpha1/namespaces/{namespace}/modelendpoints",
            get(async |Path(namespace): Path<String>, asked: RawQuery| {
                let of_namespace = |object: &Value| object["metadata"]["namespace"] == json!(namespace);
                page(&stored().into_iter().filter(of_namespace).collect::<Vec<_>>(), asked)
            }),
        )
}

/// `check --cluster` with these flags against such a server.
fn check(flags: &[&str]) -> Run {
    Stand::of(api_server()).workspace.check_with(&[&["--cluster"], flags].concat(), &[KUBECONFIG])
}

const KUBECONFIG: (&str, &str) = ("KUBECONFIG", "kubeconfig");

/// A running fake server, and a directory with the access to it.
pub(crate) struct Stand {
    pub workspace: Workspace,
    _runtime: Runtime,
}

impl Stand {
    pub(crate) fn of(api_server: Router) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async { axum::serve(listener, api_server).await });
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{ "name": "c", "cluster": { "server": format!("http://{address}") } }],
            "users": [{ "name": "c", "user": {} }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "c", "namespace": "b" } }],
        });
        let workspace = Workspace::with(&[("kubeconfig", &kubeconfig.to_string())]);
        Stand { workspace, _runtime: runtime }
    }
}

#[test]
fn all_that_is_stored_is_judged_as_if_it_were_written_today() {
    assert_eq!(
        check(&["-A", "-v"]),
        Run::of(
            1,
            "\
error[url-userinfo]: spec.url contains a user name or a password before an `@`: it is stored in clear text and never sent
 |
 = note: ModelEndpoint a/refused
 = help: leave it out, and keep credentials in a Secret

error[url-port]: spec.url has the port 0, which silently becomes the scheme's default
 |
 = note: ModelEndpoint a/refused
 = help: write a port from 1 to 65535, or none

error[url-scheme]: spec.url has the scheme `ftp`, and the gateway would send plaintext to port 80
 |
 = note: ModelEndpoint a/leaving
 = help: write `http://` or `https://`

change[default-rewrite-path]: spec.rewritePath is not set, and is stored as `/`
 |
 = note: ModelEndpoint b/changed

4 ModelEndpoints in the cluster: 2 refused, 0 with warnings, 1 changed when stored; 0 other objects skipped
"
        )
    );
}

#[test]
fn a_namespace_is_the_one_given_or_that_of_the_kubeconfig() {
    let last = |run: &Run| run.out.lines().last().unwrap_or_default().to_owned();
    let summary = |what: &str| format!("{what} changed when stored; 0 other objects skipped");
    assert_eq!(
        last(&check(&["-n", "a"])),
        summary("3 ModelEndpoints in the namespace a of the cluster: 2 refused, 0 with warnings, 0")
    );
    assert_eq!(
        last(&check(&[])),
        summary("1 ModelEndpoint in the namespace b of the cluster: 0 refused, 0 with warnings, 1")
    );
}

#[test]
fn what_another_modelplane_drops_is_told() {
    for (modelplane, refused) in [("0.3", 2), ("0.5", 4)] {
        let run = check(&["-A", "--modelplane", modelplane]);
        let summary = format!("4 ModelEndpoints in the cluster: {refused} refused");
        assert!(
            run.out.lines().last().is_some_and(|last| last.starts_with(&summary)),
            "{modelplane}: {}",
            run.out
        );
        let dropped =
            run.out.matches("error[other-generation]: spec.url is dropped by Modelplane 0.5").count();
        assert_eq!(dropped, if modelplane == "0.5" { 4 } else { 0 }, "{}", run.out);
    }
}

#[test]
fn a_namespace_without_endpoints_is_named_as_such() {
    let empty =
        Stand::of(Router::new().fallback(get(async || json!({ "metadata": {}, "items": [] }).to_string())));
    let told = |flags: &[&str]| {
        let run = empty.workspace.check_with(&[&["--cluster"], flags].concat(), &[KUBECONFIG]);
        (run.code, run.err)
    };
    let of_namespace =
        "note: the namespace c of the cluster contains no ModelEndpoint; -A reads all namespaces\n";
    assert_eq!(told(&["-n", "c"]), (Some(0), of_namespace.to_owned()));
    assert_eq!(told(&["-A"]), (Some(0), "note: the cluster contains no ModelEndpoint\n".to_owned()));
}

#[test]
fn the_cluster_is_that_of_the_kubeconfig_and_the_context() {
    let stand = Stand::of(api_server());
    let workspace = &stand.workspace;
    let run = |flags: &[&str], variables: &[(&str, &str)]| {
        let run = workspace.check_with(&[&["--cluster", "-q"], flags].concat(), variables);
        (run.code, run.err)
    };
    let mut kubeconfig: Value = serde_json::from_str(&workspace.read("kubeconfig")).expect("JSON");
    // An address with a secret, on which nobody listens.
    let away = json!({ "name": "away", "cluster": { "server": "http://user:s3cret@127.0.0.1:1" } });
    let context = json!({ "name": "far", "context": { "cluster": "away", "user": "c" } });
    for (list, item) in [("clusters", away), ("contexts", context)] {
        kubeconfig[list].as_array_mut().expect("a list").push(item);
    }
    workspace.write("kubeconfig", kubeconfig.to_string());
    let refused = "error: cannot ask the cluster at http://127.0.0.1:1: client error (Connect): tcp connect \
                   error: Connection refused (os error 111)\n";
    let far = (Some(2), refused.to_owned());
    for variables in [&[][..], &[("KUBECONFIG", "nowhere")]] {
        assert_eq!(run(&["--kubeconfig", "kubeconfig"], variables), (Some(0), String::new()));
        assert_eq!(run(&["--kubeconfig", "kubeconfig", "--context", "far"], variables), far);
    }
    assert_eq!(run(&["--context", "c"], &[KUBECONFIG]), (Some(0), String::new()));
    assert_eq!(run(&["--context", "far"], &[KUBECONFIG]), far);
    for (flags, why) in [
        (&["--context", "fra"][..], "the kubeconfig has no context `fra`; it has `c`, `far`"),
        (
            &["--kubeconfig", "nowhere"],
            "cannot read --kubeconfig nowhere: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(run(flags, &[KUBECONFIG]), (Some(2), format!("error: {why}\n")));
    }
    let files = workspace.check(&["--context", "c", "."]);
    assert_eq!(
        (files.code, files.err.as_str()),
        (Some(2), "error: --context and --kubeconfig go with --cluster\n")
    );
}

#[test]
fn programs_get_names_in_the_place_of_lines() {
    let json: Value = serde_json::from_str(&check(&["-A", "--format", "json"]).out).expect("JSON");
    assert_eq!((&json["files"], &json["endpoints"]), (&json!(0), &json!(4)));
    assert_eq!(json["findings"][0].get("line"), None);
    assert_eq!(
        (&json["findings"][3]["namespace"], &json["findings"][3]["name"]),
        (&json!("b"), &json!("changed"))
    );
}

#[test]
fn a_cluster_that_does_not_answer_is_told() {
    let workspace = Workspace::with(&[]);
    let run = workspace.check_with(&["--cluster"], &[("KUBECONFIG", "missing")]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(
        run.err.starts_with("error: no cluster found; set KUBECONFIG or give --kubeconfig: "),
        "{}",
        run.err
    );
}
