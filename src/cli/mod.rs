//! Every flag, defined and documented once. Each can be given by an environment variable too.

mod managed_certs;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::duration;
pub use managed_certs::ManagedCerts;
use modelendpoint_core::endpoint::policy::Enforcement;

/// Lets only well-formed Modelplane `ModelEndpoint`s into a Kubernetes cluster.
///
/// Exit codes: 0 fine, 1 findings, 2 usage or start-up error.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Box<Serve>),
}

/// Serve the mutating and the validating webhook over HTTPS.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to serve HTTPS: POST /mutate and POST /validate. `[::]` is every address, of IPv6 and IPv4. Port 0
    /// picks a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "[::]:8443", env = "MODELENDPOINT_WEBHOOK_LISTEN")]
    pub listen: SocketAddr,

    /// Where to serve plain HTTP: GET /livez, /readyz and /metrics. `[::]` and port 0 as for --listen.
    #[arg(
        long,
        value_name = "IP:PORT",
        default_value = "[::]:8080",
        env = "MODELENDPOINT_WEBHOOK_OPS_LISTEN"
    )]
    pub ops_listen: SocketAddr,

    /// The certificate chain in PEM, leaf first. Reloaded when its content changes.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert in PEM. Reloaded when its content changes.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Try it out: make a fresh CA and a certificate for localhost and loopback, in memory.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_SELF_SIGNED",
        value_parser = BoolishValueParser::new()
    )]
    pub self_signed: bool,

    /// Write the CA certificate of --self-signed to this file, for clients to trust.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_WRITE_CA")]
    pub write_ca: Option<PathBuf>,

    /// Severities of rules and allow lists of hosts: docs/policy.md. Reloaded when its content changes.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_POLICY")]
    pub policy: Option<PathBuf>,

    /// What happens to an endpoint that breaks a rule: deny refuses it, warn admits it with a warning, and audit
    /// admits it. All three log and count it. A policy can differ for some namespaces.
    #[arg(
        long,
        value_name = "MODE",
        default_value = Enforcement::Deny.name(),
        value_parser = enforcement(),
        env = "MODELENDPOINT_WEBHOOK_ENFORCEMENT"
    )]
    pub enforcement: Enforcement,

    #[command(flatten)]
    pub managed: ManagedCerts,

    /// Accept only clients whose certificate was signed by this CA (PEM). Reloaded when its content
    /// changes.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_CLIENT_CA")]
    pub client_ca: Option<PathBuf>,

    /// Accept only clients of --client-ca with this common name or DNS name; give it once for each
    /// name, or several in the variable with commas between them.
    #[arg(
        long = "client-name",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "client_ca",
        env = "MODELENDPOINT_WEBHOOK_CLIENT_NAME"
    )]
    pub client_names: Vec<String>,

    /// How long to keep serving after SIGTERM, while /readyz says 503 and traffic moves away.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration::parse,
        env = "MODELENDPOINT_WEBHOOK_DRAIN"
    )]
    pub drain: Duration,

    /// How many HTTPS connections may be open at a time.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4096,
        value_parser = clap::value_parser!(u32).range(1..),
        env = "MODELENDPOINT_WEBHOOK_MAX_CONNECTIONS"
    )]
    pub max_connections: u32,

    /// How log lines on stderr are written.
    #[arg(
        long,
        value_enum,
        default_value_t = LogFormat::Text,
        env = "MODELENDPOINT_WEBHOOK_LOG_FORMAT"
    )]
    pub log_format: LogFormat,

    /// The least severe log lines to write. Allowed requests are logged at debug.
    #[arg(
        long,
        value_enum,
        default_value_t = LogLevel::Info,
        env = "MODELENDPOINT_WEBHOOK_LOG_LEVEL"
    )]
    pub log_level: LogLevel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

fn enforcement() -> impl TypedValueParser<Value = Enforcement> {
    let names = PossibleValuesParser::new(Enforcement::ALL.map(Enforcement::name));
    names.map(|name| Enforcement::of(&name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_flag_has_a_doc_and_an_environment_variable_of_its_own() {
        test_support::flags::check(&Cli::command());
    }
}
