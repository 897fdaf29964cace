//! What docs/upgrade-modelplane.md says to do with the tool, on a real API server: from the definition before Modelplane 0.5
//! to that of 0.5. `tests/control_plane/upgrade.rs` shows what the API server and the webhook do meanwhile.

use std::process::Output;

use anyhow::{Context, Result};
use control_plane::{ControlPlane, install_crd, install_crd_0_5, model_endpoint_resource};
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::workspace::Workspace;

const GROQ: &str = "apiVersion: modelplane.ai/v1alpha1
kind: ModelEndpoint
metadata:
  name: groq
spec:
  url: https://api.groq.com/openai/v1
  rewritePath: /openai/
";
const ADDRESS: &str = "apiVersion: modelplane.ai/v1alpha1
kind: ModelEndpoint
metadata:
  name: address
spec:
  url: http://10.0.1.50/qwen/v1
  rewritePath: /qwen/
";

/// Manifests, and the cluster that they are for.
struct Site {
    control_plane: ControlPlane,
    manifests: Workspace,
}

impl Site {
    async fn tool(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelendpoint"));
        command.args(arguments).env("KUBECONFIG", self.control_plane.kubeconfig());
        Ok(command.current_dir(self.manifests.path("")).output().await?)
    }

    /// The findings of `check` with these arguments, each as name, rule and severity, and its exit code.
    async fn check(&self, arguments: &[&str]) -> Result<(Option<i32>, Vec<Value>)> {
        let output = self.tool(&[&["check", "--format", "json"], arguments].concat()).await?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        let findings = report["findings"].as_array().into_iter().flatten();
        let found = findings.map(|f| json!([f["name"], f["rule"], f["severity"]])).collect();
        Ok((output.status.code(), found))
    }

    async fn apply(&self, manifest: &str) -> Result<bool> {
        let file = self.manifests.path(manifest);
        Ok(self.control_plane.kubectl().args(["apply", "-f"]).arg(file).output().await?.status.success())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tool_leads_from_one_modelplane_to_the_next() -> Result<()> {
    let manifests = Workspace::with(&[("groq.yaml", GROQ), ("address.yaml", ADDRESS)]);
    let site = Site { control_plane: ControlPlane::start().await?, manifests };
    let client = site.control_plane.client();
    install_crd(&client).await?;
    for manifest in ["groq.yaml", "address.yaml"] {
        assert!(site.apply(manifest).await?, "{manifest}");
    }
    let endpoints: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), "default", &model_endpoint_resource());
    let by_nobody = DynamicObject::new("by-nobody", &model_endpoint_resource())
        .data(json!({ "spec": { "url": "https://api.openai.com/v1", "rewritePath": "/" } }));
    endpoints.create(&PostParams::default(), &by_nobody).await?;

    // The definition in the cluster determines which fields it has.
    assert_eq!(site.check(&["--cluster", "-A"]).await?, (Some(0), vec![]));

    // step 2
    let shown = site.tool(&["migrate", "--diff", "."]).await?;
    let shown = String::from_utf8(shown.stdout)?;
    assert!(shown.contains("-  url: https://api.groq.com/openai/v1\n"), "{shown}");
    assert!(shown.contains("+  origin: https://api.groq.com\n"), "{shown}");
    assert_eq!(site.manifests.read("groq.yaml"), GROQ);
    let migrated = site.tool(&["migrate", "."]).await?;
    let told = String::from_utf8(migrated.stdout)? + &String::from_utf8(migrated.stderr)?;
    assert!(told.contains("address.yaml") && told.contains("has an IP address as its host"), "{told}");
    let groq = GROQ.replace(
        "  url: https://api.groq.com/openai/v1\n  rewritePath: /openai/\n",
        "  origin: https://api.groq.com\n  api:\n    prefix: /openai/v1\n",
    );
    assert_eq!(site.manifests.read("groq.yaml"), groq);
    assert_eq!(site.manifests.read("address.yaml"), ADDRESS);

    // step 4 finds what step 3 adds
    let of_0_5 = ["--modelplane", "0.5", "."];
    assert_eq!(
        site.check(&of_0_5).await?.1,
        [json!(["address", "other-generation", "deny"]), json!(["groq", "provider-credential", "warn"])]
    );
    let credential = "  model: llama-3.3-70b-versatile\n  credential:\n    method: APIKey\n    apiKey:\n      secretRef:\n        name: groq-key\n";
    site.manifests.write("groq.yaml", groq + credential);
    assert_eq!(site.check(&of_0_5).await?.1, [json!(["address", "other-generation", "deny"])]);

    // step 5
    let lost = ["address", "by-nobody", "groq"].map(|name| json!([name, "other-generation", "deny"]));
    let in_the_cluster = site.check(&["--cluster", "-A", "--modelplane", "0.5"]).await?;
    assert_eq!(in_the_cluster, (Some(1), lost.to_vec()));

    // steps 6 and 7
    install_crd_0_5(&client).await?;
    assert!(!site.apply("address.yaml").await?, "strict validation knows no url");
    assert!(site.apply("groq.yaml").await?);

    // step 8
    let left = ["address", "by-nobody"].map(|name| json!([name, "other-generation", "deny"]));
    assert_eq!(site.check(&["--cluster", "-A"]).await?, (Some(1), left.to_vec()));
    for name in ["address", "by-nobody"] {
        endpoints.delete(name, &kube::api::DeleteParams::default()).await?;
    }
    assert_eq!(site.check(&["--cluster", "-A"]).await?, (Some(0), vec![]));
    Ok(())
}
