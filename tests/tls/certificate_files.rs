//! Certificates from files, which are replaced, truncated or removed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{CWD, FileType, mknodat};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::time::sleep;

use test_support::client::{Client, FINE, Reply, allowed, create};
use test_support::pairs::{Authority, Pair};
use test_support::webhook::{Webhook, eventually};

const REFUSED: &str = r#"modelendpoint_webhook_certificate_reloads_total{result="failure"}"#;
const SWAPPED: &str = r#"modelendpoint_webhook_certificate_reloads_total{result="success"}"#;

struct Running {
    webhook: Webhook,
    client: Client,
    directory: TempDir,
}

async fn serving(authority: &Authority, pair: &Pair) -> Running {
    let directory = tempfile::tempdir().expect("a temporary directory");
    pair.write_to(directory.path());
    serving_from(authority, directory).await
}

async fn serving_from(authority: &Authority, directory: TempDir) -> Running {
    let file = |name| directory.path().join(name);
    let webhook = Webhook::with_files(&file("tls.crt"), &file("tls.key"), &[]).await;
    let client = Client::new(webhook.https, vec![authority.certificate()]);
    Running { webhook, client, directory }
}

impl Running {
    async fn serves(&self, pair: &Pair) {
        eventually(Some(pair.leaf()), async || self.client.leaf().await.ok()).await;
    }

    async fn refused_and_still_serves(&self, pair: &Pair, why: &str) {
        self.webhook.logged(why).await;
        self.serves(pair).await;
        assert_eq!(self.webhook.ops("/readyz").await, Reply::text(200, "ok"), "{why}");
    }
}

/// As the kubelet's atomic writer does it: the files are links through `..data`, which is a link to a directory with
/// a new name for each version.
struct SecretVolume {
    directory: TempDir,
    version: u32,
}

impl SecretVolume {
    fn new(pair: &Pair) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut volume = Self { directory, version: 0 };
        volume.swap(pair);
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), volume.directory.path().join(name)).expect("a link");
        }
        volume
    }

    fn swap(&mut self, pair: &Pair) {
        let root = self.directory.path();
        let name = |version| format!("..2026_11_23_{version}");
        let old = root.join(name(self.version));
        self.version += 1;
        let new = root.join(name(self.version));
        fs::create_dir(&new).expect("a directory");
        pair.write_to(&new);
        symlink(name(self.version), root.join("..data_tmp")).expect("a link");
        fs::rename(root.join("..data_tmp"), root.join("..data")).expect("a swap");
        // There is no version before the first one.
        let _ = fs::remove_dir_all(old);
    }
}

#[tokio::test]
async fn a_rotation_by_kubelet_is_served_and_cuts_nobody() {
    let authority = Authority::new();
    let (first, second, third) = (authority.pair(), authority.pair(), authority.pair());
    let mut volume = SecretVolume::new(&first);
    let file = |name| volume.directory.path().join(name);
    let webhook = Webhook::with_files(&file("tls.crt"), &file("tls.key"), &[]).await;
    let client = Client::new(webhook.https, vec![authority.certificate()]);
    webhook.is_ready().await;

    let done = Arc::new(AtomicBool::new(false));
    let load = {
        let (client, done) = (client.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut kept = client.connect().await;
            let mut answered = 0;
            while !done.load(Relaxed) {
                assert_eq!(kept.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
                assert_eq!(client.post("/mutate", &create("u-2", FINE)).await.review(), allowed("u-2"));
                answered += 2;
            }
            answered
        })
    };
    for (swaps, pair) in [(1, &second), (2, &third)] {
        volume.swap(pair);
        eventually(Some(pair.leaf()), async || client.leaf().await.ok()).await;
        eventually(swaps, async || webhook.metric(SWAPPED).await).await;
        assert_eq!(webhook.ops("/readyz").await, Reply::text(200, "ok"));
    }
    done.store(true, Relaxed);
    let answered = load.await.expect("every request was answered");
    assert!(answered > 0, "there was load");
    assert_eq!(webhook.metric(REFUSED).await, 0);
}

#[tokio::test]
async fn files_written_in_place_are_served() {
    let authority = Authority::new();
    let (first, second) = (authority.pair(), authority.pair());
    let running = serving(&authority, &first).await;
    running.serves(&first).await;
    second.write_to(running.directory.path());
    running.serves(&second).await;
    let expires =
        running.webhook.metric("modelendpoint_webhook_certificate_expiration_timestamp_seconds").await;
    let expected = (OffsetDateTime::now_utc() + Duration::days(364)).unix_timestamp().unsigned_abs();
    assert!(expires.abs_diff(expected) < 60, "{expires} is not in 364 days");
}

