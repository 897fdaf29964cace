//! A certificate and its key in two files, which are reloaded when their content changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use tokio::time::{Instant, interval};
use tracing::{error, info, warn};

use super::pair::{Defect, Pair, utc};
use super::served::Served;
use crate::reload::{self, InFiles, LOOK_EVERY, Reload};
use modelendpoint_files::shown;

const REMIND_EVERY: Duration = Duration::from_hours(24);

/// Where the certificate chain and its key are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What was read from both files.
#[derive(PartialEq, Eq)]
pub(crate) struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    /// Reads the first pair. It may have expired: the server then starts unready and recovers as soon as the files are
    /// renewed.
    ///
    /// # Errors
    /// If a file can't be read, or the certificate and the key do not belong together. The message is for the person
    /// who started the server.
    pub(crate) fn load(&self) -> anyhow::Result<(Content, Pair)> {
        let content = self.read()?;
        let pair = content.pair().map_err(|defect| {
            let Self { certificate, key } = self;
            anyhow!("{defect} (--tls-cert {}, --tls-key {})", shown(certificate), shown(key))
        })?;
        if let Err(defect) = pair.validity.at(SystemTime::now()) {
            error!(%defect, "not ready: waiting for the certificate files to be renewed");
        }
        Ok((content, pair))
    }

    fn read(&self) -> anyhow::Result<Content> {
        const ADVICE: &str = "; give a file that exists (`modelendpoint certs` makes a pair for \
                              development)";
        Ok(Content {
            certificate: reload::read("--tls-cert", &self.certificate, ADVICE)?,
            key: reload::read("--tls-key", &self.key, ADVICE)?,
        })
    }
}

impl Content {
    fn pair(&self) -> Result<Pair, Defect> {
        Pair::from_pem(&self.certificate, &self.key)
    }
}

/// Serves the pair in the files for as long as it is polled, and reports each reload to `tell`.
pub(crate) async fn keep_reloading(
    files: Files,
    loaded: Content,
    served: Arc<Served>,
    tell: impl Fn(Reload),
) {
    let source = ServedFiles { files, served: Arc::clone(&served) };
    tokio::join!(reload::keep_reloading(source, loaded, tell), keep_reminding(&served));
}

struct ServedFiles {
    files: Files,
    served: Arc<Served>,
}

impl InFiles for ServedFiles {
    const NAME: &'static str = "certificate";
    type Content = Content;
    type Defect = Defect;

    fn read(&self) -> anyhow::Result<Content> {
        self.files.read()
    }

    fn adopt(&self, content: &Content) -> Result<(), Defect> {
        let pair = content.pair()?;
        pair.validity.at(SystemTime::now())?;
        info!(expires = utc(pair.validity.until), "certificate reloaded");
        self.served.swap(pair);
        Ok(())
    }
}

async fn keep_reminding(served: &Served) {
    let mut reminded: Option<Instant> = None;
    let mut ticks = interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let Some(validity) = served.current().map(|pair| pair.validity) else { continue };
        let due = SystemTime::now() >= validity.renewal_due();
        if due && reminded.is_none_or(|at| at.elapsed() >= REMIND_EVERY) {
            reminded = Some(Instant::now());
            warn!(expires = utc(validity.until), "the certificate should have been renewed by now");
        }
    }
}
