//! `serve`: arguments in, a server that runs until a signal stops it out.

mod certificate;
mod signals;
mod try_out;

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::certificates::clients::{ClientCa, Clients, ReloadedClients};
use crate::certificates::files;
use crate::certificates::managed::keep_managing;
use crate::certificates::served::Served;
use crate::cli;
use crate::policy::reload::PolicyFile;
use crate::policy::{Active, hash};
use crate::reload::keep_reloading;
use crate::server::drain::Drain;
use crate::server::limits::Limits;
use crate::server::metrics::Metrics;
use crate::server::{Parts, Server, descriptors};
use crate::telemetry::{self, quota};
use crate::traces::Traces;
use certificate::{CertificateSource, Origin};
use modelendpoint_core::admission;
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::policy::Enforcement;
use modelendpoint_core::endpoint::providers;
use modelendpoint_files::Accept;
use modelendpoint_policy::{Loaded, load};
use signals::Signals;

/// # Errors
/// If the server can't start: what to change.
pub fn run(args: &cli::Serve) -> anyhow::Result<ExitCode> {
    let source = CertificateSource::of(args)?;
    let (log, dropped) = telemetry::start(args.log_format, args.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads())
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    // Comes first: the first process of a container ignores every signal that it has no handler for.
    let signals = Signals::heed(runtime.handle(), log.clone())?;
    runtime.spawn(quota::keep_telling());
    let traces = Traces::from_environment(runtime.handle().clone())?;
    let metrics = Arc::new(Metrics::new(dropped));
    let ended = runtime.block_on(start(args, source, metrics, traces.clone(), &signals));
    if let Some(traces) = traces {
        traces.shut_down();
    }
    // Do not wait for what still runs on it: looking up a name may take minutes.
    runtime.shutdown_background();
    log.finish();
    ended.map(|()| ExitCode::SUCCESS)
}

/// One for each usable CPU, up to four, which can answer some 250,000 reviews a second. The standard library knows the CPU
/// affinity and the quota of the cgroup (rounded down, at least one): a container with `cpu: 50m` on a node with 64 cores
/// gets one.
fn worker_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(4)
}

/// Starts all parts of the server, and runs it until it has drained.
async fn start(
    args: &cli::Serve,
    source: CertificateSource,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    signals: &Signals,
) -> anyhow::Result<()> {
    let policy = follow_policy(args, &metrics)?;
    providers::prepare();
    let (certificate, origin) = source.load(args.listen.ip())?;
    tokio::spawn(keep_recording(Arc::clone(&certificate), Arc::clone(&metrics)));
    let clients = follow_client_ca(args, &metrics)?;
    let drain = Arc::new(Drain::default());
    let server = Server::bind(Parts {
        listen: args.listen,
        ops_listen: args.ops_listen,
        limits: Limits::new(descriptors::make_room(args.max_connections)),
        certificate: Arc::clone(&certificate),
        clients,
        judge: admission::answer,
        policy,
        metrics: Arc::clone(&metrics),
        traces,
        drain: Arc::clone(&drain),
    })?;
    match origin {
        Origin::Files(files, content) => {
            let tell = move |reload| metrics.loaded.certificate_reloads.inc(reload);
            tokio::spawn(files::keep_reloading(files, content, certificate, tell));
        }
        Origin::Issued(issued) => {
            try_out::show(&issued, server.https_address()?, args.write_ca.as_deref())?;
        }
        Origin::Managed(client, clock, settings) => {
            let tell = move |event| metrics.managed.record(event);
            tokio::spawn(keep_managing(client, settings, certificate, clock, tell));
        }
    }
    if args.enforcement != Enforcement::Deny {
        warn!(enforcement = args.enforcement.name(), "endpoints that break a rule are admitted");
    }
    run_until_drained(server, args.drain, &drain, signals).await
}

/// Records when the certificate expires that is served, now and whenever it changes.
async fn keep_recording(certificate: Arc<Served>, metrics: Arc<Metrics>) {
    let mut swaps = certificate.swaps();
    loop {
        if let Some(pair) = certificate.current() {
            metrics.loaded.record_certificate(&pair);
        }
        if swaps.changed().await.is_err() {
            return;
        }
    }
}

/// Runs the server. After the first signal, it keeps serving for `grace` while traffic moves away, and then closes.
async fn run_until_drained(
    server: Server,
    grace: Duration,
    drain: &Drain,
    signals: &Signals,
) -> anyhow::Result<()> {
    let leaving = async {
        signals.first().await;
        drain.leave();
        info!("stopping: serving for another {grace:?} while traffic moves away");
        sleep(grace).await;
        info!("closing");
        drain.close();
    };
    // The server runs on a worker thread: on this one, the main thread, every connection would cost two more thread
    // switches. A signal that arrives between these two lines starts `leaving`.
    signals.serving();
    let mut serving = tokio::spawn(server.run());
    let result = tokio::select! {
        result = &mut serving => result,
        () = leaving => serving.await,
    };
    Ok(result.context("the server panicked")??)
}

/// The policy in the file, which is reloaded from now on when it changes. Without a file, every rule has its own
/// severity.
fn follow_policy(args: &cli::Serve, metrics: &Arc<Metrics>) -> anyhow::Result<Arc<Active>> {
    let enforcement = args.enforcement;
    let Some(file) = &args.policy else {
        return Ok(Active::new(Policy::NONE.enforced(enforcement)));
    };
    let Loaded { content, policy } = load(file, Accept::Regular)?;
    let hash = hash(&content);
    info!(hash, "policy loaded");
    metrics.loaded.record_policy(&hash);
    let active = Active::new(policy.enforced(enforcement));
    let (counting, holding) = (Arc::clone(metrics), Arc::clone(metrics));
    let file = PolicyFile {
        path: file.to_owned(),
        active: Arc::clone(&active),
        enforcement,
        tell: move |hash: &str| holding.loaded.record_policy(hash),
    };
    tokio::spawn(keep_reloading(file, content, move |reload| counting.loaded.policy_reloads.inc(reload)));
    Ok(active)
}

/// The clients that `--client-ca` allows to call. Its file is reloaded from now on when it changes.
fn follow_client_ca(args: &cli::Serve, metrics: &Arc<Metrics>) -> anyhow::Result<Option<Arc<Clients>>> {
    let Some(file) = &args.client_ca else { return Ok(None) };
    let file = ClientCa::new(file);
    let (loaded, clients) = Clients::load(&file, &args.client_names)?;
    let source = ReloadedClients { file, clients: Arc::clone(&clients) };
    let metrics = Arc::clone(metrics);
    let tell = move |reload| metrics.loaded.client_ca_reloads.inc(reload);
    tokio::spawn(keep_reloading(source, loaded, tell));
    Ok(Some(clients))
}
