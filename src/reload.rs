//! Reloads certificates, the client CA and the policy when their files change.
//!
//! The loop reads the files every second and compares their content. It does not wait for file events: the kubelet
//! updates a mounted volume by replacing the `..data` symlink, and never writes to a file. Content that can't be used
//! never replaces content that can. The loop tries it again every second, since it may be half written, or not valid
//! yet.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use modelendpoint_files::follow::{Followed, Look};
use modelendpoint_files::{Accept, read_for_flag};

pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Something that is read from files, and put into use.
pub(crate) trait InFiles {
    /// For log lines.
    const NAME: &'static str;
    type Content: PartialEq;
    /// Displayed with `{:#}`, so that an [`anyhow::Error`] shows its causes.
    type Defect: Display;

    /// # Errors
    /// When a file can't be read.
    fn read(&self) -> anyhow::Result<Self::Content>;

    /// Puts new content into use.
    ///
    /// # Errors
    /// Why it can't be used. The content from before stays in use.
    fn adopt(&self, content: &Self::Content) -> Result<(), Self::Defect>;
}

/// The result of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    Swapped,
    /// The content from before stays in use.
    Refused,
}

/// Follows the files for as long as it is polled, and reports each reload to `tell`.
pub(crate) async fn keep_reloading<Source: InFiles>(
    source: Source,
    loaded: Source::Content,
    tell: impl Fn(Reload),
) {
    let mut files = Followed::new(loaded);
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match files.look(source.read(), |content| source.adopt(content)) {
            Look::New(()) => tell(Reload::Swapped),
            Look::Refused(why) => {
                tell(Reload::Refused);
                error!(why, "{} not reloaded: the previous one stays in use", Source::NAME);
            }
            Look::Same | Look::Pending => {}
        }
    }
}

/// Reads the file that a flag names.
///
/// # Errors
/// For the person who gave the flag, with `advice` if there is no such file.
pub(crate) fn read(flag: &str, file: &Path, advice: &str) -> anyhow::Result<Vec<u8>> {
    read_for_flag(flag, file, Accept::Regular, advice).map_err(|why| anyhow!(why))
}
