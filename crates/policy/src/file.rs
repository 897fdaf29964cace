//! A path in, the policy in its file out.

use std::path::Path;

use anyhow::anyhow;

use crate::{Mistake, parse};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::quote::Seen;
use modelendpoint_files::{Accept, read_for_flag, shown};

/// A policy that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub content: Vec<u8>,
    pub policy: Policy,
}

/// Reads the policy in a file.
///
/// # Errors
/// All mistakes in it, for its author.
pub fn load(path: &Path, accept: Accept) -> anyhow::Result<Loaded> {
    let content = read(path, accept)?;
    let policy = understand(path, &content)?;
    Ok(Loaded { content, policy })
}

/// # Errors
/// When the file can't be read.
pub fn read(path: &Path, accept: Accept) -> anyhow::Result<Vec<u8>> {
    read_for_flag("--policy", path, accept, "; give a file that exists").map_err(|why| anyhow!(why))
}

/// # Errors
/// All mistakes, one per line.
pub fn understand(path: &Path, content: &[u8]) -> anyhow::Result<Policy> {
    let text = str::from_utf8(content)
        .map_err(|_| anyhow!("--policy {} is not UTF-8; save it as UTF-8", shown(path)))?;
    parse(text).map_err(|mistakes| {
        let path = shown(path);
        let lines = mistakes
            .iter()
            .map(|Mistake { line, column, why }| format!("{path}:{line}:{column}: {}", Seen(why)));
        anyhow!("the policy can't be used:\n{}", lines.collect::<Vec<_>>().join("\n"))
    })
}
