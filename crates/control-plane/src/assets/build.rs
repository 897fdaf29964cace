//! From a Go module in `kubernetes/` or `helm/` to a directory of programs, with `go build`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::release::major_and_minor;

/// What is built.
pub(super) struct Module {
    /// The name for people, such as `the control plane of Kubernetes v1.37.2`.
    pub(super) name: String,
    /// The directory of its `go.mod`.
    pub(super) directory: PathBuf,
    /// The oldest Go that can build it, such as `1.26.0`.
    pub(super) go_version: &'static str,
    pub(super) linker_flags: String,
    /// The names of the programs, and the packages that they are built from.
    pub(super) programs: &'static [(&'static str, &'static str)],
}

const BETWEEN_SIGNS_OF_LIFE: Duration = Duration::from_secs(15);

/// Builds a module in `unfinished`, and then renames that to `directory` in one step, so that a directory of this
/// name is always complete.
///
/// Only one process at a time may do this.
pub(super) fn build_into(module: &Module, directory: &Path, unfinished: &Path) -> Result<()> {
    say(&format!(
        "building {} into {}. This happens once and takes about 5 minutes on 2 cores",
        module.name,
        directory.display()
    ));
    if unfinished.exists() {
        fs::remove_dir_all(unfinished)?;
    }
    fs::create_dir(unfinished)?;
    let started = Instant::now();
    for (program, package) in module.programs {
        build(module, program, package, unfinished, started)?;
    }
    fs::remove_file(unfinished.join(GO_OUTPUT))?;
    fs::rename(unfinished, directory)
        .with_context(|| format!("could not put {} into place", directory.display()))?;
    say(&format!("{} is built, after {} s", module.name, started.elapsed().as_secs()));
    Ok(())
}

/// Writes directly to standard error, because `cargo test` captures the output of the print macros, and nobody should
/// think for five minutes that a test hangs.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "control-plane: {message}");
}

const GO_OUTPUT: &str = "go.output";

fn build(module: &Module, program: &str, package: &str, into: &Path, started: Instant) -> Result<()> {
    let output = into.join(GO_OUTPUT);
    let mut go = Command::new("go")
        .current_dir(&module.directory)
        // Without -trimpath, so that this build shares Go's cache with other builds of the same Kubernetes.
        .args(["build", "-mod=readonly", "-ldflags"])
        .arg(&module.linker_flags)
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
                "there is no `go` to build {} with: install Go {} or later (https://go.dev/doc/install), or \
                 set KUBEBUILDER_ASSETS to a directory that has kube-apiserver, etcd and kubectl",
                module.name,
                module.go_version
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

/// Without these, the programs of Kubernetes report the version v0.0.0-master.
pub(super) fn linker_flags_of_kubernetes(version: &str) -> Result<String> {
    let (major, minor) = major_and_minor(version)
        .with_context(|| format!("go.mod requires Kubernetes {version}, which is not a release"))?;
    let variables =
        [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor), ("gitTreeState", "clean")];
    let settings = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
        .iter()
        .flat_map(|package| variables.map(|(variable, value)| format!("-X {package}.{variable}={value}")));
    Ok(["-s".to_owned(), "-w".to_owned()].into_iter().chain(settings).collect::<Vec<_>>().join(" "))
}
