//! Replicas on a node with a wrong clock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

/// A library that is loaded before the C library. It changes the time of day, but not the monotonic clock.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    const char *seconds = getenv("CLOCK_SKEW");
    if (clock == CLOCK_REALTIME && seconds) time->tv_sec += atol(seconds);
    return result;
}
"#;

/// A script that starts the webhook with a wrong clock.
pub(crate) struct Skewed {
    directory: TempDir,
}

impl Skewed {
    pub(crate) fn by_days(days: i64) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("skewed-").tempdir()?;
        let at = |name: &str| directory.path().join(name);
        fs::write(at("clock.c"), CLOCK)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(at("clock.so")).arg(at("clock.c")).arg("-ldl");
        let output = compiler.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let script = format!(
            "#!/bin/sh\nLD_PRELOAD='{}' CLOCK_SKEW={} exec '{}' \"$@\"\n",
            at("clock.so").display(),
            days * 24 * 3600,
            env!("CARGO_BIN_EXE_modelendpoint-webhook")
        );
        fs::write(at("webhook"), script)?;
        fs::set_permissions(at("webhook"), fs::Permissions::from_mode(0o755))?;
        Ok(Self { directory })
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.directory.path().join("webhook")
    }
}
