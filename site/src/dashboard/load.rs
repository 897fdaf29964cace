//! Two servers, and reviews for them as an API server sends them, with an outage of one in the middle.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::repository;

/// The server as two replicas.
pub(super) struct Servers {
    program: PathBuf,
    replicas: [Option<Replica>; 2],
    /// The addresses, which outlive a replica.
    addresses: [Addresses; 2],
    logs: TempDir,
}

#[derive(Clone)]
struct Addresses {
    https: String,
    ops: String,
}

struct Replica(Child);

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Servers {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let logs = tempfile::tempdir()?;
        let anywhere = Addresses { https: "127.0.0.1:0".into(), ops: "127.0.0.1:0".into() };
        let (one, first) = replica(program, &anywhere, &logs.path().join("a"))?;
        let (other, second) = replica(program, &anywhere, &logs.path().join("b"))?;
        let replicas = [Some(one), Some(other)];
        Ok(Servers { program: program.to_owned(), replicas, addresses: [first, second], logs })
    }

    /// What Prometheus is to scrape: the name of each pod, and its address.
    pub(super) fn scraped(&self) -> [(&'static str, &str); 2] {
        [("webhook-a", &self.addresses[0].ops), ("webhook-b", &self.addresses[1].ops)]
    }

    fn stop_second(&mut self) {
        self.replicas[1] = None;
    }

    fn restart_second(&mut self) -> Result<()> {
        let log = self.logs.path().join("again");
        self.replicas[1] = Some(replica(&self.program, &self.addresses[1], &log)?.0);
        Ok(())
    }
}

fn replica(program: &Path, at: &Addresses, log: &Path) -> Result<(Replica, Addresses)> {
    let output = File::create(log)?;
    let child = Command::new(program)
        .args(["serve", "--self-signed", "--listen", &at.https, "--ops-listen", &at.ops])
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("{} does not start: cargo build", program.display()))?;
    let replica = Replica(child);
    let began = Instant::now();
    loop {
        let mut text = String::new();
        File::open(log)?.read_to_string(&mut text)?;
        let address = |name: &str| {
            let line = text.lines().find(|line| line.contains(&format!("{name} listening on")))?;
            line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).map(ToOwned::to_owned)
        };
        if let (Some(https), Some(ops)) = (address("https"), address("ops (http)")) {
            return Ok((replica, Addresses { https, ops }));
        }
        ensure!(began.elapsed() < Duration::from_secs(10), "the server does not start:\n{text}");
        sleep(Duration::from_millis(50));
    }
}

/// Recorded reviews, and where each belongs.
const REVIEWS: [(&str, &str); 7] = [
    ("mutate", "mutate-create-kubectl.json"),
    ("validate", "validate-create-kubectl.json"),
    ("mutate", "create-without-slash.json"),
    ("validate", "validate-create-crossplane.json"),
    ("validate", "validate-deny-port.json"),
    ("validate", "validate-deny-path.json"),
    ("validate", "create-malformed.json"),
];

/// Sends reviews for so long, more and fewer of them by turns; the second server is away for an eighth of it.
pub(super) fn send_reviews(servers: &mut Servers, duration: Duration) -> Result<()> {
    let began = Instant::now();
    let mut round = 0_usize;
    while began.elapsed() < duration {
        let progress = began.elapsed().as_secs_f64() / duration.as_secs_f64();
        let is_away = (0.5..0.625).contains(&progress);
        match (&servers.replicas[1], is_away) {
            (Some(_), true) => servers.stop_second(),
            (None, false) => servers.restart_second()?,
            _ => {}
        }
        let wave = (progress * 3.0 * std::f64::consts::TAU).sin();
        let reviews = if wave > 0.3 { REVIEWS.len() } else { 4 };
        for (hook, file) in &REVIEWS[..reviews] {
            let at = if is_away { 0 } else { round % 2 };
            send(&servers.addresses[at].https, hook, file)?;
        }
        round += 1;
        sleep(Duration::from_millis(300));
    }
    Ok(())
}

fn send(address: &str, hook: &str, file: &str) -> Result<()> {
    let status = Command::new("curl")
        .args([
            "--silent",
            "--insecure",
            "--max-time",
            "5",
            "--output",
            "/dev/null",
            "-H",
            "Content-Type: application/json",
        ])
        .arg("--data-binary")
        .arg(format!("@{}", repository().join("examples").join(file).display()))
        .arg(format!("https://{address}/{hook}?timeout=10s"))
        .stdout(Stdio::null())
        .status()
        .context("curl is missing")?;
    if !status.success() {
        bail!("{address} does not answer");
    }
    Ok(())
}
