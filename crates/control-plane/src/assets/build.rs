//! From a module in `kubernetes/` to a directory of programs, with `go build`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::PROGRAMS;
use crate::release::{Release, major_and_minor};

const BETWEEN_SIGNS_OF_LIFE: Duration = Duration::from_secs(15);

/// Builds a release in `unfinished`, then makes that `directory` in one step:
/// a directory of that name is complete, whoever looks and whenever.
///
/// Only one process at a time may do this.
pub(super) fn build_into(release: &Release, directory: &Path, unfinished: &Path) -> Result<()> {
    say(&format!(
        "building the control plane of Kubernetes {} into {}. \
         This happens once and takes about 5 minutes on 2 cores",
        release.version(),
        directory.display()
    ));
    if unfinished.exists() {
        fs::remove_dir_all(unfinished)?;
    }
    fs::create_dir(unfinished)?;
    let started = Instant::now();
    for (program, package) in PROGRAMS {
        build(release, program, package, unfinished, started)?;
    }
    fs::remove_file(unfinished.join(GO_OUTPUT))?;
    fs::rename(unfinished, directory)
        .with_context(|| format!("could not put {} into place", directory.display()))?;
    say(&format!("the control plane is built, after {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Straight to standard error: `cargo test` swallows what the print macros
/// write, and nobody should think for five minutes that a test hangs.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "control-plane: {message}");
}

const GO_OUTPUT: &str = "go.output";

fn build(release: &Release, program: &str, package: &str, into: &Path, started: Instant) -> Result<()> {
    let output = into.join(GO_OUTPUT);
    let mut go = Command::new("go")
        .current_dir(release.directory())
        // Without -trimpath: Go's cache then serves every other build of the same Kubernetes, and the other
        // way round.
        .args(["build", "-mod=readonly", "-ldflags"])
        .arg(linker_flags(release.version())?)
        .arg("-o")
        .arg(into.join(program))
        .arg(package)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(File::create(&output)?)
        .stderr(File::options().append(true).open(&output)?)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow::anyhow!(
                "there is no `go` to build kube-apiserver and etcd with: install Go {} or later \
                 (https://go.dev/doc/install), or set KUBEBUILDER_ASSETS to a directory that has \
                 kube-apiserver, etcd and kubectl",
                release.go_version()
            ),
            _ => anyhow::Error::new(error).context("could not run `go`"),
        })?;
    let mut next_sign = started.elapsed();
    let status = loop {
        if let Some(status) = go.try_wait()? {
            break status;
        }
        if started.elapsed() >= next_sign {
            say(&format!("building {program} ({} s so far)", started.elapsed().as_secs()));
            next_sign += BETWEEN_SIGNS_OF_LIFE;
        }
        thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        bail!("`go build {package}` failed with {status}:\n{}", fs::read_to_string(&output)?);
    }
    Ok(())
}

/// Without these the programs call themselves v0.0.0-master.
fn linker_flags(version: &str) -> Result<String> {
    let (major, minor) = major_and_minor(version)
        .with_context(|| format!("go.mod requires Kubernetes {version}, which is no release"))?;
    let variables =
        [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor), ("gitTreeState", "clean")];
    let settings = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
        .iter()
        .flat_map(|package| variables.map(|(variable, value)| format!("-X {package}.{variable}={value}")));
    Ok(["-s".to_owned(), "-w".to_owned()].into_iter().chain(settings).collect::<Vec<_>>().join(" "))
}
