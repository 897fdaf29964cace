//! The server of benches/server that parses nothing, as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use control_plane::WebhookCertificates;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// It ends when this is dropped.
pub(crate) struct ConstantAnswer {
    pub address: SocketAddr,
    _process: Child,
}

/// Waits until it listens.
pub(crate) async fn start(
    program: &Path,
    certificates: &WebhookCertificates,
) -> anyhow::Result<ConstantAnswer> {
    let mut process = Command::new(program)
        .args([certificates.certificate(), certificates.key()])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| program.display().to_string())?;
    let stderr = process.stderr.take().context("stderr")?;
    let line = BufReader::new(stderr).lines().next_line().await?.context("it ended before it listened")?;
    let (_, address) = line.split_once("https listening on ").context(line.clone())?;
    Ok(ConstantAnswer { address: address.trim().parse()?, _process: process })
}
