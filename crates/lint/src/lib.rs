//! The text of manifests in, findings out: what the webhook would say of them, with line and column.
//!
//! [`manifests`] finds the ModelEndpoints in a document, and [`mod@check`] asks the same functions as the served
//! webhook about each. [`mod@fix`] writes what would be stored, and
//! [`mod@migrate`] what Modelplane 0.5 takes. Nothing here reads a file or a clock, so that
//! a browser can run it as well as the command-line tool.

#![warn(unreachable_pub)]

pub mod check;
pub mod finding;
pub mod fix;
pub mod generation;
pub mod manifests;
pub mod mask;
pub mod migrate;
mod schema;
pub mod shown;
