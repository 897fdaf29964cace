//! `serve`: arguments in, a server that runs until a signal stops it out.

mod signals;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::certificates::clients::{ClientCa, Clients, ReloadedClients};
use crate::certificates::clock::Clock;
use crate::certificates::files::{self, Content, Files};
use crate::certificates::managed::api_server;
use crate::certificates::managed::configuration::Service;
use crate::certificates::managed::lifetimes::Lifetimes;
use crate::certificates::managed::{self, keep_managing};
use crate::certificates::pair::Pair;
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
use modelendpoint_core::admission;
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::policy::Enforcement;
use modelendpoint_core::endpoint::providers;
use modelendpoint_files::{Accept, shown};
use modelendpoint_issuer::{Issued, issue_once};
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
    if let Some(pair) = certificate.current() {
        metrics.loaded.record_certificate(&pair);
    }
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
        Origin::Files(files, content) => follow_files(files, content, certificate, metrics),
        Origin::Issued(issued) => {
            show_how_to_call(&issued, server.https_address()?, args.write_ca.as_deref())?;
        }
        Origin::Managed(client, clock, settings) => {
            manage_certificate(client, clock, settings, certificate, metrics);
        }
    }
    if args.enforcement != Enforcement::Deny {
        warn!(enforcement = args.enforcement.name(), "endpoints that break a rule are admitted");
    }
    run_until_drained(server, args.drain, &drain, signals).await
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

/// Serves the certificate in the files, and reloads it from now on when they change.
fn follow_files(files: Files, content: Content, certificate: Arc<Served>, metrics: Arc<Metrics>) {
    let current = Arc::clone(&certificate);
    let tell = move |reload| {
        metrics.loaded.certificate_reloads.inc(reload);
        if let Some(pair) = current.current() {
            metrics.loaded.record_certificate(&pair);
        }
    };
    tokio::spawn(files::keep_reloading(files, content, certificate, tell));
}

/// Serves the certificate in the Secret, and renews it from now on.
fn manage_certificate(
    client: kube::Client,
    clock: Arc<Clock>,
    settings: managed::Settings,
    certificate: Arc<Served>,
    metrics: Arc<Metrics>,
) {
    let current = Arc::clone(&certificate);
    let tell = move |event| {
        metrics.managed.record(event);
        if let Some(pair) = current.current() {
            metrics.loaded.record_certificate(&pair);
        }
    };
    tokio::spawn(keep_managing(client, settings, certificate, clock, tell));
}

/// Prints commands that try out a server with this certificate. Writes its CA to a file, if one is given.
fn show_how_to_call(issued: &Issued, https: SocketAddr, write_ca: Option<&Path>) -> anyhow::Result<()> {
    if let Some(file) = write_ca {
        modelendpoint_files::write(file, issued.ca.as_bytes())
            .with_context(|| format!("cannot write --write-ca {}", shown(file)))?;
    }
    // If stdout is closed, nobody wants to read it.
    let _ = io::stdout().write_all(how_to_call(https, write_ca).as_bytes());
    Ok(())
}

/// Where the certificate comes from.
enum CertificateSource {
    Files(Files),
    SelfSigned,
    Managed(managed::Settings, PathBuf),
}

/// Where the certificate came from, with what is needed to keep it up to date.
enum Origin {
    Files(Files, Content),
    Issued(Issued),
    Managed(kube::Client, Arc<Clock>, managed::Settings),
}

