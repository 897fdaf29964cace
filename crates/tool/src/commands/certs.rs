//! `certs`: a CA and a certificate for development, in three files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::cli;
use modelendpoint_issuer::issue_once;

/// # Errors
/// If a file exists and must not be overwritten, or can't be written.
pub fn run(args: &cli::Certs) -> anyhow::Result<ExitCode> {
    let issued = issue_once(names(&args.service, &args.namespace), args.days)
        .context("cannot make the certificates")?;
    let files = [
        ("ca.crt", issued.ca, 0o644),
        ("tls.crt", issued.leaf.certificate, 0o644),
        ("tls.key", issued.leaf.key, 0o600),
    ];
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make --out {}", out.display()))?;
    if !args.force {
        for (name, ..) in &files {
            let file = out.join(name);
            if file.symlink_metadata().is_ok() {
                bail!("{} exists: give --force to overwrite it", file.display());
            }
        }
    }
    for (name, pem, mode) in &files {
        let file = out.join(name);
        write(&file, pem, *mode).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn names(service: &str, namespace: &str) -> Vec<String> {
    vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ]
}

/// Writes a new file and renames it. So others can never read a key, even if they could read the old file, and a
/// reader sees either the old or the new content.
fn write(file: &Path, pem: &str, mode: u32) -> io::Result<()> {
    let beside = file.with_added_extension("new");
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut new = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    new.write_all(pem.as_bytes())?;
    new.sync_all()?;
    fs::rename(beside, file)
}
