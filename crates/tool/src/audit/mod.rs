//! A cluster in; reports about the endpoints that it stores, kept up to date, and metrics out.
//!
//! ```text
//! run          a full pass, then changes as they come, until something asks for the next full pass
//!  ├─ auditor     stored endpoints in, reports and figures that agree with them out
//!  │   ├─ report     an endpoint and its findings in, a report as JSON out
//!  │   └─ reports    reports in, writes to the API server out
//!  ├─ policy      a policy file that may change
//!  ├─ figures     counts in, metrics out
//!  └─ ops         /metrics, /livez and /readyz
//! ```
//!
//! Two audits need no coordination: both write the same report, and applying it twice changes nothing.

mod auditor;
mod figures;
mod ops;
mod policy;
mod report;
mod reports;

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use kube::Client;
use tokio::net::TcpListener;
use tokio::select;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, interval_at, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::cli::{self, Modelplane};
use crate::cluster::access::{Cluster, connect};
use crate::cluster::changes::{Changes, Ended};
use crate::cluster::failure::why;
use auditor::{Auditor, Bounds, Passed};
use figures::Figures;
use policy::PolicyFile;
use reports::Reports;

/// How often to look for definitions that the cluster does not have yet: of ModelEndpoints, or of reports.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The waits after failures grow from the first to the second.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Audits once, or until a signal.
///
/// # Errors
/// When it can't start, or `--once` can't be done.
pub(crate) async fn run(args: &cli::Audit) -> anyhow::Result<()> {
    let policy = PolicyFile::load(args.policy.as_deref())?;
    let Cluster { client, address, .. } = connect(&args.access).await?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let figures = Arc::new(Figures::new(args.metric_namespaces));
    let bounds = Bounds { reports: args.max_reports, namespaces: args.metric_namespaces };
    let terms = (policy.policy.clone(), args.modelplane.map(Modelplane::generation));
    let auditor = Auditor::new(client.clone(), terms, bounds, Arc::clone(&figures));
    if args.once {
        return select! {
            done = once(auditor, &figures, &address) => done,
            () = stopped(&mut terminate) => Err(anyhow!("stopped before everything was read")),
        };
    }
    let listener = TcpListener::bind(args.ops_listen).await;
    let listener = listener.with_context(|| format!("cannot listen at --ops-listen {}", args.ops_listen))?;
    info!(address = %listener.local_addr()?, "listening");
    tokio::spawn(ops::serve(listener, Arc::clone(&figures)));
    let audit = Audit { auditor, policy, client, address, figures, every: args.every };
    select! {
        never = audit.keep_going() => match never {},
        () = stopped(&mut terminate) => {}
    }
    info!("stopping");
    Ok(())
}

async fn stopped(terminate: &mut Signal) {
    select! {
        _ = terminate.recv() => {}
        _ = ctrl_c() => {}
    }
}

async fn once(mut auditor: Auditor, figures: &Figures, address: &str) -> anyhow::Result<()> {
    let passed = auditor
        .pass()
        .await
        .map_err(|error| anyhow!("cannot read what the cluster at {address} stores: {}", why(&error)))?;
    if passed.version.is_none() {
        bail!("the cluster at {address} knows no ModelEndpoints: is Modelplane installed there?");
    }
    let figures = figures.lock();
    let counts = &figures.counts;
    let mut told = format!(
        "{} ModelEndpoints: {} would be refused, {} with warnings; {} reports, of which {} written; {} deleted\n",
        counts.endpoints, counts.refused, counts.warned, figures.reports, figures.applied, figures.deleted,
    );
    if counts.unreported > 0 {
        let _ = writeln!(told, "{} more have no report: raise --max-reports", counts.unreported);
    }
    stdout().lock().write_all(told.as_bytes()).context("cannot write to standard output")?;
    if !passed.is_whole {
        bail!("{} reports could not be written", figures.failed_writes);
    }
    Ok(())
}

struct Audit {
    auditor: Auditor,
    policy: PolicyFile,
    client: Client,
    address: String,
    figures: Arc<Figures>,
    every: Duration,
}

/// The reason for the next full pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// It is due.
    Due,
    /// The policy changed.
    Policy,
    /// A definition of reports was installed.
    Reports,
    /// The changes since the last one are unknown.
    Gone,
    /// A read or a write failed.
    Failed,
}

impl Audit {
    async fn keep_going(mut self) -> std::convert::Infallible {
        let mut wait = WAITS.0;
        loop {
            let began = Instant::now();
            match self.auditor.pass().await {
                Ok(passed) => {
                    let because = self.follow(&passed, began).await;
                    info!(?because, "reading everything again");
                    if matches!(because, Because::Due | Because::Policy | Because::Reports) {
                        wait = WAITS.0;
                        continue;
                    }
                }
                Err(error) => {
                    self.figures.lock().failed_passes += 1;
                    error!(
                        error = %why(&error),
                        cluster = %self.address,
                        "cannot read what the cluster stores; trying again"
                    );
                }
            }
            // After a long time without failures, start with the shortest wait again.
            wait = if began.elapsed() > WAITS.1 * 2 { WAITS.0 } else { (wait * 2).min(WAITS.1) };
            sleep(wait).await;
        }
    }

    /// Judges changes until something asks for a full pass.
    async fn follow(&mut self, passed: &Passed, began: Instant) -> Because {
        let Audit { auditor, policy, client, address, every, figures } = self;
        let took = began.elapsed();
        // Do not wait long if changes may have been missed, or reports were not written.
        let soon = LOOK_AGAIN.max(took * 2);
        let is_settled = passed.is_whole && !passed.is_torn && passed.version.is_some();
        let due = Instant::now() + if is_settled { *every } else { soon };
        let because = {
            let looks_for_reports = !auditor.has_reports();
            let changes = async {
                match &passed.version {
                    Some(version) => judge_changes(auditor, client, version, address).await,
                    None => std::future::pending().await,
                }
            };
            select! {
                because = changes => because,
                () = sleep_until(due) => Because::Due,
                () = policy.changed(figures) => Because::Policy,
                () = reports_appear(client), if looks_for_reports => Because::Reports,
            }
        };
        if because == Because::Policy {
            auditor.set_policy(policy.policy.clone());
        }
        because
    }
}

async fn judge_changes(auditor: &mut Auditor, client: &Client, version: &str, address: &str) -> Because {
    let mut changes = Changes::after(client.clone(), version.to_owned());
    let mut wait = WAITS.0;
    loop {
        let error = match changes.next().await {
            Ok(change) => {
                if changes.lasts() {
                    wait = WAITS.0;
                }
                if !auditor.changed(&change).await {
                    return Because::Failed;
                }
                continue;
            }
            Err(Ended::Gone) => return Because::Gone,
            // The definition was deleted.
            Err(Ended::Failed(kube::Error::Api(status))) if status.code == 404 => return Because::Gone,
            Err(Ended::Failed(error)) => why(&error),
            Err(Ended::AtOnce) => "the watch ended as soon as it began".to_owned(),
        };
        warn!(%error, cluster = %address, "cannot follow changes; trying again");
        sleep(wait).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

async fn reports_appear(client: &Client) {
    let mut looks = interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    loop {
        looks.tick().await;
        if Reports::find(client).await.is_ok_and(|found| found.chosen.is_some()) {
            return;
        }
    }
}
