//! A server is not ready if its listener serves the wrong certificate chain, or nothing at all.

use std::net::SocketAddr;
use std::sync::Arc;

use modelendpoint_core::admission::answer;
use modelendpoint_issuer::issue_once;
use modelendpoint_webhook::certificates::pair::Pair;
use modelendpoint_webhook::certificates::served::Served;
use modelendpoint_webhook::server::drain::Drain;
use modelendpoint_webhook::server::limits::Limits;
use modelendpoint_webhook::server::readiness::{Readiness, Unready};
use tokio::net::TcpListener;

use crate::in_process::serve;
use test_support::webhook::eventually;

/// What the handshake proves about a server at this address, which should serve this pair.
fn readiness_of(https: SocketAddr, certificate: Arc<Served>) -> Arc<Readiness> {
    let readiness = Readiness::new(certificate, None, Arc::new(Drain::default()));
    tokio::spawn(Arc::clone(&readiness).keep_proving(https, Arc::default()));
    readiness
}

async fn becomes(readiness: &Readiness, expected: Result<(), &str>) {
    let expected = expected.map_err(str::to_owned);
    eventually(expected, async || readiness.check().map_err(|unready: Unready| unready.to_string())).await;
}

#[tokio::test]
async fn the_served_chain_is_proved() {
    let server = serve(answer, Limits::new(10));
    let readiness = readiness_of(server.https, Arc::clone(&server.certificate));
    becomes(&readiness, Ok(())).await;
}

#[tokio::test]
async fn another_chain_is_no_proof() {
    let server = serve(answer, Limits::new(10));
    let issued = issue_once(vec!["localhost".to_owned()], 1).expect("a certificate");
    let another =
        Pair::from_pem(issued.leaf.certificate.as_bytes(), issued.leaf.key.as_bytes()).expect("a pair");
    let readiness = readiness_of(server.https, Served::new(another));
    let why =
        "the server cannot reach itself over TLS: invalid peer certificate: ApplicationVerificationFailure";
    becomes(&readiness, Err(why)).await;
}

#[tokio::test]
async fn nor_is_a_listener_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let server = serve(answer, Limits::new(10));
    let readiness = readiness_of(silent.local_addr().expect("an address"), server.certificate);
    becomes(&readiness, Err("the server cannot reach itself over TLS: timed out")).await;
}
