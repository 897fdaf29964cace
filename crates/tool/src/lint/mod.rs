//! Files or a cluster in, a report on their ModelEndpoints out.
//!
//! [`sources`] finds the files, [`run`] checks and fixes each with `modelendpoint-lint`, and [`mod@format`] shows the
//! findings to people and to programs. [`diff`] shows what a fix would write, with the names of files from
//! [`patched`].

pub(crate) mod cluster;
pub(crate) mod diff;
pub(crate) mod format;
mod patched;
pub mod run;
pub mod sources;
pub(crate) mod write;
