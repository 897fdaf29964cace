//! `policies`: a policy file flows in, manifests of admission policies flow out.

use std::process::ExitCode;

use anyhow::anyhow;

use super::output::print;
use super::policy_of;
use crate::cli;
use modelendpoint_admission_policies::manifests;

/// # Errors
/// If the policy can't be used, or is longer than the API server accepts.
pub fn run(args: &cli::Policies) -> anyhow::Result<ExitCode> {
    let manifests =
        manifests(&policy_of(args.policy.as_deref())?, args.kubernetes).map_err(|why| anyhow!("{why}"))?;
    print(&manifests.to_string())?;
    Ok(ExitCode::SUCCESS)
}
