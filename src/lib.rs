//! The map of modelendpoint-webhook: what flows where. Arrows point one way.
//!
//! ```text
//! cli            the flags, each defined once
//!  └─ commands       one file per subcommand: arguments in, an exit code out
//!      ├─ server         connections in, answers out; health, metrics, log lines
//!      │   ├─ certificates   from files, self-signed, or managed in a Secret: what to serve, whom to trust
//!      │   ├─ traces         what became of a review, over OTLP, if asked for
//!      │   └─ policy         a policy file, followed by its content
//!      ├─ lint           manifests or a cluster's objects in, findings with line and column out
//!      │   └─ yaml           YAML and JSON whose nodes know where they are written
//!      └─ admission      pure: the bytes of an AdmissionReview in, the bytes of its answer out
//!          └─ endpoint       pure: a url and a rewritePath in, a default or violations out
//! ```
//!
//! `docs/architecture.md` follows one request through it. The last two are the crate `crates/core`.

pub mod certificates;
pub mod cli;
pub mod duration;
pub mod policy;
pub mod reload;
pub mod serve;
pub mod server;
pub mod telemetry;
pub mod traces;
