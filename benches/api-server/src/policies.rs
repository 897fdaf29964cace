//! The policies of cel/, for one namespace.

use std::path::Path;

use anyhow::Result;
use control_plane::{ControlPlane, Seen, apply};
use serde_json::json;

use crate::creates::Endpoints;
use crate::webhooks::only;

const CEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cel");

pub(crate) async fn register(control_plane: &ControlPlane, namespace: &str) -> Result<()> {
    let client = control_plane.client();
    for mut manifest in control_plane::kustomize(Path::new(CEL)).await? {
        if manifest["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding")) {
            manifest["spec"]["matchResources"] = json!({ "namespaceSelector": only(namespace) });
        }
        apply(&client, &manifest).await?;
    }
    Ok(())
}

/// Whether all three do what they are there for.
pub(crate) async fn act(endpoints: &Endpoints) -> Result<Seen<()>> {
    let refused = json!({ "url": "ftp://model.example.org/probe/v1", "rewritePath": "/probe/" });
    let refused = endpoints.create("is-it-refused", &refused).await?;
    let warned = json!({ "url": "http://model.example.org:443/probe/v1" });
    let warned = endpoints.create("is-it-changed", &warned).await?;
    let is_changed = warned.body["spec"]["rewritePath"] == "/probe/";
    Ok(if !refused.is_created && is_changed && warned.warnings > 0 {
        Seen::Done(())
    } else {
        Seen::NotYet(format!("{}, {}, {} warnings", refused.body, warned.body, warned.warnings))
    })
}
