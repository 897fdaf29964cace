//! The text of manifests in, findings out: what the webhook would say about them, with line and column.
//!
//! [`manifests`] finds the ModelEndpoints in a document, and [`mod@check`] judges each with the same functions as the
//! running webhook. [`mod@fix`] writes the corrected manifests, and [`mod@migrate`] those for Modelplane 0.5.
//! [`providers`] says what to write for a provider. Nothing here reads a file or a clock, so both a browser and the
//! command-line tool can run it.

#![warn(unreachable_pub)]

pub mod check;
pub mod finding;
pub mod fix;
pub mod generation;
pub mod manifests;
pub mod mask;
pub mod migrate;
pub mod providers;
mod schema;
pub mod shown;
