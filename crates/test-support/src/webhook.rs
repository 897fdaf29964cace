//! The binary as a child process, with its log lines and its operators' port.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use crate::client::{self, Client, PATIENCE, Reply};

pub struct Webhook {
    pub https: SocketAddr,
    pub ops: SocketAddr,
    child: Child,
    log: watch::Receiver<Vec<String>>,
    log_is_read: watch::Sender<bool>,
    directory: TempDir,
}

/// The server that cargo built next to this test program.
pub fn binary() -> &'static str {
    static BINARY: LazyLock<String> = LazyLock::new(|| {
        let test = std::env::current_exe().expect("a test program");
        let built = test.ancestors().nth(2).expect("target/PROFILE/deps").join("modelendpoint-webhook");
        assert!(built.exists(), "{} is missing: cargo build", built.display());
        built.to_str().expect("a path in UTF-8").to_owned()
    });
    &BINARY
}

impl Webhook {
    /// Starts the server with a self-signed certificate, which [`Webhook::client`] trusts.
    pub async fn self_signed(flags: &[&str]) -> Self {
        Self::self_signed_with(flags, &[]).await
    }

    pub async fn self_signed_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::self_signed_by(Command::new(binary()), flags, variables).await
    }

    /// The same, after a shell has run this command, such as `ulimit`.
    pub async fn self_signed_after(said: &str, flags: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{said} && exec \"$0\" \"$@\""), binary()]);
        Self::self_signed_by(shell, flags, &[]).await
    }

    async fn self_signed_by(command: Command, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ca = directory.path().join("ca.crt");
        let ca = ca.to_str().expect("a path in UTF-8").to_owned();
        let own = ["--self-signed", "--write-ca", &ca];
        Self::start_in(directory, command, &[&own, flags].concat(), variables).await
    }

    pub async fn with_files(certificate: &Path, key: &Path, flags: &[&str]) -> Self {
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (certificate, key) = (text(certificate), text(key));
        let files = ["--tls-cert", &certificate, "--tls-key", &key];
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::start_in(directory, Command::new(binary()), &[&files, flags].concat(), &[]).await
    }

    async fn start_in(
        directory: TempDir,
        mut command: Command,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
            .args(flags)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let (sender, log) = watch::channel(Vec::new());
        let (log_is_read, mut is_read) = watch::channel(true);
        tokio::spawn(async move {
            while is_read.wait_for(|is_read| *is_read).await.is_ok()
                && let Ok(Some(line)) = lines.next_line().await
            {
                sender.send_modify(|log: &mut Vec<String>| log.push(line));
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut webhook = Self { https: nowhere, ops: nowhere, child, log, log_is_read, directory };
        webhook.https = address_in(&webhook.logged("https listening on ").await);
        webhook.ops = address_in(&webhook.logged("ops (http) listening on ").await);
        webhook
    }

    /// A client that trusts the CA of `--self-signed`.
    pub fn client(&self) -> Client {
        let ca = CertificateDer::from_pem_file(self.ca()).expect("the CA was written");
        Client::new(self.https, vec![ca])
    }

    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Waits for a log line that contains this text.
    pub async fn logged(&self, part: &str) -> String {
        let find = |log: &Vec<String>| log.iter().find(|line| line.contains(part)).cloned();
        let mut log = self.log.clone();
        let found = timeout(PATIENCE, log.wait_for(|log| find(log).is_some())).await;
        let found = found.ok().and_then(Result::ok).and_then(|log| find(&log));
        found.unwrap_or_else(|| panic!("no log line with {part:?} in {:#?}", self.log()))
    }

    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Whether somebody reads the log.
    pub fn log_is_read(&self, is_read: bool) {
        self.log_is_read.send_replace(is_read);
    }

    /// `GET` from the operators' port.
    pub async fn ops(&self, path: &str) -> Reply {
        client::get(self.ops, path).await
    }

    pub async fn is_ready(&self) {
        eventually(200, async || self.ops("/readyz").await.status).await;
    }

    /// The value of one series, written as `/metrics` does; gauges and counters are whole numbers.
    pub async fn metric(&self, series: &str) -> u64 {
        let value = self.written(series).await;
        value.parse().unwrap_or_else(|error| panic!("{series} {value}: {error}"))
    }

    /// The value of one series, as it is written.
    pub async fn written(&self, series: &str) -> String {
        let text = self.ops("/metrics").await.body;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no series {series} in {text}")).to_owned()
    }

    pub fn pid(&self) -> Pid {
        let pid = self.child.id().expect("the process runs");
        Pid::from_raw(i32::try_from(pid).expect("a process id")).expect("a process id")
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process runs");
    }

    pub async fn exit(&mut self) -> ExitStatus {
        let exit = timeout(PATIENCE, self.child.wait()).await;
        exit.expect("the process ends").expect("the process was started")
    }
}

fn address_in(line: &str) -> SocketAddr {
    let address =
        line.rsplit(' ').next().and_then(|address| address.trim_end_matches(['"', '}']).parse().ok());
    address.unwrap_or_else(|| panic!("no address at the end of {line:?}"))
}

/// Waits for a value, looking again and again.
pub async fn eventually<T: PartialEq + Debug>(expected: T, mut look: impl AsyncFnMut() -> T) {
    let mut seen = None;
    let looking = async {
        let mut ticks = interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let value = look().await;
            if value == expected {
                return;
            }
            seen = Some(value);
        }
    };
    let in_time = timeout(PATIENCE, looking).await.is_ok();
    assert!(in_time, "expected {expected:?}, last seen {seen:?}");
}
