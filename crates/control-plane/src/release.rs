//! A minor version of Kubernetes in, the release that the tests use for it out. Only the modules in `kubernetes/`
//! name the versions.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Selects one of [`SUPPORTED`], such as `1.34`. The newest is the default.
const VARIABLE: &str = "KUBERNETES_MINOR";

/// One release of each minor version that the webhook supports, oldest first.
const SUPPORTED: [Release; 4] = [
    Release { minor: "1.34", go_mod: include_str!("../kubernetes/1.34/go.mod") },
    Release { minor: "1.35", go_mod: include_str!("../kubernetes/1.35/go.mod") },
    Release { minor: "1.36", go_mod: include_str!("../kubernetes/1.36/go.mod") },
    Release { minor: "1.37", go_mod: include_str!("../kubernetes/1.37/go.mod") },
];

/// A release of Kubernetes, defined by the Go module that it is built from.
#[derive(Debug)]
pub(crate) struct Release {
    minor: &'static str,
    pub(crate) go_mod: &'static str,
}

impl Release {
    /// The one that `KUBERNETES_MINOR` selects, or the newest.
    pub(crate) fn selected() -> Result<&'static Self> {
        match selected_minor()? {
            Some(minor) => Self::of(&minor),
            None => Ok(Self::newest()),
        }
    }

    pub(crate) fn newest() -> &'static Self {
        &SUPPORTED[SUPPORTED.len() - 1]
    }

    fn of(minor: &str) -> Result<&'static Self> {
        let Some(release) = SUPPORTED.iter().find(|release| release.minor == minor) else {
            let supported = SUPPORTED.map(|release| release.minor).join(", ");
            bail!("{VARIABLE} is `{minor}`, and there is a module for each of {supported} only");
        };
        Ok(release)
    }

    /// The version of Kubernetes, such as `v1.37.2`.
    pub(crate) fn version(&self) -> &'static str {
        required(self.go_mod, "k8s.io/kubernetes").expect("go.mod requires k8s.io/kubernetes")
    }

    /// The oldest Go that can build it, such as `1.26.0`.
    pub(crate) fn go_version(&self) -> &'static str {
        self.go_mod.lines().find_map(|line| line.strip_prefix("go ")).expect("go.mod names a version of Go")
    }

    /// The directory of the module.
    pub(crate) fn directory(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes").join(self.minor)
    }
}

/// Fails if `KUBERNETES_MINOR` selects another minor version than `version`, the running one, which may come from
/// `KUBEBUILDER_ASSETS`.
pub(crate) fn ensure_selected(version: &str) -> Result<()> {
    match selected_minor()? {
        Some(minor) if !version.starts_with(&format!("v{minor}.")) => {
            bail!("{VARIABLE} is `{minor}`, but the control plane in KUBEBUILDER_ASSETS is {version}")
        }
        _ => Ok(()),
    }
}

fn selected_minor() -> Result<Option<String>> {
    let Some(minor) = env::var_os(VARIABLE).filter(|minor| !minor.is_empty()) else { return Ok(None) };
    let minor = minor.into_string().ok().with_context(|| format!("{VARIABLE} is not UTF-8"))?;
    Ok(Some(minor))
}

/// `v1.37.2` as `("1", "37")`.
pub(crate) fn major_and_minor(version: &str) -> Option<(&str, &str)> {
    let mut parts = version.strip_prefix('v')?.splitn(3, '.');
    Some((parts.next()?, parts.next()?))
}

fn required<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let line = line.trim();
        let requirement = line.strip_prefix("require ").unwrap_or(line);
        let mut words = requirement.split_whitespace();
        (words.next()? == module).then(|| words.next())?.filter(|word| word.starts_with('v'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_found_in_a_block_and_on_a_line_of_its_own() {
        let block = "require (\n\texample.org/a v1.2.3 // indirect\n\texample.org/a/b v2.0.0\n)\n";
        assert_eq!(required(block, "example.org/a"), Some("v1.2.3"));
        assert_eq!(required("require example.org/a v1.2.3\n", "example.org/a"), Some("v1.2.3"));
    }

    #[test]
    fn a_replacement_is_no_requirement() {
        let replace = "replace (\n\texample.org/a => example.org/a v1.2.3\n)\n";
        assert_eq!(required(replace, "example.org/a"), None);
    }

    #[test]
    fn each_go_mod_names_a_release_of_its_minor_version_and_of_go() {
        for release in &SUPPORTED {
            let (major, minor) = major_and_minor(release.version()).expect("vMAJOR.MINOR.PATCH");
            assert_eq!(format!("{major}.{minor}"), release.minor);
            assert!(release.go_version().starts_with("1."), "{release:?}");
        }
    }

    #[test]
    fn every_module_in_the_directory_is_supported() {
        let modules = Release::newest().directory().parent().unwrap().read_dir().unwrap();
        let mut modules: Vec<_> = modules
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        modules.sort();
        assert_eq!(modules, SUPPORTED.map(|release| release.minor));
    }

    #[test]
    fn a_minor_version_without_a_module_is_refused_with_those_that_have_one() {
        assert_eq!(Release::of("1.35").unwrap().minor, "1.35");
        assert_eq!(
            Release::of("1.3").unwrap_err().to_string(),
            "KUBERNETES_MINOR is `1.3`, and there is a module for each of 1.34, 1.35, 1.36, 1.37 only"
        );
    }
}
