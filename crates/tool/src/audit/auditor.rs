//! Stored endpoints in; reports about them, and figures, out.
//!
//! It keeps only a fingerprint of each report in memory, at most `--max-reports` of them, and nothing about endpoints
//! that are fine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use kube::Client;
use serde_json::Value as Json;
use tracing::{error, info, warn};

use super::figures::{Broken, Counts, Figures};
use super::report::{findings, fingerprint, name, report};
use super::reports::{Format, Found, Reports, Written};
use crate::cluster::changes::Change;
use crate::cluster::failure::why;
use crate::cluster::pages::{Page, Pages};
use crate::cluster::{Stored, endpoints_path};
use modelendpoint_core::endpoint::{Generation, Policy};
use modelendpoint_lint::check::Terms;
use modelendpoint_lint::finding::Finding;

/// The limits for reports and metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most reports.
    pub(super) reports: usize,
    /// The most namespaces that have metrics of their own.
    pub(super) namespaces: usize,
}

pub(super) struct Auditor {
    client: Client,
    policy: Policy,
    generation: Option<Generation>,
    bounds: Bounds,
    figures: Arc<Figures>,
    reports: Option<Reports>,
    /// What is known about each broken endpoint.
    known: HashMap<Key, Known>,
    pass: u64,
    trouble: Trouble,
    has_told_of_reports: bool,
}

/// Namespace and name of a report.
type Key = (String, String);

/// What is known about a broken endpoint.
#[derive(Default)]
struct Known {
    broken: Broken,
    /// The fingerprint of the report that the API server has.
    fingerprint: Option<u64>,
    /// The pass that saw it last.
    pass: u64,
}

#[derive(Default)]
#[must_use]
struct Judged {
    broken: Broken,
    /// Whether it gets no report, because there are too many.
    is_left_out: bool,
}

/// What kept reports from being written.
#[derive(Default)]
struct Trouble {
    failures: u64,
    is_kind_gone: bool,
}

/// The result of a full pass.
#[must_use]
pub(super) struct Passed {
    /// The resource version after which changes follow. `None` if the cluster has no definition of ModelEndpoints.
    pub(super) version: Option<String>,
    /// Whether the endpoints were read from more than one snapshot, so that a change may have been missed.
    pub(super) is_torn: bool,
    /// Whether every report was written.
    pub(super) is_whole: bool,
}

impl Auditor {
    pub(super) fn new(
        client: Client,
        (policy, generation): (Policy, Option<Generation>),
        bounds: Bounds,
        figures: Arc<Figures>,
    ) -> Self {
        Auditor {
            client,
            policy,
            generation,
            bounds,
            figures,
            reports: None,
            known: HashMap::new(),
            pass: 0,
            trouble: Trouble::default(),
            has_told_of_reports: false,
        }
    }

    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    pub(super) fn has_reports(&self) -> bool {
        self.reports.is_some()
    }

    /// Judges all stored endpoints.
    ///
    /// # Errors
    /// When the API server can't be asked, or refuses.
    pub(super) async fn pass(&mut self) -> kube::Result<Passed> {
        let began = Instant::now();
        self.pass += 1;
        self.trouble = Trouble::default();
        self.find_reports().await?;
        let mut counts = Counts::of(self.bounds.namespaces);
        let mut pages = Pages::of(self.client.clone(), endpoints_path(None));
        let is_known = self.read(&mut pages, &mut counts).await?;
        if is_known {
            self.forget_the_unseen().await;
        }
        let is_whole = self.trouble.failures == 0;
        let mut figures = self.figures.lock();
        figures.counts = counts;
        figures.reports = self.known.values().filter(|known| known.fingerprint.is_some()).count();
        if is_whole {
            figures.passes += 1;
            figures.last_pass = Some((Instant::now(), began.elapsed()));
        } else {
            figures.failed_passes += 1;
        }
        drop(figures);
        if !is_whole {
            error!(failures = self.trouble.failures, "not every report could be written");
        }
        Ok(Passed { version: is_known.then_some(pages.version), is_torn: pages.is_torn, is_whole })
    }

