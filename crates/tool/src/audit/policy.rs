//! A policy file that may change in, the policy that holds out.
//!
//! Like the server, it reads the file every second: kubelet replaces a link above it, so that no file is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::interval;
use tracing::{error, info};

use super::figures::Figures;
use modelendpoint_core::endpoint::Policy;
use modelendpoint_files::Accept;
use modelendpoint_policy::{Loaded, load, read, understand};

const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct PolicyFile {
    path: Option<PathBuf>,
    content: Vec<u8>,
    pub(super) policy: Policy,
}

impl PolicyFile {
    /// # Errors
    /// Every mistake in it, or why it can't be read.
    pub(super) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(PolicyFile { path: None, content: Vec::new(), policy: Policy::NONE });
        };
        let Loaded { content, policy } = load(path, Accept::Regular)?;
        Ok(PolicyFile { path: Some(path.to_owned()), content, policy })
    }

    /// Waits until the file holds another policy. One that can't be used is told of, and the one from before holds.
    pub(super) async fn changed(&mut self, figures: &Figures) {
        let Some(path) = &self.path else { return std::future::pending().await };
        let mut looks = interval(LOOK_EVERY);
        let mut told = String::new();
        loop {
            looks.tick().await;
            let content = read(path, Accept::Regular);
            let policy = match content {
                Ok(content) if content == self.content => {
                    figures.lock().is_policy_refused = false;
                    told.clear();
                    continue;
                }
                Ok(content) => understand(path, &content).map(|policy| (content, policy)),
                Err(error) => Err(error),
            };
            match policy {
                Ok((content, policy)) => {
                    (self.content, self.policy) = (content, policy);
                    figures.lock().is_policy_refused = false;
                    info!("the policy changed");
                    return;
                }
                Err(why) => {
                    let why = format!("{why:#}");
                    if why != told {
                        error!(why, "the policy from before stays in use");
                        told = why;
                    }
                    figures.lock().is_policy_refused = true;
                }
            }
        }
    }
}
