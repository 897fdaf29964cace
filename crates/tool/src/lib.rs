//! The command-line tool: what the webhook would say about manifests or about a cluster's objects.
//!
//! ```text
//! cli          the flags, each defined once
//!  └─ commands     one file per subcommand: arguments in, an exit code out
//!      ├─ lint         manifests or a cluster's objects in, findings with line and column out
//!      └─ audit        a cluster in, reports about what it stores out
//!          └─ cluster      pages of what a cluster stores, and changes; `lint` reads them too
//! ```

#![warn(unreachable_pub)]

mod audit;
pub mod cli;
mod cluster;
pub mod commands;
pub mod lint;
