//! Clients that write good and bad endpoints all the while, and keep a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use control_plane::{ControlPlane, model_endpoint_resource};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use modelendpoint_core::endpoint::Generation;
use serde_json::{Value, json};
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

/// What is written, of one generation of the resource.
#[derive(Debug, Clone)]
pub(crate) struct Writes {
    /// Created, and what `field` may be then.
    good: (Value, Vec<Value>),
    /// The change that follows, and what `field` may be then.
    change: (Value, Vec<Value>),
    field: &'static str,
    /// The schema alone takes them.
    bad: [Value; 3],
}

impl Writes {
    /// Good ones are completed, where policies or webhooks can. Where only the webhook can, an open connection may
    /// still reach it.
    pub(crate) fn of(generation: Generation, is_completed: bool) -> Self {
        let completed = |value: &str| {
            if is_completed { vec![value.into()] } else { vec![value.into(), Value::Null] }
        };
        match generation {
            Generation::Url => Writes {
                good: (json!({ "url": "http://10.0.1.50/a/v1" }), completed("/a/")),
                change: (json!({ "url": "http://10.0.1.51/a/v1" }), completed("/a/")),
                field: "rewritePath",
                bad: ["http://[::1", "https://10.0.1.50:8443/v1", "http://169.254.169.254/"]
                    .map(|url| json!({ "url": url })),
            },
            Generation::Origin => {
                let host = if is_completed { "API.example.com" } else { "api.example.com" };
                Writes {
                    good: (
                        json!({ "origin": format!("https://{host}") }),
                        vec!["https://api.example.com".into()],
                    ),
                    change: (
                        json!({ "origin": "https://api.example.org" }),
                        vec!["https://api.example.org".into()],
                    ),
                    field: "origin",
                    // the first one would freeze every ModelRoute that selects it
                    bad: [
                        "https://api.example.com://8080",
                        "https://user@api.example.com",
                        "http://metadata.google.internal",
                    ]
                    .map(|origin| json!({ "origin": origin })),
                }
            }
        }
    }
}

impl Load {
    /// Writes in the namespace `default` until it is stopped.
    pub(crate) fn start(control_plane: &ControlPlane, writes: &Writes) -> Self {
        let endpoints = Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let stop = Arc::new(AtomicBool::new(false));
        let good = tokio::spawn(good(endpoints.clone(), Arc::clone(&stop), writes.clone()));
        let bad = tokio::spawn(bad(endpoints, Arc::clone(&stop), writes.clone()));
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
async fn good(endpoints: Api<DynamicObject>, stop: Arc<AtomicBool>, writes: Writes) -> Outcome {
    let mut outcome = Outcome::default();
    let Writes { good: (created, as_created), change: (change, as_changed), field, .. } = &writes;
    let change = Patch::Merge(json!({ "spec": change }));
    while !stop.load(Relaxed) {
        let began = Instant::now();
        let result = endpoints.create(&PostParams::default(), &endpoint("good", created)).await;
        outcome.good_write(began, result, field, as_created);
        let began = Instant::now();
        match endpoints.patch("good", &PatchParams::default(), &change).await {
            // its create failed, which was counted
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => outcome.good_write(began, result, field, as_changed),
        }
        let _ = endpoints.delete("good", &DeleteParams::default()).await;
    }
    outcome
}

async fn bad(endpoints: Api<DynamicObject>, stop: Arc<AtomicBool>, writes: Writes) -> Outcome {
    let mut outcome = Outcome::default();
    while !stop.load(Relaxed) {
        for spec in &writes.bad {
            let began = Instant::now();
            let stored = endpoints.create(&PostParams::default(), &endpoint("bad", spec)).await.is_ok();
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

fn endpoint(name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &model_endpoint_resource()).data(json!({ "spec": spec }))
}

impl Outcome {
    fn good_write(
        &mut self,
        began: Instant,
        result: kube::Result<DynamicObject>,
        field: &str,
        expected: &[Value],
    ) {
        self.good += 1;
        self.slowest = self.slowest.max(began.elapsed());
        match result {
            Ok(stored) if expected.contains(&stored.data["spec"][field]) => {}
            Ok(stored) => self.failed.push(stored.data["spec"].to_string()),
            Err(error) => self.failed.push(error.to_string()),
        }
    }
}
