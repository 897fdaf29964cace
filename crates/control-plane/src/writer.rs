//! A client that writes endpoints continuously, and records every write that failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::model_endpoint_resource;
use anyhow::Result;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub struct Writer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Written>,
}

/// The result of the writes.
#[derive(Debug, Default)]
pub struct Written {
    pub writes: usize,
    pub failures: Vec<String>,
}

impl Writer {
    /// Creates, changes and deletes an endpoint with this name, again and again, and at least once. A write that was not
    /// mutated has failed.
    #[must_use]
    pub fn start(endpoints: Api<DynamicObject>, name: &'static str) -> Self {
        Self::start_with(endpoints, name, true)
    }

    /// The same while the webhook comes or goes: a write may be mutated or not.
    #[must_use]
    pub fn start_without_webhook(endpoints: Api<DynamicObject>, name: &'static str) -> Self {
        Self::start_with(endpoints, name, false)
    }

    fn start_with(endpoints: Api<DynamicObject>, name: &'static str, expects_mutation: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut written = Written::default();
            loop {
                written.round(&endpoints, name, expects_mutation).await;
                if stopped.load(Relaxed) {
                    return written;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
        Self { stop, task }
    }

    pub async fn finish(self) -> Result<Written> {
        self.stop.store(true, Relaxed);
        Ok(self.task.await?)
    }
}

impl Written {
    async fn round(&mut self, endpoints: &Api<DynamicObject>, name: &str, expects_mutation: bool) {
        let has = |path: &'static str| {
            move |stored: DynamicObject| !expects_mutation || stored.data["spec"]["rewritePath"] == path
        };
        let created =
            endpoints.create(&PostParams::default(), &endpoint(name, "http://10.0.1.50/a/v1")).await;
        self.note(created.map(has("/a/")));
        let change = Patch::Merge(json!({ "spec": { "url": "http://10.0.1.50/b/v1" } }));
        let changed = endpoints.patch(name, &PatchParams::default(), &change).await;
        self.note(changed.map(has("/b/")));
        let deleted = endpoints.delete(name, &DeleteParams::default()).await;
        self.note(deleted.map(|_| true));
    }

    fn note(&mut self, result: kube::Result<bool>) {
        self.writes += 1;
        match result {
            Ok(true) => {}
            Ok(false) => self.failures.push("it was not mutated".to_owned()),
            Err(error) => self.failures.push(error.to_string()),
        }
    }
}

#[must_use]
pub fn endpoint(name: &str, url: &str) -> DynamicObject {
    DynamicObject::new(name, &model_endpoint_resource()).data(json!({ "spec": { "url": url } }))
}
