//! A policy file that may change in, the policy in use out.
//!
//! Like the server, it reads the file every second: the kubelet replaces a link above the file, and never writes to
//! the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, interval_at};
use tracing::{error, info};

use super::figures::Figures;
use modelendpoint_core::endpoint::Policy;
use modelendpoint_files::Accept;
use modelendpoint_files::follow::{Followed, Look};
use modelendpoint_policy::{Loaded, load, read, understand};

const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct PolicyFile {
    file: Option<(PathBuf, Followed<Vec<u8>>)>,
    pub(super) policy: Policy,
}

impl PolicyFile {
    /// # Errors
    /// All mistakes in it, or why it can't be read.
    pub(super) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(PolicyFile { file: None, policy: Policy::NONE }) };
        let Loaded { content, policy } = load(path, Accept::Regular)?;
        Ok(PolicyFile { file: Some((path.to_owned(), Followed::new(content))), policy })
    }

    /// Waits until the file has another policy. A policy that can't be used is reported, and the previous one stays
    /// in use.
    pub(super) async fn changed(&mut self, figures: &Figures) {
        let Some((path, file)) = &mut self.file else { return std::future::pending().await };
        let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        loop {
            looks.tick().await;
            match file.look(read(path, Accept::Regular), |content| understand(path, content)) {
                Look::New(policy) => {
                    self.policy = policy;
                    figures.lock().is_policy_refused = false;
                    info!("the policy changed");
                    return;
                }
                Look::Same => figures.lock().is_policy_refused = false,
                Look::Refused(why) => {
                    figures.lock().is_policy_refused = true;
                    error!(why, "the previous policy stays in use");
                }
                Look::Pending => {}
            }
        }
    }
}
