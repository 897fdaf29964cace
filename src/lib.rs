//! The server. Each part uses only parts below it.
//!
//! ```text
//! cli              the flags, each defined once
//! serve            parsed flags in, a process that serves until a signal stops it
//!  └─ server           connections in, answers out; health, metrics, log lines
//!      ├─ certificates     from files, self-signed, or managed in a Secret: what to serve, whom to trust
//!      ├─ policy           the policy in use
//!      ├─ traces           the outcome of a review in, a span out, over OTLP if configured
//!      └─ telemetry        log events in, lines on stderr out, within a quota for each kind
//! reload           follows files by their content: certificates, the client CA, the policy
//! duration         durations as flags spell them
//! tls              one set-up of rustls for all of them
//! ```
//!
//! `crates/core`, which is pure, decides what a review means. The other crates:
//!
//! ```text
//! crates/tool                  the command-line tool `modelendpoint`
//! crates/lint                  manifests in, findings and corrected manifests out
//! crates/admission-policies    a policy in, admission policies in CEL out
//! crates/policy                a policy file in, a policy or its mistakes out
//! crates/yaml                  YAML and JSON whose nodes know their position
//! crates/issuer                a CA, and a certificate that it signed
//! crates/files                 reads files up to a limit, and never waits for a pipe
//! crates/chart-docs            generates the documentation of the Helm chart
//! crates/control-plane, crates/test-support    for tests
//! ```
//!
//! `docs/architecture.md` follows one request through the code.

pub mod certificates;
pub mod cli;
pub mod duration;
pub mod policy;
mod reload;
pub mod serve;
pub mod server;
pub mod telemetry;
mod tls;
pub mod traces;
