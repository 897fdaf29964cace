//! A server that can't start says what to change, and exits with 2.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, mknodat};
use tokio::process::Command;
use tokio::time::timeout;

use test_support::pairs::Authority;
use test_support::webhook::binary;

/// Exit code and stderr of a server that is not expected to start.
pub(crate) async fn start(flags: &[&str]) -> (Option<i32>, String) {
    let anywhere = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    run(&[&anywhere, flags].concat()).await
}

async fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary()).args(arguments).kill_on_drop(true).output();
    let output = timeout(Duration::from_secs(30), output).await.expect("it ends").expect("the binary starts");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

pub(crate) fn error(text: &str) -> (Option<i32>, String) {
    (Some(2), format!("error: {text}\n"))
}

#[tokio::test]
async fn it_says_which_flags_are_missing_or_too_many() {
    let cases: [(&[&str], &str); 8] = [
        (
            &[],
            "a certificate is missing: give --tls-cert and --tls-key, --managed-certs in a cluster, or \
             --self-signed to try it out",
        ),
        (
            &["--managed-certs", "--self-signed"],
            "--managed-certs makes the certificate: leave out --tls-cert, --tls-key, --self-signed and \
             --write-ca",
        ),
        (
            &["--managed-certs", "--managed-ca-lifetime=2h", "--managed-leaf-lifetime=1h"],
            "--managed-ca-lifetime must be three times --managed-leaf-lifetime or longer: a CA signs for two \
             thirds of its life, and no leaf may outlive it",
        ),
        (
            &["--managed-certs"],
            "--managed-certs works only in a cluster: KUBERNETES_SERVICE_HOST is not set: environment \
             variable not found",
        ),
        (&["--tls-cert", "x"], "--tls-key is missing: the private key of --tls-cert"),
        (&["--tls-key", "x"], "--tls-cert is missing: the certificate of --tls-key"),
        (
            &["--self-signed", "--tls-cert", "x", "--tls-key", "x"],
            "--self-signed makes a certificate of its own: leave out --tls-cert and --tls-key",
        ),
        (
            &["--tls-cert", "x", "--tls-key", "x", "--write-ca", "x"],
            "--write-ca is for the CA that --self-signed makes: leave it out",
        ),
    ];
    for (flags, expected) in cases {
        assert_eq!(start(flags).await, error(expected));
    }
}

#[tokio::test]
async fn it_says_what_is_wrong_with_the_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let authority = Authority::new();
    let (pair, other) = (authority.pair(), authority.pair());
    pair.write_to(directory.path());
    fs::write(directory.path().join("other.key"), other.key).expect("a file");
    let (certificate, key, other, none) = (file("tls.crt"), file("tls.key"), file("other.key"), file("none"));

    let cases = [
        (
            &none,
            &key,
            format!(
                "cannot read --tls-cert {none}: No such file or directory (os error 2); give a file that \
                 exists (`modelendpoint certs` makes a pair for development)"
            ),
        ),
        (
            &certificate,
            &other,
            format!(
                "the private key does not match the certificate: give the key that the certificate was \
                 issued for (--tls-cert {certificate}, --tls-key {other})"
            ),
        ),
        (
            &key,
            &key,
            format!(
                "the certificate file contains no PEM block \"CERTIFICATE\" (--tls-cert {key}, --tls-key \
                 {key})"
            ),
        ),
        (
            &certificate,
            &certificate,
            format!(
                "the key file contains no PEM block \"PRIVATE KEY\" (--tls-cert {certificate}, --tls-key \
                 {certificate})"
            ),
        ),
    ];
    for (certificate, key, expected) in cases {
        assert_eq!(start(&["--tls-cert", certificate, "--tls-key", key]).await, error(&expected));
    }
}

#[tokio::test]
async fn it_says_when_a_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    for (flag, other) in [("--listen", "--ops-listen"), ("--ops-listen", "--listen")] {
        let flags = ["serve", "--self-signed", other, "127.0.0.1:0", flag, &address];
        let expected = format!(
            "cannot listen on {flag} {address}: another process has this port: stop it, or give another \
             port (0 picks a free one)"
        );
        assert_eq!(run(&flags).await, error(&expected));
    }
}

#[tokio::test]
async fn it_says_where_the_ca_could_not_be_written() {
    let file = Path::new("/nowhere/ca.crt").display().to_string();
    let expected = format!("cannot write --write-ca {file}: No such file or directory (os error 2)");
    assert_eq!(start(&["--self-signed", "--write-ca", &file]).await, error(&expected));
}

#[tokio::test]
async fn a_flag_that_makes_no_sense_is_a_usage_error() {
    for flags in
        [["--drain", "10"], ["--max-connections", "0"], ["--listen", "8443"], ["--log-level", "loud"]]
    {
        let (code, stderr) = start(&[&["--self-signed"], &flags[..]].concat()).await;
        assert_eq!(code, Some(2), "{flags:?}: {stderr}");
        assert!(stderr.contains(&format!("'{} <", flags[0])), "{flags:?}: {stderr}");
    }
}

#[tokio::test]
async fn flags_can_come_from_the_environment() {
    let output = Command::new(binary())
        .arg("serve")
        .env("MODELENDPOINT_WEBHOOK_TLS_CERT", "x")
        .output()
        .await
        .expect("the binary starts");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!((output.status.code(), stderr), error("--tls-key is missing: the private key of --tls-cert"));
}

#[tokio::test]
async fn a_flag_takes_regular_files_only() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Authority::new().pair().write_to(directory.path());
    let file = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let (certificate, key, pipe, large) = (file("tls.crt"), file("tls.key"), file("pipe"), file("large"));
    mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    fs::File::create(&large).expect("a file").set_len((1 << 20) + 1).expect("room");

    let pair = ["--tls-cert", &certificate, "--tls-key", &key];
    let reading: [(&str, &[&str]); 4] = [
        ("--tls-cert", &["--tls-key", &key]),
        ("--tls-key", &["--tls-cert", &certificate]),
        ("--client-ca", &pair),
        ("--policy", &["--self-signed"]),
    ];
    for (flag, others) in reading {
        for (file, why) in [
            (pipe.as_str(), "it is a pipe, not a regular file"),
            ("/dev/zero", "it is a device, not a regular file"),
            (large.as_str(), "it is larger than 1 MiB, which is the limit"),
        ] {
            let expected = format!("cannot read {flag} {file}: {why}");
            assert_eq!(start(&[others, &[flag, file]].concat()).await, error(&expected));
        }
    }
    for (file, kind) in [(pipe.as_str(), "pipe"), ("/dev/null", "device")] {
        let expected = format!("cannot write --write-ca {file}: it is a {kind}, not a regular file");
        assert_eq!(start(&["--self-signed", "--write-ca", file]).await, error(&expected));
    }
}
