//! A resource version in, the changes after it out.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::Client;
use kube::api::WatchEvent;
use tokio::time::{Instant, timeout};

use super::failure::in_time;
use super::{Stored, endpoints_path};

/// A bookmark arrives every minute. If nothing arrives for longer than this, the connection may be dead, so a new one
/// is opened.
const QUIET: Duration = Duration::from_mins(2);
/// After this time, the API server ends the watch.
const SECONDS: u32 = 290;
/// If a watch ends sooner, the API server or a proxy does not keep watches open.
const SHORT: Duration = Duration::from_secs(10);

/// A watch on all ModelEndpoints.
pub(crate) struct Changes {
    client: Client,
    version: String,
    events: Option<Events>,
    /// When it was opened.
    began: Instant,
}

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<Stored>>> + Send>>;

/// What happened to an endpoint.
#[derive(Debug)]
pub(crate) enum Change {
    Created(Stored),
    Changed(Stored),
    Deleted(Stored),
}

/// Why there are no more changes.
#[derive(Debug)]
#[must_use]
pub(crate) enum Ended {
    /// The API server no longer has the changes since then, so everything must be read again.
    Gone,
    /// The watch ended as soon as it began.
    AtOnce,
    Failed(kube::Error),
}

impl Changes {
    /// Follows the changes after a resource version.
    pub(crate) fn after(client: Client, version: String) -> Self {
        Changes { client, version, events: None, began: Instant::now() }
    }

    /// The next change.
    ///
    /// # Errors
    /// If there can't be another one: why. Unless it is [`Ended::Gone`], another call continues where the watch
    /// ended.
    pub(crate) async fn next(&mut self) -> Result<Change, Ended> {
        loop {
            let events = match &mut self.events {
                Some(events) => events,
                none => {
                    let events = watch(&self.client, &self.version).await.map_err(ended)?;
                    self.began = Instant::now();
                    none.insert(events)
                }
            };
            match timeout(QUIET, events.next()).await {
                Ok(Some(Ok(WatchEvent::Added(stored)))) => return Ok(self.at(stored, Change::Created)),
                Ok(Some(Ok(WatchEvent::Modified(stored)))) => return Ok(self.at(stored, Change::Changed)),
                Ok(Some(Ok(WatchEvent::Deleted(stored)))) => return Ok(self.at(stored, Change::Deleted)),
                Ok(Some(Ok(WatchEvent::Bookmark(bookmark)))) => {
                    self.version = bookmark.metadata.resource_version;
                }
                Ok(Some(Ok(WatchEvent::Error(status)))) => {
                    self.events = None;
                    return Err(ended(kube::Error::Api(status)));
                }
                Ok(Some(Err(error))) => {
                    self.events = None;
                    return Err(ended(error));
                }
                // The watch ended normally. Continue where it was.
                Ok(None) | Err(_) => {
                    self.events = None;
                    if !self.lasts() {
                        return Err(Ended::AtOnce);
                    }
                }
            }
        }
    }

    /// Whether the watch has been open for a while.
    pub(crate) fn lasts(&self) -> bool {
        self.began.elapsed() >= SHORT
    }

    fn at(&mut self, stored: Stored, change: fn(Stored) -> Change) -> Change {
        self.version.clone_from(&stored.metadata.resource_version);
        change(stored)
    }
}

async fn watch(client: &Client, version: &str) -> kube::Result<Events> {
    let query =
        format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={SECONDS}&resourceVersion={version}");
    let request = http::Request::get(format!("{}?{query}", endpoints_path(None)));
    let request = request.body(Vec::new()).map_err(kube::Error::HttpError)?;
    let events = in_time(client.request_events::<Stored>(request)).await?;
    Ok(Box::pin(events))
}

fn ended(error: kube::Error) -> Ended {
    match error {
        kube::Error::Api(status) if status.code == 410 => Ended::Gone,
        error => Ended::Failed(error),
    }
}