#[tokio::test]
async fn a_bad_pair_never_replaces_a_good_one() {
    let authority = Authority::new();
    let (good, other) = (authority.pair(), authority.pair());
    let running = serving(&authority, &good).await;
    running.webhook.is_ready().await;
    let certificate = running.directory.path().join("tls.crt");
    let key = running.directory.path().join("tls.key");

    fs::write(&key, &other.key).expect("a file");
    running.refused_and_still_serves(&good, "does not match the certificate").await;
    fs::write(&key, &good.key[..60]).expect("a file");
    running.refused_and_still_serves(&good, "the private key can't be read").await;
    fs::write(&certificate, "").expect("a file");
    running.refused_and_still_serves(&good, r#"contains no PEM block \"CERTIFICATE\""#).await;
    fs::write(&certificate, &good.certificate[..200]).expect("a file");
    running.refused_and_still_serves(&good, "the certificate can't be read").await;
    fs::remove_file(&certificate).expect("a file");
    running.refused_and_still_serves(&good, "No such file or directory").await;
    mknodat(CWD, &certificate, FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    running.refused_and_still_serves(&good, "it is a pipe, not a regular file").await;
    fs::remove_file(&certificate).expect("a file");
    fs::write(&certificate, vec![b'\n'; (1 << 20) + 1]).expect("a file");
    running.refused_and_still_serves(&good, "it is larger than 1 MiB, which is the limit").await;
    authority.pair_valid(Duration::days(-2), Duration::days(-1)).write_to(running.directory.path());
    running.refused_and_still_serves(&good, "the certificate expired at").await;
    authority.pair_valid(Duration::days(1), Duration::days(2)).write_to(running.directory.path());
    running.refused_and_still_serves(&good, "the certificate is not valid before").await;
    assert_eq!(running.webhook.metric(REFUSED).await, 9);

    other.write_to(running.directory.path());
    running.serves(&other).await;
    assert_eq!(running.webhook.metric(SWAPPED).await, 1);
}

#[tokio::test]
async fn a_leaf_that_is_not_valid_yet_is_tried_again_until_it_is() {
    let authority = Authority::new();
    let first = authority.pair();
    let running = serving(&authority, &first).await;
    running.webhook.is_ready().await;
    let later = authority.pair_valid(Duration::seconds(8), Duration::days(1));
    later.write_to(running.directory.path());
    running.webhook.logged("the certificate is not valid before").await;
    running.serves(&later).await;
    assert_eq!((running.webhook.metric(REFUSED).await, running.webhook.metric(SWAPPED).await), (1, 1));
}

#[tokio::test]
async fn a_renewal_is_overdue_30_days_before_the_end_or_when_a_third_of_the_life_is_left() {
    let authority = Authority::new();
    let overdue = [(Duration::days(-335), Duration::days(29)), (Duration::hours(-17), Duration::hours(7))];
    let in_time = [(Duration::days(-333), Duration::days(31)), (Duration::hours(-15), Duration::hours(9))];
    let warning = "the certificate should have been renewed by now";
    for (from, until) in overdue {
        serving(&authority, &authority.pair_valid(from, until)).await.webhook.logged(warning).await;
    }
    for (from, until) in in_time {
        let running = serving(&authority, &authority.pair_valid(from, until)).await;
        // The server checks whether a renewal is overdue before it reads the files again, so a warning would be in
        // the log by then.
        authority.pair_valid(from, until).write_to(running.directory.path());
        running.webhook.logged("certificate reloaded").await;
        assert_eq!(running.webhook.log().iter().find(|line| line.contains(warning)), None);
    }
}

#[tokio::test]
async fn an_expired_certificate_at_the_start_is_unready_until_it_is_renewed() {
    let authority = Authority::new();
    let expired = authority.pair_valid(Duration::days(-2), Duration::days(-1));
    let running = serving(&authority, &expired).await;
    let reply = running.webhook.ops("/readyz").await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.starts_with("not ready: the certificate expired at "), "{}", reply.body);
    authority.pair().write_to(running.directory.path());
    running.webhook.is_ready().await;
}

#[tokio::test]
async fn it_becomes_unready_when_the_certificate_expires() {
    let authority = Authority::new();
    let running = serving(&authority, &authority.pair()).await;
    running.webhook.is_ready().await;
    // The server is already running, so that its start does not use up the certificate's lifetime.
    authority.pair_valid(Duration::days(-1), Duration::seconds(8)).write_to(running.directory.path());
    running.webhook.logged("certificate reloaded").await;
    running.webhook.logged("should have been renewed by now").await;
    eventually(503, async || running.webhook.ops("/readyz").await.status).await;
    assert_eq!(running.webhook.ops("/livez").await, Reply::text(200, "ok"));
}

#[tokio::test]
async fn a_leaf_with_its_intermediate_is_served_as_a_chain() {
    let authority = Authority::new();
    let pair = authority.pair();
    let chain = format!("{}{}", pair.certificate, authority.pem());
    let directory = tempfile::tempdir().expect("a temporary directory");
    Pair { certificate: chain, key: pair.key }.write_to(directory.path());
    let running = serving_from(&authority, directory).await;
    running.webhook.is_ready().await;
}

/// Nothing reports that the handshake took place, so wait a second. It takes milliseconds.
#[tokio::test]
async fn the_servers_handshake_with_itself_takes_nobodys_place() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    authority.pair().write_to(directory.path());
    let file = |name| directory.path().join(name);
    let webhook = Webhook::with_files(&file("tls.crt"), &file("tls.key"), &["--max-connections", "1"]).await;
    webhook.is_ready().await;
    let mut kept = Client::new(webhook.https, vec![authority.certificate()]).connect().await;
    assert_eq!(kept.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));

    authority.pair().write_to(directory.path());
    webhook.logged("certificate reloaded").await;
    sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(webhook.ops("/readyz").await, Reply::text(200, "ok"));
    assert_eq!(kept.post("/validate", &create("u-2", FINE)).await.review(), allowed("u-2"));
}
