//! Measures what an audit costs. docs/audit.md has the results.
//!
//! `cargo test -p modelendpoint --test audit scale -- --ignored --nocapture`, with `SCALE=1000,10000` for other
//! numbers of endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use control_plane::{REPORTS, Seen, eventually, model_endpoint_resource};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::audited::{Audited, OPEN_REPORTS};
use crate::running::{Running, peak_kib};

const NAMESPACES: usize = 100;
/// One of this many endpoints is broken.
const BROKEN: usize = 100;
const WRITERS: usize = 32;
const LONG: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, of minutes"]
async fn scale() -> Result<()> {
    let sizes = std::env::var("SCALE").unwrap_or_else(|_| "1000,10000,100000".to_owned());
    let audited = Audited::new(&[REPORTS]).await?;
    for namespace in 0..NAMESPACES {
        audited.namespace(&format!("scale-{namespace:02}")).await?;
    }
    let mut stored = 0;
    for size in sizes.split(',').map(str::parse) {
        let size = size?;
        let began = Instant::now();
        audited.fill(stored..size).await?;
        println!("{size} endpoints, {} of them broken, stored after {:.0?}", size / BROKEN, began.elapsed());
        stored = size;
        audited.measure_passes(size).await?;
        audited.measure_check().await?;
        audited.measure_changes(size).await?;
    }
    Ok(())
}

impl Audited {
    fn numbered(&self, number: usize) -> (Api<DynamicObject>, String) {
        let namespace = format!("scale-{:02}", number % NAMESPACES);
        let client = self.control_plane.client();
        (
            Api::namespaced_with(client, &namespace, &model_endpoint_resource()),
            format!("endpoint-{number:06}"),
        )
    }

    /// Stores endpoints with the size of Crossplane's.
    async fn fill(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        let next = Arc::new(AtomicUsize::new(numbers.start));
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (next, client) = (Arc::clone(&next), self.control_plane.client());
            let end = numbers.end;
            writers.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= end {
                        return anyhow::Ok(());
                    }
                    let namespace = format!("scale-{:02}", number % NAMESPACES);
                    let api: Api<DynamicObject> =
                        Api::namespaced_with(client.clone(), &namespace, &model_endpoint_resource());
                    let url = if number.is_multiple_of(BROKEN) {
                        "http://10.0.1.50:0/v1"
                    } else {
                        "http://10.0.1.50/v1"
                    };
                    let mut endpoint =
                        DynamicObject::new(&format!("endpoint-{number:06}"), &model_endpoint_resource())
                            .data(json!({ "spec": { "url": url, "rewritePath": "/" } }));
                    let padding = ("example.com/padding".to_owned(), "x".repeat(1500));
                    endpoint.metadata.annotations = Some([padding].into());
                    api.create(&PostParams::default(), &endpoint).await?;
                }
            });
        }
        while let Some(ended) = writers.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn measure_passes(&self, size: usize) -> Result<()> {
        for pass in ["first pass", "pass with all reports there"] {
            let audit = Running::start(self.control_plane.kubeconfig(), &["--every=10h"]).await?;
            let began = Instant::now();
            audit.has_within("passes_total{result=\"success\"} 1", LONG).await?;
            println!("  {pass}: {:.1?}, {}", began.elapsed(), audit.costs().await?);
            if pass != "first pass" {
                self.measure_one_change(size, &audit).await?;
            }
            audit.stop().await?;
        }
        Ok(())
    }

    async fn measure_one_change(&self, size: usize, audit: &Running) -> Result<()> {
        let (endpoints, name) = self.numbered(size / 2 + 1);
        let reports = self.api_in(OPEN_REPORTS, &format!("scale-{:02}", (size / 2 + 1) % NAMESPACES));
        let report = format!("modelendpoint-{name}");
        let change = |url: &str| Patch::Merge(json!({ "spec": { "url": url } }));
        let began = Instant::now();
        endpoints.patch(&name, &PatchParams::default(), &change("http://10.0.1.50:0/v1")).await?;
        eventually("a report", LONG, async || {
            Ok(if reports.get_opt(&report).await?.is_some() {
                Seen::Done(())
            } else {
                Seen::NotYet(String::new())
            })
        })
        .await?;
        println!("  one change: a report after {:.0?}, {}", began.elapsed(), audit.costs().await?);
        endpoints.patch(&name, &PatchParams::default(), &change("http://10.0.1.50/v1")).await?;
        eventually("no report", LONG, async || {
            Ok(if reports.get_opt(&report).await?.is_none() {
                Seen::Done(())
            } else {
                Seen::NotYet(String::new())
            })
        })
        .await
    }

    async fn measure_check(&self) -> Result<()> {
        let began = Instant::now();
        let mut check = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
            .args(["check", "--cluster", "-A", "--format=json"])
            .env("KUBECONFIG", self.control_plane.kubeconfig())
            .stdout(std::process::Stdio::null())
            .spawn()?;
        let id = check.id().context("an id")?;
        let mut peak = 0;
        while check.try_wait()?.is_none() {
            peak = peak.max(peak_kib(id).unwrap_or_default());
            sleep(Duration::from_millis(20)).await;
        }
        println!("  check --cluster: {:.1?}, at most {} MiB", began.elapsed(), peak >> 10);
        Ok(())
    }

    /// A thousand changes per second for a minute. Every hundredth breaks an endpoint, or repairs it.
    async fn measure_changes(&self, size: usize) -> Result<()> {
        const SECOND: usize = 1000;
        let audit = Running::start(self.control_plane.kubeconfig(), &["--every=10h"]).await?;
        audit.has_within("passes_total{result=\"success\"} 1", LONG).await?;
        let before = audit.costs().await?;
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (next, client) = (Arc::clone(&next), self.control_plane.client());
            writers.spawn(async move {
                let mut ticks = interval(Duration::from_millis((WRITERS * 1000 / SECOND) as u64));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                while began.elapsed() < Duration::from_mins(1) {
                    ticks.tick().await;
                    let count = next.fetch_add(1, Relaxed);
                    let number = count % size;
                    let namespace = format!("scale-{:02}", number % NAMESPACES);
                    let api: Api<DynamicObject> =
                        Api::namespaced_with(client.clone(), &namespace, &model_endpoint_resource());
                    let port = if count.is_multiple_of(BROKEN) { (count / size) % 2 } else { 8000 + count % 999 };
                    let url = format!("http://10.0.1.50:{port}/v1");
                    let change = Patch::Merge(json!({ "spec": { "url": url }, "metadata": { "labels": { "round": format!("{count}") } } }));
                    api.patch(&format!("endpoint-{number:06}"), &PatchParams::default(), &change).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = writers.join_next().await {
            ended??;
        }
        let (made, took) = (next.load(Relaxed), began.elapsed());
        audit.has_within(&format!("changes_total {made}"), LONG).await?;
        let behind = began.elapsed().saturating_sub(took);
        ensure!(!audit.log().contains("because=Gone"), "it lost track: {}", audit.log());
        println!(
            "  {made} changes in {took:.0?}: {behind:.1?} behind at the end; before {before}, after {}",
            audit.costs().await?
        );
        audit.stop().await?;
        Ok(())
    }
}
