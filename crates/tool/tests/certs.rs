//! `certs` writes certificates that an API server accepts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::process::Command;

use test_support::client::{Client, FINE, allowed, create};
use test_support::webhook::Webhook;

async fn certs(out: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
        .arg("certs")
        .arg("--out")
        .arg(out)
        .args(flags)
        .output()
        .await
        .expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn written(out: &Path) -> (Option<i32>, String, String) {
    let out = out.display();
    (Some(0), format!("{out}/ca.crt\n{out}/tls.crt\n{out}/tls.key\n"), String::new())
}

#[tokio::test]
async fn the_pair_serves_every_name_of_the_service() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let out = directory.path().join("new");
    assert_eq!(certs(&out, &["--service", "hook", "--namespace", "models"]).await, written(&out));
    let webhook = Webhook::with_files(&out.join("tls.crt"), &out.join("tls.key"), &[]).await;
    webhook.is_ready().await;
    let ca = CertificateDer::from_pem_file(out.join("ca.crt")).expect("a CA");
    let client = Client::new(webhook.https, vec![ca]);
    for name in ["hook.models.svc", "hook.models.svc.cluster.local", "localhost", "127.0.0.1", "::1"] {
        let reply = client.clone().named(name).post("/validate", &create("u-1", FINE)).await;
        assert_eq!(reply.review(), allowed("u-1"), "{name}");
    }
    assert!(client.named("hook.other.svc").stream().await.is_err(), "another namespace is another name");
}

#[tokio::test]
async fn nothing_is_overwritten_unless_forced_and_the_key_is_for_its_owner_only() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let out = directory.path();
    let key = out.join("tls.key");
    fs::write(&key, "precious").expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let refused = format!("error: {} exists: give --force to overwrite it\n", key.display());
    assert_eq!(certs(out, &[]).await, (Some(2), String::new(), refused));
    assert_eq!(fs::read_to_string(&key).expect("a file"), "precious");
    assert!(!out.join("ca.crt").exists(), "all or nothing");

    assert_eq!(certs(out, &["--force"]).await, written(out));
    let mode = |name| out.join(name).metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("tls.key"), mode("tls.crt"), mode("ca.crt")), (0o600, 0o644, 0o644));
    let left: Vec<_> = fs::read_dir(out).expect("a directory").collect();
    assert_eq!(left.len(), 3, "nothing else is left behind: {left:?}");
}
