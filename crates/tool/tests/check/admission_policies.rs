//! `check --cluster` on a real API server says whether its admission policies are up to date.

use anyhow::{Context, Result};
use control_plane::{ControlPlane, install_crd};
use tokio::process::Command;

use crate::workspace::Workspace;

const POLICY: &str = "rules:\n  url-port: off\n";
const FRESH: &str =
    "note: the cluster's admission policies are those that this version makes of the policy file\n";

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_whether_the_admission_policies_are_up_to_date() -> Result<()> {
    let files = Workspace::with(&[("policy.yaml", POLICY)]);
    let control_plane = ControlPlane::start().await?;
    install_crd(&control_plane.client()).await?;
    let tool = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelendpoint"));
        command.args(arguments).env("KUBECONFIG", control_plane.kubeconfig());
        anyhow::Ok(command.current_dir(files.path("")).output().await?)
    };
    let kubectl = async |arguments: &[&str]| {
        let output = control_plane.kubectl().args(arguments).current_dir(files.path("")).output().await?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        anyhow::Ok(())
    };
    let said = async |arguments: &[&str]| {
        let output = tool(&[&["check", "--cluster", "-A"], arguments].concat()).await?;
        let text = String::from_utf8(output.stderr)?;
        let note = text.lines().find(|line| line.contains("admission policies"));
        anyhow::Ok(note.map(|line| format!("{line}\n")).unwrap_or_default())
    };
    assert_eq!(said(&[]).await?, "", "there are none");

    let minor = control_plane.client().apiserver_version().await?.minor;
    let version = format!("1.{}", minor.trim_end_matches('+'));
    let made = tool(&["policies", "--kubernetes", &version]).await?;
    files.write("made.yaml", String::from_utf8(made.stdout).context("YAML")?);
    kubectl(&["apply", "-f", "made.yaml"]).await?;
    assert_eq!(said(&[]).await?, FRESH);

    // The backstop leaves the warnings out.
    kubectl(&["delete", "validatingadmissionpolicy", "modelendpoint-warnings"]).await?;
    assert_eq!(said(&[]).await?, FRESH);

    let stale = |faults: &str| {
        format!(
            "note: the cluster's admission policies are not those that this version makes of the policy file: {faults}; \
             apply what `modelendpoint policies` prints\n"
        )
    };
    let differs = "ValidatingAdmissionPolicy `modelendpoint-rules` differs";
    assert_eq!(said(&["--policy", "policy.yaml"]).await?, stale(differs));

    kubectl(&["delete", "validatingadmissionpolicybinding", "modelendpoint-rules"]).await?;
    let missing = "ValidatingAdmissionPolicyBinding `modelendpoint-rules` is missing";
    assert_eq!(said(&[]).await?, stale(missing));
    Ok(())
}
