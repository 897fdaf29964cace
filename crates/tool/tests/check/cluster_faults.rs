//! An API server that is slow or busy, or loses its history, and a person who interrupts the check.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::routing::get;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::sleep;

use crate::cluster::Stand;
use crate::workspace::Run;

const PAGES: usize = 3;
const OF_ALL: &str = "/apis/modelplane.ai/v1alpha1/modelendpoints";

/// A page with one endpoint, and the token for the next.
fn page(at: usize) -> (StatusCode, String) {
    let next = if at + 1 < PAGES { (at + 1).to_string() } else { String::new() };
    let list = json!({
        "metadata": { "continue": next, "remainingItemCount": PAGES - at - 1 },
        "items": [{
            "metadata": { "name": format!("page-{at}"), "namespace": "a" },
            "spec": { "url": "http://h.example/", "rewritePath": "/" },
        }],
    });
    (StatusCode::OK, list.to_string())
}

fn refusal(code: StatusCode, more: &Value) -> (StatusCode, String) {
    let mut status = json!({ "kind": "Status", "status": "Failure", "code": code.as_u16(), "message": "no" });
    if let (Some(status), Some(more)) = (status.as_object_mut(), more.as_object()) {
        status.extend(more.clone());
    }
    (code, status.to_string())
}

/// The page that a query requests.
fn asked(query: Option<&str>) -> &str {
    let token =
        query.into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("continue="));
    token.unwrap_or("0")
}

fn check(api_server: Router) -> Run {
    Stand::of(api_server).workspace.check_with(&["--cluster", "-A"], &[("KUBECONFIG", "kubeconfig")])
}

fn summary(endpoints: &str) -> String {
    format!(
        "{endpoints} in the cluster: 0 refused, 0 with warnings, 0 changed when stored; 0 other objects skipped\n"
    )
}

#[test]
fn a_page_that_is_gone_is_replaced_by_the_rest_as_it_is_now() {
    let run = check(Router::new().route(
        OF_ALL,
        get(async |RawQuery(query): RawQuery| match asked(query.as_deref()) {
            "0" => page(0),
            "1" => refusal(StatusCode::GONE, &json!({ "metadata": { "continue": "now" } })),
            "now" => page(1),
            _ => page(2),
        }),
    ));
    assert_eq!(run, Run::of(0, &summary("3 ModelEndpoints")));
}

#[test]
fn a_busy_api_server_is_asked_again() {
    let busy = Arc::new(AtomicUsize::new(0));
    let run = check(Router::new().route(
        OF_ALL,
        get(async move |RawQuery(query): RawQuery| {
            // The first answer to each request is a refusal.
            if busy.fetch_add(1, Relaxed).is_multiple_of(2) {
                let details = json!({ "details": { "retryAfterSeconds": 0 } });
                return refusal(StatusCode::TOO_MANY_REQUESTS, &details);
            }
            page(asked(query.as_deref()).parse().expect("a number"))
        }),
    ));
    assert_eq!(run, Run::of(0, &summary("3 ModelEndpoints")));
}

#[test]
fn what_was_read_before_an_error_is_reported_with_it() {
    let run = check(Router::new().route(
        OF_ALL,
        get(async |RawQuery(query): RawQuery| match asked(query.as_deref()) {
            "2" => refusal(StatusCode::FORBIDDEN, &json!({})),
            at => page(at.parse().expect("a number")),
        }),
    ));
    let error =
        "error: the rest of the cluster was not read: cannot list the ModelEndpoints in the cluster: no\n";
    assert_eq!((run.code, run.out, run.err), (Some(2), summary("2 ModelEndpoints"), error.to_owned()));
}

/// Answers one page, and never the next one. Reports when the next one is requested.
fn endless() -> (Router, UnboundedReceiver<()>) {
    let (tell, told) = unbounded_channel();
    let api_server = Router::new().route(
        OF_ALL,
        get(async move |RawQuery(query): RawQuery| {
            if asked(query.as_deref()) == "0" {
                // Longer than a person waits without progress.
                sleep(Duration::from_millis(600)).await;
                return page(0);
            }
            let _ = tell.send(());
            std::future::pending().await
        }),
    );
    (api_server, told)
}

#[test]
fn ctrl_c_reports_what_was_read_and_a_terminal_shows_how_far_it_is() {
    let (api_server, mut asked) = endless();
    let stand = Stand::of(api_server);
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("its name").into_string().expect("UTF-8");
    let stderr = File::options().write(true).open(name).expect("its other end");
    let child = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
        .args(["check", "--cluster", "-A"])
        .env("KUBECONFIG", stand.workspace.path("kubeconfig"))
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("the binary starts");
    asked.blocking_recv().expect("a question for the second page");
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("an id");
    kill_process(id, Signal::INT).expect("a process");
    let output = child.wait_with_output().expect("the binary ends");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!((output.status.code(), out), (Some(2), summary("1 ModelEndpoint")));
    let mut shown = Vec::new();
    // After all output was read, reading a terminal whose other end is closed is an error.
    let _ = File::from(terminal).read_to_end(&mut shown);
    assert_eq!(
        String::from_utf8_lossy(&shown),
        "\r[##########                    ] 1/3 ModelEndpoints\r\u{1b}[2K\
         error: interrupted: the rest of the cluster was not read\r\n"
    );
}
