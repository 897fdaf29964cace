//! Files or a cluster in, a report on their ModelEndpoints out.
//!
//! [`sources`] finds the files, [`run`] has `modelendpoint-lint` check and fix each, and [`mod@format`]
//! shows the findings to people and to machines. [`diff`] shows what a fix would write, with files named as in
//! [`patched`].

pub(crate) mod cluster;
pub(crate) mod diff;
pub(crate) mod format;
mod patched;
pub mod run;
pub mod sources;
pub(crate) mod write;
