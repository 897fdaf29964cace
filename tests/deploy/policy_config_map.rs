//! The component `policy`: the replicas reload a `ConfigMap` that changes, without a restart.
//!
//! The kubelet writes the files of a `ConfigMap` into a pod, and replaces all of them at once with a link. Here, the
//! test does the same with the content that the API server has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};
use control_plane::{Seen, Webhook, eventually, kustomize};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::installed::{Installed, LONG, NAME, SOON, deploy, ready};
use crate::manifests::{kustomization, relative};

const CONFIG_MAP: &str = "modelendpoint-webhook-policy";
const HASH: &str = "modelendpoint_webhook_policy_hash ";

#[tokio::test(flavor = "multi_thread")]
async fn replicas_follow_the_config_map_and_refuse_a_policy_with_mistakes() -> Result<()> {
    let file = mounted_file().await?;
    let installed = Installed::new().await?;
    let config_maps = Api::<ConfigMap>::namespaced(installed.control_plane.client(), NAME);
    let write = async |policy: &str| {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": CONFIG_MAP }, "data": { &file: policy },
        });
        config_maps.patch(CONFIG_MAP, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await?;
        anyhow::Ok(config_maps.get(CONFIG_MAP).await?)
    };
    let first = write("rules: {}\n").await?;
    let volumes = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut replicas = Vec::new();
    for volume in &volumes {
        mount(&first, volume, "1")?;
        let policy = format!("--policy={}", volume.path().join(&file).display());
        let replica = installed.start_replica(&[LONG[0], LONG[1], &policy]).await?;
        ready(&replica).await?;
        replicas.push(replica);
    }
    let before = same_hash(&replicas, |_| true).await?;

    let changed = write("overrides:\n- namespaces: ['*']\n  enforcement: audit\n").await?;
    volumes.iter().try_for_each(|volume| mount(&changed, volume, "2"))?;
    let after = same_hash(&replicas, |hash| hash != before).await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let bad = control_plane::writer::endpoint("bad", "http://[::1");
    installed.endpoints().create(&dry_run, &bad).await.context("the new policy admits it")?;

    let broken = write("overrides:\n- namespaces: ['*']\n  enforcement: none\n").await?;
    volumes.iter().try_for_each(|volume| mount(&broken, volume, "3"))?;
    for replica in &replicas {
        eventually("a line about the mistake", SOON, async || {
            let log = replica.log();
            let told = log.contains("policy.yaml:3:16: the mode is `audit`, `warn` or `deny`");
            Ok(if told { Seen::Done(()) } else { Seen::NotYet(log) })
        })
        .await?;
    }
    assert_eq!(same_hash(&replicas, |_| true).await?, after);
    installed.endpoints().create(&dry_run, &bad).await.context("the policy before still holds")?;
    Ok(())
}

/// The name of the file that the component's pods read the policy from. Fails if the volume, the mount or the flag is
/// wrong.
async fn mounted_file() -> Result<String> {
    let fields = json!({
        "resources": [relative(&deploy())?],
        "components": [relative(&deploy().join("components/policy"))?],
    });
    let manifests = kustomize(kustomization(&fields)?.path()).await?;
    let deployment =
        manifests.iter().find(|manifest| manifest["kind"] == "Deployment").context("a Deployment")?;
    let pod = &deployment["spec"]["template"]["spec"];
    let named = |list: &Value, name: &str| {
        list.as_array()
            .and_then(|items| items.iter().find(|item| item["name"] == name))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(named(&pod["volumes"], "policy")["configMap"]["name"], CONFIG_MAP);
    let container = &pod["containers"][0];
    let mount = named(&container["volumeMounts"], "policy");
    assert_eq!(mount["subPath"], Value::Null, "such a file never changes");
    let file = named(&container["env"], "MODELENDPOINT_WEBHOOK_POLICY")["value"].clone();
    let (file, directory) =
        (file.as_str().context("a file")?, mount["mountPath"].as_str().context("a path")?);
    Ok(file
        .strip_prefix(directory)
        .and_then(|name| name.strip_prefix('/'))
        .context("a mounted file")?
        .to_owned())
}

/// As the kubelet's atomic writer does it.
fn mount(config_map: &ConfigMap, volume: &TempDir, version: &str) -> Result<()> {
    let at = |name: &str| Path::join(volume.path(), name);
    fs::create_dir(at(version))?;
    for (name, content) in config_map.data.iter().flatten() {
        fs::write(at(version).join(name), content)?;
        if !at(name).exists() {
            symlink(Path::new("..data").join(name), at(name))?;
        }
    }
    symlink(version, at("..data_tmp"))?;
    Ok(fs::rename(at("..data_tmp"), at("..data"))?)
}

/// Waits until all replicas report the wanted hash.
async fn same_hash(replicas: &[Webhook], wanted: impl Fn(&str) -> bool) -> Result<String> {
    eventually("one hash of all replicas", SOON, async || {
        let mut hashes = Vec::new();
        for replica in replicas {
            let metrics = replica.metrics().await?;
            let hash = metrics.lines().find_map(|line| line.strip_prefix(HASH)).context("a hash")?;
            hashes.push(hash.to_owned());
        }
        hashes.dedup();
        Ok(match hashes.as_slice() {
            [hash] if wanted(hash) => Seen::Done(hash.clone()),
            _ => Seen::NotYet(format!("{hashes:?}")),
        })
    })
    .await
}
