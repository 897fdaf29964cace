//! `bench-server [--rounds N] PROGRAM…`: measures servers side by side and prints a table. The first
//! is what the others are compared with: `constant-answer`.
//!
//! `bench-server growth [--rounds N] PROGRAM`: what a request costs as its work grows, as tables.
//!
//! `bench-server limits [--rounds N] PROGRAM…`: latencies under a container's CPU limit. Needs root.
//!
//! CPU time is that of the server's process: other work on the machine moves it much less than it
//! moves latencies.

mod client;
mod cpu_limit;
mod growth;
mod limits;
mod process;
mod side_by_side;
mod table;
mod work;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1).peekable();
    let mode = arguments.next_if(|argument| ["growth", "limits"].contains(&argument.as_str()));
    let rounds = match arguments.next_if(|argument| argument == "--rounds") {
        Some(_) => arguments.next().context("how many rounds?")?.parse()?,
        None => 5,
    };
    ensure!(rounds > 0, "at least one round");
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let folder = tempfile::tempdir()?;
    let pair = Pair::issue(folder.path())?;
    match mode.as_deref() {
        None => side_by_side::run(&paths, rounds, &pair).await,
        Some("limits") => limits::run(&paths, rounds, &pair).await,
        Some(_) => {
            ensure!(paths.len() == 1, "one program: the webhook's");
            growth::run(&paths[0], rounds, &pair).await
        }
    }
}

struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    trusted: CertificateDer<'static>,
}

impl Pair {
    /// ECDSA P-256, as cert-manager issues it.
    fn issue(folder: &Path) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let issued = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
        let pair = Self {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            trusted: issued.der().clone(),
        };
        fs::write(&pair.certificate, issued.pem())?;
        fs::write(&pair.key, key.serialize_pem())?;
        Ok(pair)
    }
}
