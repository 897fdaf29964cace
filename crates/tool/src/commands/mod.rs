//! One file per subcommand: arguments in, an exit code or a start-up error out.

pub mod audit;
pub mod certs;
pub mod check;
pub mod completions;
pub mod man;
pub mod migrate;
mod output;
pub mod policies;
mod progress;
pub mod providers;
pub mod rules;

use std::path::Path;

use modelendpoint_core::endpoint::Policy;
use modelendpoint_files::Accept;
use modelendpoint_policy::load;

/// The policy that a flag names, or the one that changes nothing.
fn policy_of(flag: Option<&Path>) -> anyhow::Result<Policy> {
    Ok(match flag {
        Some(file) => load(file, Accept::Any)?.policy,
        None => Policy::NONE,
    })
}
