//! Files or a cluster in, a report on their ModelEndpoints out.
//!
//! [`sources`] finds the files, [`run`] has `modelendpoint-lint` check and fix each, and [`mod@format`]
//! shows the findings to people and to machines.

pub(crate) mod cluster;
pub(crate) mod diff;
pub(crate) mod format;
pub mod run;
pub mod sources;
pub(crate) mod write;
