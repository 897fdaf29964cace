//! Follows one object of the API server with a watch, without polling.

use std::fmt::{self, Debug};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, Error};
use serde::de::DeserializeOwned;
use tokio::sync::watch::Sender;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::backoff::Backoff;

/// The API server ends a watch after this time, and the next one begins.
const WATCH_LASTS: Duration = Duration::from_mins(4);
/// A connection that is silent for longer than a watch can last is dead.
const SILENCE: Duration = Duration::from_secs(4 * 60 + 30);
/// A shorter watch counts as a failure: something between this server and the API server may end every watch at once.
const SOUND: Duration = Duration::from_secs(10);
/// The time for a watch to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be watched.
pub(crate) trait Watched: Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    const KIND: &str;
}

impl Watched for Secret {
    const KIND: &str = "Secret";
}

impl Watched for MutatingWebhookConfiguration {
    const KIND: &str = "MutatingWebhookConfiguration";
}

impl Watched for ValidatingWebhookConfiguration {
    const KIND: &str = "ValidatingWebhookConfiguration";
}

/// An object as it was last seen.
#[derive(Clone)]
pub(crate) enum Seen<K> {
    /// The API server has not answered yet.
    Unknown,
    Absent,
    Present(Arc<K>),
}

/// Without the object: a Secret contains keys.
impl<K> fmt::Debug for Seen<K> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Unknown => "Unknown",
            Self::Absent => "Absent",
            Self::Present(_) => "Present(_)",
        })
    }
}

/// Keeps `seen` up to date, and reports each failure. While the API server is away, the last version stays.
pub(crate) async fn keep_watching<K: Watched>(
    api: Api<K>,
    name: &str,
    seen: Sender<Seen<K>>,
    failed: impl Fn(),
) {
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        match follow(&api, name, &seen).await {
            Ok(()) => debug!(kind = K::KIND, name, "the watch ended"),
            Err(error) => {
                failed();
                // With its causes, because only they distinguish a refused connection from a bad certificate.
                let error = format!("{:#}", anyhow::Error::new(error));
                warn!(
                    kind = K::KIND,
                    name, error, "cannot watch: continuing with the version that was seen last"
                );
            }
        }
        if began.elapsed() > SOUND {
            backoff.succeeded();
        }
        sleep(backoff.failed()).await;
    }
}

/// Follows one watch to its end.
async fn follow<K: Watched>(api: &Api<K>, name: &str, seen: &Sender<Seen<K>>) -> kube::Result<()> {
    let seconds = u32::try_from(WATCH_LASTS.as_secs()).unwrap_or(u32::MAX);
    let params = WatchParams::default().fields(&format!("metadata.name={name}")).timeout(seconds);
    // The watch comes first. It reports every change after its start, but not that an object does not exist. So the object
    // that is read afterwards can't be older than what the watch missed.
    let both = async { Ok((api.watch(&params, "").await?, api.get_opt(name).await?)) };
    let (events, now) =
        timeout(PATIENCE, both).await.unwrap_or_else(|late| Err(Error::Service(late.into())))?;
    let mut events = pin!(events);
    seen.send_replace(now.map_or(Seen::Absent, |object| Seen::Present(Arc::new(object))));
    while let Ok(event) = timeout(SILENCE, events.try_next()).await {
        match event? {
            None => break,
            Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                seen.send_replace(Seen::Present(Arc::new(object)));
            }
            Some(WatchEvent::Deleted(_)) => {
                seen.send_replace(Seen::Absent);
            }
            Some(WatchEvent::Bookmark(_)) => {}
            Some(WatchEvent::Error(status)) => {
                debug!(kind = K::KIND, name, message = status.message, "the watch was ended");
                break;
            }
        }
    }
    Ok(())
}
