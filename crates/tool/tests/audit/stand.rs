//! An audit against a fake API server, which does what a real one rarely does.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::stream;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;

use crate::audited::{OPEN_REPORTS, POLICY_REPORTS, audit, printed};
use crate::running::Running;

const ENDPOINTS: &str = "/apis/modelplane.ai/v1alpha1/modelendpoints";
const REPORT: &str = "/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports/{name}";

struct Stand(TempDir);

impl Stand {
    async fn of(api_server: Router) -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let server = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async { axum::serve(listener, api_server).await });
        let stand = Stand(tempfile::tempdir()?);
        let access = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{ "name": "c", "cluster": { "server": server } }],
            "users": [{ "name": "c", "user": {} }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "c" } }],
        });
        fs::write(stand.kubeconfig(), access.to_string())?;
        Ok(stand)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.0.path().join("kubeconfig")
    }
}

/// Has a definition of reports.
fn knows(router: Router, api_version: &'static str) -> Router {
    let kind = if api_version == OPEN_REPORTS { "Report" } else { "PolicyReport" };
    let plural = format!("{}s", kind.to_lowercase());
    let resources = json!({
        "kind": "APIResourceList", "groupVersion": api_version,
        "resources": [{ "name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": [] }],
    });
    router.route(&format!("/apis/{api_version}"), get(async move || resources.to_string()))
}

fn list(items: &[Value]) -> String {
    json!({ "metadata": { "resourceVersion": "1" }, "items": items }).to_string()
}

