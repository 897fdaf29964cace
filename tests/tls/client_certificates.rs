//! Who may call: clients with good, bad and missing certificates.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::ExtendedKeyUsagePurpose;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;
use time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use test_support::client::{Client, FINE, Reply, allowed, create, half_a_review};
use test_support::pairs::Authority;
use test_support::webhook::{Webhook, eventually};

const NAME: &str = "kube-apiserver";
const IN_FLIGHT: &str = "modelendpoint_webhook_requests_in_flight";

struct Guarded {
    webhook: Webhook,
    ca: PathBuf,
    _directory: TempDir,
}

/// A webhook that requires a certificate from this CA.
async fn guarded(ca: &Authority, flags: &[&str]) -> Guarded {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("client-ca.crt");
    fs::write(&file, ca.pem()).expect("a file");
    let path = file.to_str().expect("UTF-8").to_owned();
    let webhook = Webhook::self_signed(&[&["--client-ca", &path], flags].concat()).await;
    Guarded { webhook, ca: file, _directory: directory }
}

impl Guarded {
    async fn rejections(&self, reason: &str) -> u64 {
        let series = format!("modelendpoint_webhook_client_rejections_total{{reason=\"{reason}\"}}");
        self.webhook.metric(&series).await
    }
}

/// Asserts that a review over a new connection is answered.
async fn may_call(client: &Client) {
    let reply = client.post("/validate", &create("u-1", FINE)).await;
    assert_eq!(reply.review(), allowed("u-1"));
}

/// Asserts that the handshake ends with this alert.
async fn is_rejected(client: &Client, alert: &str) {
    let refusal = match client.stream().await {
        Err(refusal) => refusal,
        // In TLS 1.3, a client learns of it only when it reads, and the server never sends first.
        Ok(mut stream) => stream.read_u8().await.expect_err("the server ends the connection"),
    };
    assert_eq!(refusal.to_string(), format!("received fatal alert: {alert}"));
}

#[tokio::test]
async fn a_client_of_the_ca_may_call_and_the_server_still_proves_itself() {
    let ca = Authority::new();
    let guarded = guarded(&ca, &[]).await;
    guarded.webhook.is_ready().await;
    for version in [&TLS13, &TLS12] {
        let client = guarded.webhook.client().speaking(version).presenting(&ca.client("anybody", &[]));
        may_call(&client).await;
    }
    assert_eq!(guarded.rejections("no_certificate").await, 0, "the server rejected itself");
    assert_eq!(guarded.rejections("bad_certificate").await, 0, "the server rejected itself");
}

