//! `cargo playground`: an API server that calls the webhook, to try things out with kubectl, until Ctrl-C.

use std::{
    env,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use control_plane::{ControlPlane, Webhook, WebhookCertificates, install_crd};
use serde_json::Value;
use tokio::{signal, time::sleep};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const WEBHOOK: &str = "modelendpoint-webhook";
/// The name of the Service in deploy/.
const DNS_NAME: &str = "modelendpoint-webhook.modelendpoint-webhook.svc";
const NAMESPACE: &str = "ml-team";

#[tokio::main]
async fn main() -> Result<()> {
    let binary = build_webhook()?;
    eprintln!("Starting a control plane …");
    let control_plane = ControlPlane::start().await?;
    install_crd(&control_plane.client()).await?;
    let certificates = WebhookCertificates::new(&[DNS_NAME])?;
    let webhook = Webhook::start(&binary, &certificates.serve_arguments()).await?;
    control_plane
        .register_webhooks(
            &Path::new(REPOSITORY).join("deploy"),
            webhook.address().port(),
            &certificates.ca_bundle(),
        )
        .await
        .with_context(|| format!("the webhook's log:\n{}", webhook.log()))?;
    create_namespace(&control_plane).await?;
    println!("{}", what_to_try(&control_plane));
    tokio::select! {
        ended = follow_log(&webhook) => ended,
        interrupted = signal::ctrl_c() => Ok(interrupted?),
    }
}

fn build_webhook() -> Result<PathBuf> {
    eprintln!("Building the webhook …");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", WEBHOOK, "--bin", WEBHOOK])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(REPOSITORY)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the webhook doesn't build");
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == WEBHOOK)
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("cargo built no executable")
}

async fn create_namespace(control_plane: &ControlPlane) -> Result<()> {
    let output = control_plane.kubectl().args(["create", "namespace", NAMESPACE]).output().await?;
    ensure!(
        output.status.success(),
        "could not create the namespace {NAMESPACE}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn what_to_try(control_plane: &ControlPlane) -> String {
    let kubeconfig = control_plane.kubeconfig().display();
    let kubectl = control_plane.kubectl();
    let kubectl = kubectl.as_std().get_program().display();
    let refused = endpoint("typo", "url: 'http://[::1'");
    let normalized =
        endpoint("qwen-72b", "url: http://10.0.1.50/ml-team/qwen-72b/\n  rewritePath: /ml-team/qwen-72b");
    let defaulted = endpoint("groq", "url: https://api.groq.com/openai/v1");
    format!(
        "\
The webhook guards an API server of Kubernetes {version}. In another terminal:

export KUBECONFIG='{kubeconfig}'
alias kubectl='{kubectl}'   # where there is none

1. A url that nothing can be routed to. It is refused, with the reason:

{refused}
2. A rewritePath without its final slash. It gets one, with a warning:

{normalized}
3. No rewritePath at all. It follows from the url:

{defaulted}
And what is stored of all that:

kubectl get modelendpoints --namespace {NAMESPACE} --output yaml

Ctrl-C ends everything and leaves nothing. Until then, the webhook's log:
",
        version = control_plane.version(),
    )
}

/// A command to paste.
fn endpoint(name: &str, spec: &str) -> String {
    format!(
        "\
kubectl apply -f - <<'EOF'
apiVersion: modelplane.ai/v1alpha1
kind: ModelEndpoint
metadata:
  name: {name}
  namespace: {NAMESPACE}
spec:
  {spec}
EOF
"
    )
}

/// Copies the log to standard output until the webhook ends, which is an error.
async fn follow_log(webhook: &Webhook) -> Result<()> {
    let mut log = File::open(webhook.log_file())?;
    loop {
        // Nothing signals that a file has grown, so this copies repeatedly, each time from where the last copy
        // stopped.
        io::copy(&mut log, &mut io::stdout())?;
        io::stdout().flush()?;
        webhook.ensure_running()?;
        sleep(Duration::from_millis(100)).await;
    }
}
