//! HTTP and TLS as the API server speaks them, and the answers to other clients.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::Method;
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use test_support::client::{self, FINE, MALFORMED, PATIENCE, Reply, allowed, create, json_request, request};
use test_support::webhook::{Webhook, eventually};

const NOT_JSON: &str = "Send an AdmissionReview as Content-Type: application/json.";
const NO_PATH: &str = "There is nothing at this path.";
const TOO_LARGE: &str = "The body is larger than 7 MiB, which is more than an AdmissionReview can need: the \
                         API server's limit for an object is 3 MiB.\n";
const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_fine_endpoint_passes_both_hooks_over_one_connection() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut connection = webhook.client().connect().await;
    for path in ["/mutate", "/validate", "/mutate?timeout=5s", "/validate?timeout=5s"] {
        let reply = connection.post(path, &create("u-1", FINE)).await;
        assert_eq!(reply, Reply::new(200, &[("content-type", "application/json")], &reply.body), "{path}");
        assert_eq!(reply.review(), allowed("u-1"), "{path}");
    }
}

#[tokio::test]
async fn a_malformed_url_is_denied_with_its_field() {
    let webhook = Webhook::self_signed(&[]).await;
    let review = webhook.client().post("/validate", &create("u-2", MALFORMED)).await.review();
    let response = &review["response"];
    assert_eq!(
        (&response["uid"], &response["allowed"], &response["status"]["details"]["causes"][0]["field"]),
        (&json!("u-2"), &json!(false), &json!("spec.url")),
        "{review:#}"
    );
}

#[tokio::test]
async fn what_is_no_review_is_told_so_in_a_sentence() {
    let webhook = Webhook::self_signed(&[]).await;
    let client = webhook.client();
    let post = || request(Method::POST, "/validate");
    let typed = |media_type| post().header(CONTENT_TYPE, media_type);
    let plain = ("content-type", "text/plain; charset=utf-8");
    let closing = |status, sentence: &str| {
        Reply::new(status, &[("connection", "close"), plain], &format!("{sentence}\n"))
    };
    let cases = [
        ("another path", request(Method::POST, "/").body(Body::empty()), Reply::text(404, NO_PATH)),
        ("a path below", request(Method::POST, "/validate/x").body(Body::from("{}")), closing(404, NO_PATH)),
        (
            "another method",
            request(Method::PUT, "/validate").body(Body::empty()),
            Reply::new(405, &[("allow", "POST"), plain], "This path is only for POST.\n"),
        ),
        ("no type", post().body(Body::from("{}")), closing(415, NOT_JSON)),
        ("a form", typed("application/x-www-form-urlencoded").body(Body::from("{}")), closing(415, NOT_JSON)),
        (
            "a type that begins alike",
            typed("application/jsonl").body(Body::from("{}")),
            closing(415, NOT_JSON),
        ),
        (
            "compressed",
            typed("application/json").header(CONTENT_ENCODING, "gzip").body(Body::from("{}")),
            closing(415, "Send the AdmissionReview as it is, without a Content-Encoding."),
        ),
    ];
    for (what, request, expected) in cases {
        let reply = client.connect().await.send(request.expect("a request")).await.expect("an answer");
        assert_eq!(reply, expected, "{what}");
    }
}

#[tokio::test]
async fn a_type_with_parameters_and_an_encoding_of_nothing_are_fine() {
    let webhook = Webhook::self_signed(&[]).await;
    let request = request(Method::POST, "/validate")
        .header(CONTENT_TYPE, "Application/JSON; charset=utf-8")
        .header(CONTENT_ENCODING, "identity")
        .body(Body::from(create("u-3", FINE).to_string()))
        .expect("a request");
    let reply = webhook.client().connect().await.send(request).await.expect("an answer");
    assert_eq!(reply.review(), allowed("u-3"));
}

#[tokio::test]
async fn only_without_a_uid_is_there_a_400() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut connection = webhook.client().connect().await;
    for body in ["", "{}", "not JSON", r#"{"request":{}}"#, "[]"] {
        let reply = connection.send(json_request("/validate", body)).await.expect("an answer");
        assert_eq!(reply, Reply::text(400, reply.body.trim_end()), "{body}");
        assert!(reply.body.contains("uid"), "{body}: {}", reply.body);
    }
    let cut = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-4","#;
    let reply = connection.send(json_request("/validate", cut)).await.expect("an answer");
    let response = &reply.review()["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-4"), &json!(false)));
}

#[tokio::test]
async fn a_legal_review_of_6_mib_is_judged() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut review = create("u-5", FINE);
    review["request"]["object"]["metadata"]["annotations"] = json!({ "filler": "x".repeat(6 * MIB) });
    let reply = webhook.client().post("/validate", &review).await;
    assert_eq!(reply.review(), allowed("u-5"));
}