#[tokio::test]
async fn others_are_rejected_at_the_handshake_with_the_reason_in_the_log() {
    let ca = Authority::new();
    let guarded = guarded(&ca, &["--client-name", NAME]).await;
    let bare = guarded.webhook.client();
    is_rejected(&bare, "CertificateRequired").await;
    let line = guarded.webhook.logged("rejected at the handshake").await;
    assert!(line.contains(r#"reason="it presented no certificate""#), "{line}");
    assert!(line.contains(r#"client="127.0.0.1:"#), "{line}");
    assert_eq!(guarded.rejections("no_certificate").await, 1);

    let stranger = bare.clone().presenting(&Authority::new().client(NAME, &[]));
    is_rejected(&stranger, "UnknownCA").await;
    guarded.webhook.logged("UnknownIssuer").await;
    let expired = bare.clone().presenting(&ca.client_valid(NAME, &[], Duration::days(-1)));
    is_rejected(&expired, "CertificateExpired").await;
    guarded.webhook.logged("certificate expired").await;
    assert_eq!(guarded.rejections("bad_certificate").await, 2);
}

#[tokio::test]
async fn a_certificate_without_an_extended_key_usage_is_for_clients_too_and_one_for_servers_is_not() {
    let ca = Authority::new();
    let guarded = guarded(&ca, &["--client-name", NAME]).await;
    let presenting =
        |uses: &[ExtendedKeyUsagePurpose]| guarded.webhook.client().presenting(&ca.client_for(NAME, uses));
    let (client, server, any) = (
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::Any,
    );
    may_call(&presenting(&[])).await;
    may_call(&presenting(&[server.clone(), client])).await;
    // Unlike Go, webpki does not accept anyExtendedKeyUsage for every use.
    for uses in [[server], [any]] {
        let refusal = presenting(&uses).stream().await;
        let refused = match refusal {
            Err(_) => true,
            Ok(mut stream) => stream.read_u8().await.is_err(),
        };
        assert!(refused, "{uses:?}");
    }
    let line = guarded.webhook.logged("rejected at the handshake").await;
    assert!(
        line.contains("certificate does not allow extended key usage for client authentication"),
        "{line}"
    );
    assert_eq!(guarded.rejections("bad_certificate").await, 2);
}

#[tokio::test]
async fn a_wrong_name_is_forbidden_with_the_reason_in_the_log() {
    let ca = Authority::new();
    let guarded = guarded(&ca, &["--client-name", NAME, "--client-name", "apiserver.example"]).await;
    let client = |common_name, dns_names: &[&str]| {
        guarded.webhook.client().presenting(&ca.client(common_name, dns_names))
    };
    for right in [client(NAME, &[]), client("x", &["apiserver.example"]), client("x", &["a.example", NAME])] {
        may_call(&right).await;
    }
    for wrong in [client("jane", &["jane.example"]), client("jane", &["jane.example", "x.apiserver.example"])]
    {
        for path in ["/mutate", "/validate"] {
            let reply = wrong.post(path, &create("u-2", FINE)).await;
            assert_eq!((reply.status, reply.body.contains("client certificate is for jane, ")), (403, true));
        }
    }
    let nameless = client("", &[]).post("/mutate", &create("u-3", FINE)).await;
    assert_eq!(nameless.status, 403);
    let reply = client("jane", &[]).post("/validate", &create("u-4", FINE)).await;
    let sentence =
        "Your client certificate is for jane, and none of its names may call this webhook (--client-name).";
    let headers = [("connection", "close"), ("content-type", "text/plain; charset=utf-8")];
    assert_eq!(reply, Reply::new(403, &headers, &format!("{sentence}\n")));
    let line = guarded.webhook.logged("refused").await;
    assert!(
        line.contains(r#"status=403 reason="Your client certificate is for jane, jane.example,"#),
        "{line}"
    );
    assert_eq!(guarded.rejections("name").await, 6);
}

#[tokio::test]
async fn of_several_common_names_the_last_one_counts_as_in_kubernetes() {
    let ca = Authority::new();
    let guarded = guarded(&ca, &["--client-name", NAME]).await;
    let presenting = |names| guarded.webhook.client().presenting(&ca.client_called(names));
    may_call(&presenting(["jane", NAME])).await;
    let reply = presenting([NAME, "jane"]).post("/validate", &create("u-5", FINE)).await;
    let sentence =
        "Your client certificate is for jane, and none of its names may call this webhook (--client-name).";
    assert_eq!((reply.status, reply.body), (403, format!("{sentence}\n")));
}

#[tokio::test]
async fn the_ca_is_reloaded_by_content_and_a_bad_one_changes_nothing() {
    let (first, second) = (Authority::new(), Authority::new());
    let guarded = guarded(&first, &[]).await;
    let bare = guarded.webhook.client();
    let (of_first, of_second) =
        (bare.clone().presenting(&first.client(NAME, &[])), bare.presenting(&second.client(NAME, &[])));
    is_rejected(&of_second, "UnknownCA").await;

    let leaf = second.client("jane", &[]).certificate;
    for (bad, why) in [
        ("", "contains no PEM block"),
        (&first.pem()[..100], "the client CA can't be read"),
        (&leaf, "contains a certificate that is not a CA, so it cannot verify any client: `CN=jane`"),
    ] {
        fs::write(&guarded.ca, bad).expect("a file");
        guarded.webhook.logged(why).await;
        may_call(&of_first).await;
    }
    fs::remove_file(&guarded.ca).expect("a file");
    guarded.webhook.logged("No such file").await;
    may_call(&of_first).await;

    fs::write(&guarded.ca, second.pem()).expect("a file");
    guarded.webhook.logged("client CA reloaded").await;
    may_call(&of_second).await;
    is_rejected(&of_first, "UnknownCA").await;
    let reloads = |result| format!("modelendpoint_webhook_client_ca_reloads_total{{result=\"{result}\"}}");
    eventually((4, 1), async || {
        (guarded.webhook.metric(&reloads("failure")).await, guarded.webhook.metric(&reloads("success")).await)
    })
    .await;
}

#[tokio::test]
async fn when_the_ca_changes_open_connections_end_and_what_is_being_answered_still_is() {
    let (first, second) = (Authority::new(), Authority::new());
    let guarded = guarded(&first, &[]).await;
    let client = guarded.webhook.client().presenting(&first.client(NAME, &[]));
    let idle = client.connect().await;
    let mut used = client.connect().await;
    assert_eq!(used.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    let mut in_a_head = client.stream().await.expect("the server accepts");
    in_a_head.write_all(b"POST /validate HTTP/1.1\r\nHost: localhost\r\n").await.expect("the server reads");
    let under_way = half_a_review(&client, "u-2").await;
    eventually(1, async || guarded.webhook.metric(IN_FLIGHT).await).await;

    fs::write(&guarded.ca, second.pem()).expect("a file");
    guarded.webhook.logged("clients must connect again").await;
    eventually((true, true), async || (idle.is_closed(), used.is_closed())).await;
    let mut said = Vec::new();
    // However the connection ends, there was no answer.
    let _ = in_a_head.read_to_end(&mut said).await;
    assert_eq!(said, b"");
    assert_is_answered_and_closed(under_way, "u-2").await;
}

#[tokio::test]
async fn when_a_client_certificate_expires_its_connections_end_and_what_is_being_answered_still_is() {
    let ca = Authority::new();
    let guarded = guarded(&ca, &[]).await;
    let bare = guarded.webhook.client();
    let mut other = bare.clone().presenting(&ca.client(NAME, &[])).connect().await;
    let short_lived = bare.presenting(&ca.client_valid(NAME, &[], Duration::seconds(3)));
    let mut used = short_lived.connect().await;
    assert_eq!(used.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    let under_way = half_a_review(&short_lived, "u-2").await;

    eventually(true, async || used.is_closed()).await;
    is_rejected(&short_lived, "CertificateExpired").await;
    assert_is_answered_and_closed(under_way, "u-2").await;
    assert_eq!(other.post("/validate", &create("u-3", FINE)).await.review(), allowed("u-3"));
}

#[tokio::test]
async fn requests_that_wait_behind_an_answer_are_not_served_after_the_ca_changed() {
    let (first, second) = (Authority::new(), Authority::new());
    let guarded = guarded(&first, &[]).await;
    let client = guarded.webhook.client().presenting(&first.client(NAME, &[]));
    let (mut stream, rest) = half_a_review(&client, "u-1").await;
    eventually(1, async || guarded.webhook.metric(IN_FLIGHT).await).await;
    fs::write(&guarded.ca, second.pem()).expect("a file");
    guarded.webhook.logged("clients must connect again").await;
    let review = create("u-2", FINE).to_string();
    let another = format!(
        "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
         {}\r\n\r\n{review}",
        review.len()
    );
    stream.write_all(&[rest, another.into_bytes()].concat()).await.expect("the server reads");
    assert_is_answered_and_closed((stream, Vec::new()), "u-1").await;
}

/// Sends the rest of a review. Asserts that it is answered, and that the connection then ends.
async fn assert_is_answered_and_closed((mut stream, rest): (TlsStream<TcpStream>, Vec<u8>), uid: &str) {
    stream.write_all(&rest).await.expect("the server still reads");
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("an answer, and an end in good order");
    let (head, body) = said.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("connection: close"), "{head}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).expect("one answer"), allowed(uid));
}

#[tokio::test]
async fn several_cas_may_be_in_the_file() {
    let (first, second) = (Authority::new(), Authority::new());
    let guarded = guarded(&first, &[]).await;
    fs::write(&guarded.ca, format!("{}{}", first.pem(), second.pem())).expect("a file");
    guarded.webhook.logged("client CA reloaded").await;
    for ca in [first, second] {
        may_call(&guarded.webhook.client().presenting(&ca.client(NAME, &[]))).await;
    }
}

#[tokio::test]
async fn it_says_what_is_wrong_with_the_flags() {
    let empty = tempfile::NamedTempFile::new().expect("a file");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let start = crate::start_up::start;
    let (code, stderr) = start(&["--self-signed", "--client-name", NAME]).await;
    assert_eq!((code, stderr.contains("--client-ca <FILE>")), (Some(2), true), "{stderr}");
    let path = text(empty.path());
    assert_eq!(
        start(&["--self-signed", "--client-ca", &path]).await,
        crate::start_up::error(&format!(
            "the client CA file contains no PEM block \"CERTIFICATE\" (--client-ca {path})"
        ))
    );
    assert_eq!(
        start(&["--self-signed", "--client-ca", "/nowhere/ca.crt"]).await,
        crate::start_up::error(
            "cannot read --client-ca /nowhere/ca.crt: No such file or directory (os error 2); give the CA \
             that signs the API server's client certificate"
        )
    );
}
