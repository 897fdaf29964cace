//! The webhook's binary in, a webhook that listens out.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use kube::{Client, Config};

use crate::{
    eventually::{Seen, eventually},
    service_account::ServiceAccountFiles,
    supervised::{Supervised, command},
};

const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// Longer than any drain that a test uses.
const STOPS_WITHIN: Duration = Duration::from_mins(1);

/// A running `modelendpoint-webhook serve`. It ends when this is dropped, or when the process that owns it ends in
/// any way.
pub struct Webhook {
    process: Supervised,
    address: SocketAddr,
    ops_address: SocketAddr,
}

impl Webhook {
    /// Runs `<binary> serve` on free ports of loopback, with `arguments` after
    /// its own, and waits until it listens on both.
    pub async fn start<A: AsRef<OsStr>>(binary: &Path, arguments: &[A]) -> Result<Self> {
        Self::start_with::<&str, A>(&[], binary, arguments).await
    }

    /// The same, as in a pod: with the API server in its environment, and this service account.
    pub async fn start_as<A: AsRef<OsStr>>(
        binary: &Path,
        account: &ServiceAccountFiles,
        arguments: &[A],
    ) -> Result<Self> {
        Self::start_with(&account.environment(), binary, arguments).await
    }

    /// The same, with variables written as `NAME=value`.
    pub async fn start_with<V: AsRef<OsStr>, A: AsRef<OsStr>>(
        variables: &[V],
        binary: &Path,
        arguments: &[A],
    ) -> Result<Self> {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
        let command_line = variables.iter().map(AsRef::as_ref).chain([binary.as_os_str()]);
        let command_line = command_line.chain(serve.iter().map(AsRef::as_ref));
        let command_line = command_line.chain(arguments.iter().map(AsRef::as_ref));
        let directory = tempfile::Builder::new().prefix("webhook-").tempdir()?;
        let process = Supervised::start("the webhook", directory, command(Path::new("env"), command_line))?;
        let (address, ops_address) =
            eventually("listening on HTTPS and for operations", LISTENS_WITHIN, async || {
                let addresses = listening(&process.log());
                if let (Some(https), Some(ops)) = addresses {
                    return Ok(Seen::Done((https, ops)));
                }
                process.ensure_running()?;
                Ok(Seen::NotYet(process.end_of_log()))
            })
            .await?;
        Ok(Self { process, address, ops_address })
    }

    /// Where it answers admission reviews, over HTTPS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves health and metrics, over HTTP.
    #[must_use]
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// What it wrote so far, on standard output and standard error.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The file that [`Self::log`] reads, to follow it.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.process.log_file()
    }

    /// An error with the end of its log, if it has exited.
    pub fn ensure_running(&self) -> Result<()> {
        self.process.ensure_running()
    }

    /// The answer to `GET /metrics`.
    pub async fn metrics(&self) -> Result<String> {
        let ops = Config::new(format!("http://{}", self.ops_address).parse()?);
        let metrics = http::Request::get("/metrics").body(Vec::new())?;
        Client::try_from(ops)?.request_text(metrics).await.context("could not get /metrics from the webhook")
    }

    /// Suspends it, like a node that sleeps.
    pub fn freeze(&mut self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Resumes it.
    pub fn thaw(&mut self) -> Result<()> {
        self.process.signal("CONT")
    }

    /// Sends SIGTERM, as the kubelet does, and waits for its exit status. Its log can still be read.
    pub async fn stop(&mut self) -> Result<i32> {
        self.process.signal("TERM")?;
        self.process.exited(STOPS_WITHIN).await
    }
}

/// The addresses of the HTTPS port and the operators' port, from the log.
fn listening(log: &str) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let address_of = |listener: &str| {
        log.lines().filter(|line| line.contains("listening") && line.contains(listener)).find_map(address)
    };
    (address_of("https"), address_of("ops"))
}

fn address(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c))
        .find_map(|word| word.trim_end_matches('.').parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_lines_that_tell_them() {
        let log = "\
2026-01-02T03:04:05.123456Z  INFO serving 10.0.0.1:1
2026-01-02T03:04:05.123456Z  INFO listening for https address=127.0.0.1:40001
2026-01-02T03:04:05.123456Z  INFO listening for ops at [::1]:40002.
";
        assert_eq!(
            listening(log),
            (Some("127.0.0.1:40001".parse().unwrap()), Some("[::1]:40002".parse().unwrap()),)
        );
    }
}
