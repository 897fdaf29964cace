//! The policy file, as [`crate::reload`] follows it while the server runs.

use std::path::PathBuf;
use std::sync::Arc;

use tracing::info;

use super::{Active, hash};
use crate::reload::InFiles;
use modelendpoint_core::endpoint::policy::Enforcement;
use modelendpoint_files::Accept;
use modelendpoint_policy::{read, understand};

/// The file, and the policy that was read from it.
#[derive(Debug)]
pub(crate) struct PolicyFile<Tell> {
    pub path: PathBuf,
    pub active: Arc<Active>,
    /// From the flag `--enforcement`; the file can differ for some namespaces.
    pub enforcement: Enforcement,
    /// Called with the hash of each new policy.
    pub tell: Tell,
}

impl<Tell: Fn(&str)> InFiles for PolicyFile<Tell> {
    const NAME: &'static str = "policy";
    type Content = Vec<u8>;
    type Defect = anyhow::Error;

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        read(&self.path, Accept::Regular)
    }

    fn adopt(&self, content: &Vec<u8>) -> anyhow::Result<()> {
        let policy = understand(&self.path, content)?;
        self.active.swap(policy.enforced(self.enforcement));
        let hash = hash(content);
        info!(hash, "policy reloaded");
        (self.tell)(&hash);
        Ok(())
    }
}
