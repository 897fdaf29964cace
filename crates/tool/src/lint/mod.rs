//! Manifests in, findings out: what the webhook would say of them, with line and column.
//!
//! [`sources`] finds the files, [`manifests`] the ModelEndpoints in their documents, and [`check`] asks
//! the same functions as the served webhook about each. [`fix`] writes what would be stored; [`mod@format`]
//! shows findings to people and to machines.

pub mod check;
pub(crate) mod cluster;
pub(crate) mod diff;
pub mod finding;
pub mod fix;
pub(crate) mod format;
pub mod manifests;
mod mask;
pub mod run;
pub mod sources;
mod write;
