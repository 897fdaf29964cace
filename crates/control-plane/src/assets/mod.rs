//! Where kube-apiserver, etcd and kubectl come from: `KUBEBUILDER_ASSETS` if it is set, or else the cache, or else a
//! build that fills the cache. Helm comes from the cache or a build.

mod build;
mod helm;

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use self::build::Module;
pub(crate) use self::helm::obtain as obtain_helm;
use crate::release::Release;

/// The programs of a control plane, and the packages that they are built from.
const PROGRAMS: [(&str, &str); 3] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
];

/// A directory with all of [`PROGRAMS`].
pub(crate) struct Assets {
    directory: PathBuf,
}

impl Assets {
    /// If they have to be built, this blocks for minutes, and says so.
    pub(crate) fn obtain() -> Result<Self> {
        match env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
            Some(directory) => Self::given(PathBuf::from(directory)),
            None => Self::cached_or_built(&cache()?, Release::selected()?),
        }
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.directory.join("etcd")
    }

    pub(crate) fn kube_apiserver(&self) -> PathBuf {
        self.directory.join("kube-apiserver")
    }

    pub(crate) fn kubectl(&self) -> PathBuf {
        self.directory.join("kubectl")
    }

    fn given(directory: PathBuf) -> Result<Self> {
        for (program, _) in PROGRAMS {
            if !directory.join(program).is_file() {
                bail!(
                    "KUBEBUILDER_ASSETS is {}, but there is no {program} in it: put one there, \
                     or unset the variable to have a control plane built",
                    directory.display()
                );
            }
        }
        Ok(Self { directory })
    }

    fn cached_or_built(cache: &Path, release: &Release) -> Result<Self> {
        let key = key(release.version(), release.go_mod);
        let directory = cached_or_built(cache, &key, || {
            Ok(Module {
                name: format!("the control plane of Kubernetes {}", release.version()),
                directory: release.directory(),
                go_version: release.go_version(),
                linker_flags: build::linker_flags_of_kubernetes(release.version())?,
                programs: &PROGRAMS,
            })
        })?;
        Ok(Self { directory })
    }
}

/// The directory of this name in the cache. It is built if it does not exist.
fn cached_or_built(cache: &Path, key: &str, module: impl FnOnce() -> Result<Module>) -> Result<PathBuf> {
    let directory = cache.join(key);
    if !directory.exists() {
        fs::create_dir_all(cache)
            .with_context(|| format!("could not create the cache {}", cache.display()))?;
        let _lock = lock(&cache.join(format!("{key}.lock")))?;
        // Another process may have built it while we waited for the lock.
        if !directory.exists() {
            build::build_into(&module()?, &directory, &cache.join(format!("{key}.unfinished")))?;
        }
    }
    Ok(directory)
}

fn cache() -> Result<PathBuf> {
    let home = |variable, below: &str| {
        env::var_os(variable)
            .filter(|value: &OsString| !value.is_empty())
            .map(|value| PathBuf::from(value).join(below))
    };
    home("XDG_CACHE_HOME", "")
        .or_else(|| home("HOME", ".cache"))
        .map(|cache| cache.join("modelendpoint-webhook/control-plane"))
        .context(
            "no place for a cache of kube-apiserver, etcd and kubectl: \
             set HOME, XDG_CACHE_HOME or KUBEBUILDER_ASSETS",
        )
}

/// A hash of everything that determines the programs.
fn key(version: &str, go_mod: &str) -> String {
    let digest = Sha256::digest(go_mod);
    let digest = digest[..6].iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    format!("{version}-{os}-{arch}-{digest}")
}

/// The lock is held until this is dropped, or the process ends.
fn lock(file: &Path) -> Result<File> {
    let attempt = || {
        let lock = File::create(file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                build::say("waiting for another process that builds the same");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(lock)
    };
    attempt().with_context(|| format!("could not lock {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_missing_from_the_given_directory_is_named() {
        let directory = tempfile::TempDir::new().unwrap();
        fs::write(directory.path().join("etcd"), "").unwrap();
        let error = Assets::given(directory.path().to_owned()).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "KUBEBUILDER_ASSETS is {}, but there is no kube-apiserver in it: put one there, \
                 or unset the variable to have a control plane built",
                directory.path().display()
            )
        );
    }

    #[test]
    fn what_is_cached_is_taken_as_it_is() {
        let cache = tempfile::TempDir::new().unwrap();
        let newest = Release::newest();
        let directory = cache.path().join(key(newest.version(), newest.go_mod));
        fs::create_dir(&directory).unwrap();
        let assets = Assets::cached_or_built(cache.path(), Release::newest()).unwrap();
        assert_eq!(assets.etcd(), directory.join("etcd"));
    }
}