    /// Judges a changed endpoint. `false` asks for a full pass.
    pub(super) async fn changed(&mut self, change: &Change) -> bool {
        let (Change::Created(endpoint) | Change::Changed(endpoint) | Change::Deleted(endpoint)) = change;
        let before = self.known.get(&key(endpoint)).map(|known| known.broken.clone()).unwrap_or_default();
        let judged = match change {
            Change::Deleted(_) => {
                self.delete(key(endpoint)).await;
                Judged::default()
            }
            Change::Created(_) | Change::Changed(_) => self.judge(endpoint).await,
        };
        let mut figures = self.figures.lock();
        let counts = &mut figures.counts;
        counts.take_away(&endpoint.metadata.namespace, &before);
        // The earlier state of an endpoint without a report is unknown. The next full pass counts it.
        if !judged.is_left_out {
            counts.add(&endpoint.metadata.namespace, &judged.broken);
        }
        match change {
            Change::Created(_) => counts.endpoints += 1,
            Change::Deleted(_) => counts.endpoints = counts.endpoints.saturating_sub(1),
            Change::Changed(_) => {}
        }
        figures.changes += 1;
        figures.reports = if self.reports.is_some() { self.known.len() } else { 0 };
        self.trouble.failures == 0 && !self.trouble.is_kind_gone
    }

    /// Reads the existing reports, so that only those that differ are written.
    async fn find_reports(&mut self) -> kube::Result<()> {
        let before = self.reports.as_ref().map(|reports| reports.format);
        let Found { chosen, superseded } = Reports::find(&self.client).await?;
        self.reports = chosen;
        self.tell_of_reports(before);
        for known in self.known.values_mut() {
            known.fingerprint = None;
        }
        if let Some(superseded) = superseded
            && let Err(error) = self.delete_all(&superseded).await
        {
            let api = superseded.format.api_version();
            warn!(api, error = %why(&error), "cannot list the reports of the older kind, so they are not \
                                              deleted");
        }
        let Some(reports) = self.reports.take() else { return Ok(()) };
        let read = self.read_reports(&reports).await;
        self.reports = Some(reports).filter(|_| !self.trouble.is_kind_gone);
        read
    }

    async fn delete_all(&mut self, superseded: &Reports) -> kube::Result<()> {
        let mut pages = superseded.stored();
        while let Some(page) = pages.next::<Json>().await? {
            for report in &page.items {
                let key = key_of(report);
                match superseded.delete(&key.0, &key.1).await {
                    Written::KindGone => return Ok(()),
                    written => self.note(written, "delete", &key),
                };
            }
        }
        Ok(())
    }

    async fn read_reports(&mut self, reports: &Reports) -> kube::Result<()> {
        let mut pages = reports.stored();
        while let Some(page) = pages.next::<Json>().await? {
            for report in &page.items {
                let key = key_of(report);
                if self.known.len() < self.bounds.reports || self.known.contains_key(&key) {
                    self.known.entry(key).or_default().fingerprint = Some(fingerprint(report));
                } else {
                    let written = reports.delete(&key.0, &key.1).await;
                    self.note(written, "delete", &key);
                }
            }
        }
        Ok(())
    }

    fn tell_of_reports(&mut self, before: Option<Format>) {
        let now = self.reports.as_ref().map(|reports| reports.format);
        self.figures.lock().format = now;
        if now == before && self.has_told_of_reports {
            return;
        }
        self.has_told_of_reports = true;
        if let Some(format) = now {
            info!(api = format.api_version(), "writing reports");
        } else {
            warn!(
                "the cluster has neither Report nor PolicyReport, so findings are in the metrics only; \
                 install the CustomResourceDefinitions of openreports.io to have reports"
            );
        }
    }

