//! A major version of Helm in, a command out.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{process::Command, task::spawn_blocking};

use crate::assets::obtain_helm;

/// The versions that the chart is tested with: those of `helm/3/go.mod` and `helm/4/go.mod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helm {
    V3,
    V4,
}

impl Helm {
    pub const ALL: [Helm; 2] = [Helm::V3, Helm::V4];

    /// `helm`, without a cluster and without the user's configuration.
    pub async fn command(self) -> Result<Command> {
        let program =
            spawn_blocking(move || obtain_helm(self)).await.context("the build was cut short")??;
        let mut helm = Command::new(program);
        helm.kill_on_drop(true).env_remove("KUBECONFIG");
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            helm.env(variable, std::env::temp_dir().join("helm-of-tests"));
        }
        Ok(helm)
    }

    /// The objects that `helm template` prints for these arguments, without those of `helm test`.
    pub async fn template(self, arguments: &[&str]) -> Result<Vec<Value>> {
        self.template_with_tests(&[arguments, &["--skip-tests"]].concat()).await
    }

    /// The same, with those of `helm test`.
    pub async fn template_with_tests(self, arguments: &[&str]) -> Result<Vec<Value>> {
        let mut helm = self.command().await?;
        let output = helm.arg("template").args(arguments).output().await?;
        ensure!(
            output.status.success(),
            "`helm template {}` failed:\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        let objects: Vec<Value> = serde_saphyr::from_multiple(&String::from_utf8(output.stdout)?)
            .context("the rendered chart is not valid YAML")?;
        Ok(objects.into_iter().filter(|object| !object.is_null()).collect())
    }
}
