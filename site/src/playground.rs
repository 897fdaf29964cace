//! The crate `playground` in, WebAssembly and its JavaScript out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::repository;

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler, of its packages rustc-web and rust-web-src: it can compile the standard library too.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Compiles the playground, and puts it into the site's folder.
///
/// # Errors
/// What is missing to compile it, or what the compiler said.
pub fn build(folder: &Path) -> Result<()> {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), PathBuf::from)
        .join("web");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--profile", "web", "--package", "playground", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target).current_dir(repository());
    if !target_libdir(Some(TARGET))?.exists() {
        ensure!(
            Command::new(DEBIAN_RUSTC).arg("--version").output().is_ok() && debian_source(),
            "there is no standard library for {TARGET}: run `rustup target add {TARGET}`, or install Debian's packages \
             rustc-web and rust-web-src"
        );
        // -Zbuild-std is for nightly compilers, unless one is told that it is no other
        cargo.args(["-Zbuild-std=std,panic_abort"]).env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
        // Debian's package has no linker for WebAssembly; rustup's has
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", target_libdir(None)?.join("../bin/rust-lld"));
    }
    ensure!(cargo.status().context("cargo does not start")?.success(), "the playground does not compile");
    Bindgen::new()
        .input_path(target.join(TARGET).join("web/playground.wasm"))
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .omit_default_module_path(false)
                .typescript(false)
                .remove_name_section(true)
                .generate(folder)
        })
        .map_err(|error| anyhow!("wasm-bindgen: {error:#}"))
}

/// Where the standard library for a target would be; for this machine without one.
fn target_libdir(target: Option<&str>) -> Result<PathBuf> {
    let target = target.into_iter().flat_map(|target| ["--target", target]);
    let output = Command::new("rustc").args(["--print", "target-libdir"]).args(target).output();
    Ok(String::from_utf8(output.context("rustc does not start")?.stdout)?.trim().into())
}

fn debian_source() -> bool {
    Path::new("/usr/lib/rustlib/src/rust/library/std").exists()
}