    /// Judges page by page. `false` if the cluster has no definition of ModelEndpoints.
    async fn read(&mut self, pages: &mut Pages, counts: &mut Counts) -> kube::Result<bool> {
        loop {
            match pages.next::<Stored>().await {
                Ok(Some(Page { items, .. })) => {
                    for endpoint in &items {
                        let judged = self.judge(endpoint).await;
                        counts.endpoints += 1;
                        counts.unreported += u64::from(judged.is_left_out);
                        counts.add(&endpoint.metadata.namespace, &judged.broken);
                    }
                }
                Ok(None) => return Ok(true),
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Judges an endpoint, and writes or deletes its report.
    async fn judge(&mut self, endpoint: &Stored) -> Judged {
        let terms = Terms { policy: &self.policy, namespace: "", generation: self.generation };
        let findings = findings(endpoint, terms);
        let broken: Broken = findings.iter().map(|finding| (finding.id, finding.level)).collect();
        let key = key(endpoint);
        if findings.is_empty() {
            self.delete(key).await;
            return Judged::default();
        }
        if self.known.len() >= self.bounds.reports && !self.known.contains_key(&key) {
            return Judged { broken, is_left_out: true };
        }
        self.report(endpoint, &findings, key, broken.clone()).await;
        Judged { broken, is_left_out: false }
    }

    /// Writes the report about a broken endpoint, unless the API server already has it.
    async fn report(&mut self, endpoint: &Stored, findings: &[Finding], key: Key, broken: Broken) {
        let known = self.known.entry(key.clone()).or_default();
        known.broken = broken;
        known.pass = self.pass;
        let before = known.fingerprint;
        let Some(reports) = &self.reports else { return };
        let report = report(reports.format, endpoint, findings);
        let fingerprint = fingerprint(&report);
        if before == Some(fingerprint) {
            return;
        }
        let written = reports.apply(&key.0, &key.1, &report).await;
        let is_written = self.note(written, "apply", &key);
        if let Some(known) = self.known.get_mut(&key) {
            known.fingerprint = is_written.then_some(fingerprint);
        }
    }

    /// Deletes the report about an endpoint that is fine or deleted, if there is one.
    async fn delete(&mut self, key: Key) {
        let Some(known) = self.known.remove(&key) else { return };
        if let (Some(_), Some(reports)) = (known.fingerprint, &self.reports) {
            let written = reports.delete(&key.0, &key.1).await;
            self.note(written, "delete", &key);
        }
    }

    /// Deletes reports about endpoints that no longer exist.
    async fn forget_the_unseen(&mut self) {
        let unseen = self.known.iter().filter(|(_, known)| known.pass != self.pass);
        let unseen: Vec<_> = unseen.map(|(key, _)| key.clone()).collect();
        for key in unseen {
            self.delete(key).await;
        }
    }

    /// Counts a write. `true` if the API server has what was written.
    fn note(&mut self, written: Written, verb: &str, (namespace, name): &Key) -> bool {
        let mut figures = self.figures.lock();
        match written {
            Written::Done if verb == "delete" => figures.deleted += 1,
            Written::Done => figures.applied += 1,
            Written::Superfluous => return false,
            Written::KindGone => {
                self.trouble.is_kind_gone = true;
                self.reports = None;
                figures.format = None;
                warn!("the cluster no longer knows reports; findings are in the metrics only");
                return false;
            }
            Written::Failed(error) => {
                figures.failed_writes += 1;
                // One line, however many writes fail.
                if self.trouble.failures == 0 {
                    error!(namespace, name, error = %why(&error), "cannot {verb} a report");
                }
                self.trouble.failures += 1;
                return false;
            }
        }
        true
    }
}

fn key(endpoint: &Stored) -> Key {
    (endpoint.metadata.namespace.clone(), name(&endpoint.metadata.name))
}

fn key_of(report: &Json) -> Key {
    let text = |field: &str| report["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
