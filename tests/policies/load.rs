//! Clients that write good and bad endpoints all the while, and keep a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use control_plane::{ControlPlane, model_endpoint_resource};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::task::JoinHandle;

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    good: JoinHandle<Outcome>,
    bad: JoinHandle<Outcome>,
}

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) good: usize,
    /// What the API server said to good writes that failed, and what it stored wrongly.
    pub(crate) failed: Vec<String>,
    pub(crate) bad: usize,
    pub(crate) bad_stored: usize,
    /// Of all writes.
    pub(crate) slowest: Duration,
}

impl Load {
    /// Writes in the namespace `default` until it is stopped. A good endpoint has no rewritePath, and gets this one.
    pub(crate) fn start(control_plane: &ControlPlane, default: Option<&'static str>) -> Self {
        let endpoints = Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let stop = Arc::new(AtomicBool::new(false));
        let good = tokio::spawn(good(endpoints.clone(), Arc::clone(&stop), default));
        let bad = tokio::spawn(bad(endpoints, Arc::clone(&stop)));
        Load { stop, good, bad }
    }

    pub(crate) async fn stop(self) -> Result<Outcome> {
        self.stop.store(true, Relaxed);
        let (good, bad) = (self.good.await?, self.bad.await?);
        let slowest = good.slowest.max(bad.slowest);
        Ok(Outcome { bad: bad.bad, bad_stored: bad.bad_stored, slowest, ..good })
    }
}

/// Creates, changes and deletes an endpoint, over and over.
async fn good(endpoints: Api<DynamicObject>, stop: Arc<AtomicBool>, default: Option<&str>) -> Outcome {
    let mut outcome = Outcome::default();
    while !stop.load(Relaxed) {
        let created = endpoint("good", "http://10.0.1.50/a/v1");
        let began = Instant::now();
        let result = endpoints.create(&PostParams::default(), &created).await;
        outcome.good_write(began, result, default);
        let change = Patch::Merge(json!({ "spec": { "url": "http://10.0.1.51/a/v1" } }));
        let began = Instant::now();
        match endpoints.patch("good", &PatchParams::default(), &change).await {
            // its create failed, which was counted
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => outcome.good_write(began, result, default),
        }
        let _ = endpoints.delete("good", &DeleteParams::default()).await;
    }
    outcome
}

async fn bad(endpoints: Api<DynamicObject>, stop: Arc<AtomicBool>) -> Outcome {
    let mut outcome = Outcome::default();
    while !stop.load(Relaxed) {
        for url in ["http://[::1", "https://10.0.1.50:8443/v1", "http://169.254.169.254/"] {
            let began = Instant::now();
            let stored = endpoints.create(&PostParams::default(), &endpoint("bad", url)).await.is_ok();
            outcome.slowest = outcome.slowest.max(began.elapsed());
            outcome.bad += 1;
            outcome.bad_stored += usize::from(stored);
            if stored {
                let _ = endpoints.delete("bad", &DeleteParams::default()).await;
            }
        }
    }
    outcome
}

fn endpoint(name: &str, url: &str) -> DynamicObject {
    DynamicObject::new(name, &model_endpoint_resource()).data(json!({ "spec": { "url": url } }))
}

impl Outcome {
    fn good_write(&mut self, began: Instant, result: kube::Result<DynamicObject>, default: Option<&str>) {
        self.good += 1;
        self.slowest = self.slowest.max(began.elapsed());
        match result {
            Ok(stored) if default.is_none_or(|path| stored.data["spec"]["rewritePath"] == path) => {}
            Ok(stored) => self.failed.push(stored.data["spec"].to_string()),
            Err(error) => self.failed.push(error.to_string()),
        }
    }
}