#[tokio::test]
async fn more_than_7_mib_is_refused_before_it_is_read() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut stream = webhook.client().stream().await.expect("the server accepts");
    let head = format!(
        "POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
         {}\r\n\r\n",
        7 * MIB + 1
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.expect("the server answers");
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    assert!(answer.ends_with(TOO_LARGE), "{answer}");
}

#[tokio::test]
async fn more_than_7_mib_in_chunks_is_refused_at_the_limit_and_the_answer_arrives() {
    let webhook = Webhook::self_signed(&[]).await;
    let headers = [("connection", "close"), ("content-type", "text/plain; charset=utf-8")];
    for length in [7 * MIB + 1, 12 * MIB] {
        let request = json_request("/mutate", Body::new(Pieces(length)));
        let reply = webhook.client().connect().await.send(request).await.expect("an answer");
        assert_eq!(reply, Reply::new(413, &headers, TOO_LARGE), "{length}");
    }
    assert_eq!(webhook.metric(r#"modelendpoint_webhook_http_errors_total{code="413"}"#).await, 2);
}

/// This many bytes, in pieces of 64 KiB.
struct Pieces(usize);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.min(64 * 1024);
        self.0 -= piece;
        Poll::Ready((piece > 0).then(|| Ok(Frame::data(vec![b' '; piece].into()))))
    }
}

#[tokio::test]
async fn only_http_1_1_is_offered_and_both_tls_versions_work() {
    let webhook = Webhook::self_signed(&[]).await;
    let client = webhook.client().offering(&["h2", "http/1.1"]);
    let stream = client.stream().await.expect("the server accepts");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(webhook.client().offering(&["h2"]).stream().await.is_err(), "HTTP/2 alone is refused");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = webhook.client().speaking(version).stream().await.expect("the server accepts");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
}

#[tokio::test]
async fn what_is_not_tls_does_no_harm() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut stream = tokio::net::TcpStream::connect(webhook.https).await.expect("a listener");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a socket");
    // With an alert or a reset: the connection ends either way.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(webhook.client().post("/validate", &create("u-6", FINE)).await.review(), allowed("u-6"));
}

#[tokio::test]
async fn a_request_that_cannot_be_answered_in_time_is_shed_at_once() {
    let webhook = Webhook::self_signed(&[]).await;
    let reply = webhook.client().post("/validate?timeout=5ms", &create("u-7", FINE)).await;
    let headers =
        [("connection", "close"), ("content-type", "text/plain; charset=utf-8"), ("retry-after", "1")];
    let sentence = "There was not enough time left to answer: try again in a second.\n";
    assert_eq!(reply, Reply::new(503, &headers, sentence));
    assert_eq!(webhook.metric(r#"modelendpoint_webhook_shed_total{reason="deadline"}"#).await, 1);
}

#[tokio::test]
async fn operators_are_told_what_there_is() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    assert_eq!(webhook.ops("/livez").await, Reply::text(200, "ok"));
    assert_eq!(webhook.ops("/readyz").await, Reply::text(200, "ok"));
    assert_eq!(webhook.ops("/").await, Reply::text(404, "There is nothing at this path."));
    let post = request(Method::POST, "/livez").body(Body::empty()).expect("a request");
    assert_eq!(
        client::plain(webhook.ops, post).await,
        Reply::new(
            405,
            &[("allow", "GET, HEAD"), ("content-type", "text/plain; charset=utf-8")],
            "This path is only for GET, HEAD.\n"
        )
    );
}

/// Asserts that none of them opens a tunnel, speaks another protocol or stays open.
#[tokio::test]
async fn odd_ways_of_http_are_answered_and_leave_nothing_behind() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let review = create("u-1", FINE).to_string();
    let post = |version: &str, more: &str| {
        let length = review.len();
        format!(
            "POST /validate HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{more}\r\n{review}"
        )
    };
    let odd = [
        (post("1.0", ""), "HTTP/1.0 200 OK"),
        (post("1.1", "Connection: close\r\n"), "HTTP/1.1 200 OK"),
        (post("1.1", "Connection: close\r\nExpect: 100-continue\r\n"), "HTTP/1.1 100 Continue"),
        (post("1.1", "Connection: upgrade, close\r\nUpgrade: h2c\r\n"), "HTTP/1.1 200 OK"),
        (
            "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n".to_owned(),
            "HTTP/1.1 404 Not Found",
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
    ];
    for (request, answer) in odd {
        let mut stream = webhook.client().stream().await.expect("the server accepts");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut said = Vec::new();
        // The connection has ended, with or without a proper close.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the server closes");
        let said = String::from_utf8_lossy(&said);
        assert_eq!(said.lines().next().unwrap_or_default(), answer, "{request}");
    }
    for series in [r#"connections{listener="https"}"#, "requests_in_flight"] {
        eventually(0, async || webhook.metric(&format!("modelendpoint_webhook_{series}")).await).await;
    }
}
