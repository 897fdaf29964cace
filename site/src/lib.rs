//! The parts of the site's generator; `main.rs` says what it is asked for.

pub mod book;
pub mod browser;
pub mod dashboard;
pub mod diagram;
pub mod links;
pub mod pages;
pub mod playground;
mod providers;

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}
