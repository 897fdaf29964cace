//! Helm, built from its Go module: `helm/3` and `helm/4`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::build::Module;
use super::{cache, cached_or_built, key};
use crate::helm::Helm;

const GO_MOD_3: &str = include_str!("../../helm/3/go.mod");
const GO_MOD_4: &str = include_str!("../../helm/4/go.mod");

/// If Helm has to be built, this blocks for minutes, and says so.
pub(crate) fn obtain(helm: Helm) -> Result<PathBuf> {
    let (major, go_mod, programs): (_, _, &[_]) = match helm {
        Helm::V3 => ("3", GO_MOD_3, &[("helm", "helm.sh/helm/v3/cmd/helm")]),
        Helm::V4 => ("4", GO_MOD_4, &[("helm", "helm.sh/helm/v4/cmd/helm")]),
    };
    let go_version =
        go_mod.lines().find_map(|line| line.strip_prefix("go ")).context("go.mod names no Go")?;
    let directory = cached_or_built(&cache()?, &key(&format!("helm-v{major}"), go_mod), || {
        Ok(Module {
            name: format!("Helm {major}"),
            directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("helm").join(major),
            go_version,
            linker_flags: "-s -w".to_owned(),
            programs,
        })
    })?;
    Ok(directory.join("helm"))
}