impl CertificateSource {
    fn of(args: &cli::Serve) -> anyhow::Result<Self> {
        if args.managed.managed_certs {
            if args.tls_cert.is_some()
                || args.tls_key.is_some()
                || args.self_signed
                || args.write_ca.is_some()
            {
                bail!(
                    "--managed-certs makes the certificate: leave out --tls-cert, --tls-key, --self-signed \
                     and --write-ca"
                )
            }
            let settings = settings(&args.managed)?;
            return Ok(Self::Managed(settings, args.managed.service_account.clone()));
        }
        match (&args.tls_cert, &args.tls_key, args.self_signed) {
            (Some(_), _, true) | (_, Some(_), true) => {
                bail!("--self-signed makes a certificate of its own: leave out --tls-cert and --tls-key")
            }
            (None, None, true) => Ok(Self::SelfSigned),
            (None, None, false) => bail!(
                "a certificate is missing: give --tls-cert and --tls-key, --managed-certs in a cluster, or \
                 --self-signed to try it out"
            ),
            _ if args.write_ca.is_some() => {
                bail!("--write-ca is for the CA that --self-signed makes: leave it out")
            }
            (Some(certificate), Some(key), false) => {
                Ok(Self::Files(Files { certificate: certificate.clone(), key: key.clone() }))
            }
            (Some(_), None, false) => bail!("--tls-key is missing: the private key of --tls-cert"),
            (None, Some(_), false) => bail!("--tls-cert is missing: the certificate of --tls-key"),
        }
    }

    fn load(self, listen: IpAddr) -> anyhow::Result<(Arc<Served>, Origin)> {
        match self {
            Self::Files(files) => {
                let (content, pair) = files.load()?;
                Ok((Served::new(pair), Origin::Files(files, content)))
            }
            Self::SelfSigned => {
                let issued = issue_once(names(listen), DAYS).context("cannot make a certificate")?;
                let pair = Pair::from_pem(issued.leaf.certificate.as_bytes(), issued.leaf.key.as_bytes())
                    .map_err(|defect| anyhow::anyhow!("cannot use the new certificate: {defect}"))?;
                Ok((Served::new(pair), Origin::Issued(issued)))
            }
            Self::Managed(settings, service_account) => {
                let clock = Arc::<Clock>::default();
                let client = api_server::client(&service_account, &clock)?;
                Ok((Served::empty(Arc::clone(&clock)), Origin::Managed(client, clock, settings)))
            }
        }
    }
}

fn settings(flags: &cli::ManagedCerts) -> anyhow::Result<managed::Settings> {
    Ok(managed::Settings {
        service: Service { namespace: flags.namespace.clone(), name: flags.service.clone() },
        secret: flags.secret.clone(),
        mutating_configuration: flags.mutating_config.clone(),
        validating_configuration: flags.validating_config.clone(),
        lifetimes: Lifetimes::new(flags.managed_ca_lifetime, flags.managed_leaf_lifetime)?,
    })
}

/// How long the certificate of `--self-signed` is valid.
const DAYS: u16 = 30;

fn names(listen: IpAddr) -> Vec<String> {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut names = vec!["localhost".to_owned()];
    names.extend(loopback.map(|ip| ip.to_string()));
    if !listen.is_unspecified() && !loopback.contains(&listen) {
        names.push(listen.to_string());
    }
    names
}

/// Lines to paste into a terminal in the repository.
fn how_to_call(https: SocketAddr, ca: Option<&Path>) -> String {
    let host = match https.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let port = https.port();
    let trust = ca.map_or_else(
        || "--insecure".to_owned(),
        |ca| format!("--cacert {}", quoted(&ca.display().to_string())),
    );
    let remark = match ca {
        Some(_) => "",
        None => " (with --write-ca FILE instead of --insecure, curl checks the certificate)",
    };
    let curl = |example: &str, path: &str| {
        format!(
            "curl --silent --show-error {trust} -H 'Content-Type: application/json' \
             --data-binary @examples/{example} https://{host}:{port}{path}"
        )
    };
    format!(
        "Try it in another terminal, in the root of the repository{remark}:\n\n\
         # a patch that adds the trailing slash\n{}\n\n\
         # a denial of a url that cannot work\n{}\n",
        curl("create-without-slash.json", "/mutate"),
        curl("create-malformed.json", "/validate"),
    )
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
