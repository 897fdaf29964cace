//! The policy file, followed by its content while serving.
//!
//! As with certificates, content is what counts, not events: kubelet updates a mounted volume by
//! swapping a link. A file that can't be used never replaces a policy that holds; it is looked at again
//! every second.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::{Active, hash};
use modelendpoint_files::Accept;
use modelendpoint_policy::{read, understand};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What became of a changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// With the hash of its content.
    Swapped(String),
    /// The policy from before still holds.
    Refused,
}

/// Keeps `active` at what the file says, for as long as it is polled, and tells of each reload.
pub async fn keep_reloading(
    path: PathBuf,
    loaded: Vec<u8>,
    active: Arc<Active>,
    tell: impl Fn(Reload) + Send,
) {
    let mut reloader = Reloader { path, loaded, failure: None, active, tell };
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        reloader.look();
    }
}

struct Reloader<Tell> {
    path: PathBuf,
    loaded: Vec<u8>,
    /// Why the last look failed, and whether that was reported: what goes away within a second was a
    /// swap seen halfway.
    failure: Option<(String, bool)>,
    active: Arc<Active>,
    tell: Tell,
}

impl<Tell: Fn(Reload)> Reloader<Tell> {
    fn look(&mut self) {
        let content = match read(&self.path, Accept::Regular) {
            Ok(content) => content,
            Err(error) => return self.failed(format!("{error:#}")),
        };
        if content == self.loaded {
            self.failure = None;
            return;
        }
        match understand(&self.path, &content) {
            Ok(policy) => {
                let hash = hash(&content);
                info!(hash, "policy reloaded");
                self.active.swap(policy);
                (self.tell)(Reload::Swapped(hash));
                self.loaded = content;
                self.failure = None;
            }
            Err(error) => self.failed(format!("{error:#}")),
        }
    }

    fn failed(&mut self, why: String) {
        match &mut self.failure {
            Some((known, is_reported)) if *known == why => {
                if !*is_reported {
                    *is_reported = true;
                    (self.tell)(Reload::Refused);
                    error!(why, "policy not reloaded: the one from before holds");
                }
            }
            _ => self.failure = Some((why, false)),
        }
    }
}