fn bad(name: &str) -> Value {
    json!({ "metadata": { "namespace": "a", "name": name, "uid": name, "resourceVersion": "1" }, "spec": { "url": "http://h.example:0/", "rewritePath": "/" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_ends_at_once_is_not_asked_for_again_at_once() -> Result<()> {
    let watches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&watches);
    let endpoints = get(async move |RawQuery(query): RawQuery| {
        if !query.unwrap_or_default().contains("watch=true") {
            return list(&[]).into_response();
        }
        let count = counted.fetch_add(1, Relaxed);
        // A change in each watch does not mean that the API server works again.
        let event = json!({ "type": "ADDED", "object": bad(&format!("e{count}")) });
        Body::from_stream(stream::iter([Ok::<_, std::convert::Infallible>(format!("{event}\n"))]))
            .into_response()
    });
    let stand = Stand::of(Router::new().route(ENDPOINTS, endpoints)).await?;
    let began = Instant::now();
    let audit = Running::start(&stand.kubeconfig(), &[]).await?;
    audit.has("changes_total 3").await?;
    // each wait is twice the one before: 1 s, 2 s, 4 s
    let count = watches.load(Relaxed);
    let least = Duration::from_secs((1 << (count - 1)) - 1);
    assert!(count >= 3 && began.elapsed() >= least, "{count} watches in {:?}", began.elapsed());
    audit.logs("cannot follow changes; trying again error=the watch ended as soon as it began cluster=http://127.0.0.1:").await
}

#[tokio::test(flavor = "multi_thread")]
async fn once_ends_when_it_is_told_to() -> Result<()> {
    let (asked, mut is_asked) = unbounded_channel();
    let endpoints = get(async move || -> String {
        let _ = asked.send(());
        std::future::pending().await
    });
    let stand = Stand::of(Router::new().route(ENDPOINTS, endpoints)).await?;
    for signal in [Signal::TERM, Signal::INT] {
        let mut command = audit(&stand.kubeconfig());
        let child = command.arg("--once").stderr(Stdio::piped()).spawn()?;
        is_asked.recv().await.context("a question")?;
        let id = i32::try_from(child.id().context("an id")?)?;
        kill_process(Pid::from_raw(id).context("an id")?, signal)?;
        let output = child.wait_with_output().await?;
        let told = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.ends_with("error: stopped before everything was read\n"), "{told}");
    }
    Ok(())
}

/// Refuses as the API server's priority and fairness does: with a header, and without a Status.
fn busy(seconds: &str) -> Response {
    let headers = [(RETRY_AFTER, seconds.to_owned())];
    (StatusCode::TOO_MANY_REQUESTS, headers, "Too many requests, please try again later.\n").into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_refused_for_now_is_made_again_when_the_api_server_says() -> Result<()> {
    let writes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&writes);
    let write = any(async move || {
        let mut writes = seen.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push(Instant::now());
        if writes.len() == 1 { busy("2") } else { json!({}).to_string().into_response() }
    });
    let api_server = knows(Router::new(), OPEN_REPORTS)
        .route(ENDPOINTS, get(async || list(&[bad("e")])))
        .route("/apis/openreports.io/v1alpha1/reports", get(async || list(&[])))
        .route(REPORT, write);
    let stand = Stand::of(api_server).await?;
    let output = audit(&stand.kubeconfig()).arg("--once").output().await?;
    let summary =
        "1 ModelEndpoints: 1 would be refused, 0 with warnings; 1 reports, of which 1 written; 0 deleted\n";
    assert_eq!(printed(&output), (Some(0), summary.to_owned()));
    let writes = writes.lock().unwrap_or_else(PoisonError::into_inner);
    let waited: Vec<_> = writes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waited.len(), 1);
    assert!(waited[0] >= Duration::from_secs(2), "{waited:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_the_kind_before_are_deleted_and_counted_and_may_stay() -> Result<()> {
    const OLD: &str = "/apis/wgpolicyk8s.io/v1alpha2";
    let report = |name: &str| json!({ "metadata": { "namespace": "a", "name": name } });
    let deleted = |name: &str| if name == "stuck" { StatusCode::FORBIDDEN } else { StatusCode::OK };
    for (can_list, code, summary) in [
        (
            true,
            2,
            "0 ModelEndpoints: 0 would be refused, 0 with warnings; 0 reports, of which 0 written; 2 deleted\n",
        ),
        (
            false,
            0,
            "0 ModelEndpoints: 0 would be refused, 0 with warnings; 0 reports, of which 0 written; 0 deleted\n",
        ),
    ] {
        let reports = list(&["one", "two", "stuck"].map(report));
        let api_server = knows(knows(Router::new(), OPEN_REPORTS), POLICY_REPORTS)
            .route(ENDPOINTS, get(async || list(&[])))
            .route("/apis/openreports.io/v1alpha1/reports", get(async || list(&[])))
            .route(
                &format!("{OLD}/policyreports"),
                get(async move |RawQuery(query): RawQuery| {
                    let ours = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmodelendpoint-audit";
                    assert!(query.is_some_and(|query| query.contains(ours)));
                    if can_list { reports.into_response() } else { StatusCode::FORBIDDEN.into_response() }
                }),
            )
            .route(
                &format!("{OLD}/namespaces/a/policyreports/{{name}}"),
                any(async move |axum::extract::Path(name): axum::extract::Path<String>| {
                    (deleted(&name), "{}")
                }),
            );
        let stand = Stand::of(api_server).await?;
        let output = audit(&stand.kubeconfig()).arg("--once").output().await?;
        assert_eq!(printed(&output), (Some(code), summary.to_owned()), "{output:?}");
        let told = String::from_utf8(output.stderr)?;
        let warning = "cannot list the reports of the older kind, so they are not deleted api=\"wgpolicyk8s.io/v1alpha2\"";
        assert_eq!(told.contains(warning), !can_list, "{told}");
        assert_eq!(told.contains("error: 1 reports could not be written"), can_list, "{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_modelplane_drops_is_reported() -> Result<()> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&written);
    let write = any(async move |body: String| {
        let report: Value = serde_json::from_str(&body).unwrap_or_default();
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(report["results"][0]["rule"].clone());
        "{}"
    });
    let fine = json!({ "metadata": { "namespace": "a", "name": "e" }, "spec": { "url": "http://h.example/", "rewritePath": "/" } });
    let api_server = knows(Router::new(), OPEN_REPORTS)
        .route(ENDPOINTS, get(async move || list(&[fine])))
        .route("/apis/openreports.io/v1alpha1/reports", get(async || list(&[])))
        .route(REPORT, write);
    let stand = Stand::of(api_server).await?;
    for (flags, count) in [(&[][..], 0), (&["--modelplane=0.3"], 0), (&["--modelplane=0.5"], 1)] {
        let output = audit(&stand.kubeconfig()).arg("--once").args(flags).output().await?;
        let (code, out) = printed(&output);
        assert_eq!(code, Some(0), "{flags:?}: {output:?}");
        assert!(out.starts_with(&format!("1 ModelEndpoints: {count} would be refused")), "{flags:?}: {out}");
    }
    assert_eq!(*written.lock().unwrap_or_else(PoisonError::into_inner), ["other-generation"]);
    Ok(())
}
