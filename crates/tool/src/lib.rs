//! The command-line tool: what the webhook would say of manifests or of a cluster's objects.
//!
//! ```text
//! cli          the flags, each defined once
//!  └─ commands     one file per subcommand: arguments in, an exit code out
//!      └─ lint         manifests or a cluster's objects in, findings with line and column out
//! ```

#![warn(unreachable_pub)]

pub mod cli;
pub mod commands;
pub mod lint;
