//! `policies`: a policy file flows in, manifests of admission policies flow out.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use crate::cli;
use modelendpoint_admission_policies::manifests;
use modelendpoint_core::endpoint::Policy;
use modelendpoint_files::Accept;
use modelendpoint_policy::load;

/// # Errors
/// When the policy can't be used, or is longer than the API server takes.
pub fn run(args: &cli::Policies) -> anyhow::Result<ExitCode> {
    let policy = match &args.policy {
        Some(file) => load(file, Accept::Any)?.policy,
        None => Policy::NONE,
    };
    let manifests = manifests(&policy, args.kubernetes).map_err(|why| anyhow!("{why}"))?;
    write!(std::io::stdout().lock(), "{manifests}").context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
