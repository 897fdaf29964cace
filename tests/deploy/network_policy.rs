//! Whom the network policies admit: the rendered `deploy/examples/network-policy`, evaluated for sources of every
//! kind according to the semantics of the API. These tests can't show that a network plugin enforces it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use control_plane::kustomize;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, from_value, json};

use crate::installed::{NAME, deploy};

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In the namespace of this name.
    Pod(&'static str),
    /// A node, or an address outside of the cluster.
    Address(IpAddr),
}

const fn at(a: u8, b: u8, c: u8, d: u8) -> End {
    End::Address(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
}

/// The control plane nodes of the example.
const API_SERVERS: [End; 3] = [at(10, 20, 0, 11), at(10, 20, 0, 12), at(10, 20, 0, 13)];

const OTHERS: [End; 7] = [
    // The worker nodes next to them, and an address on the internet.
    at(10, 20, 0, 10),
    at(10, 20, 0, 14),
    at(203, 0, 113, 7),
    End::Pod("default"),
    End::Pod("kube-system"),
    // The default of the component, which the example changes.
    End::Pod("monitoring"),
    End::Pod(NAME),
];

const MONITORING: End = End::Pod("observability");

#[tokio::test(flavor = "multi_thread")]
async fn the_example_admits_the_sources_that_it_names_and_nobody_else() -> Result<()> {
    let policies = policies(&deploy().join("examples/network-policy")).await?;
    let all = || API_SERVERS.into_iter().chain([MONITORING]).chain(OTHERS);

    let admitted = |port: &str| all().filter(|end| admits(&policies, *end, port)).collect::<Vec<_>>();
    assert_eq!(admitted("https"), API_SERVERS);
    assert_eq!(admitted("ops"), [MONITORING]);
    assert_eq!(admitted("another"), []);

    let reached = |port: i32| all().filter(|end| reaches(&policies, *end, port)).collect::<Vec<_>>();
    assert_eq!(reached(6443), API_SERVERS);
    assert_eq!(reached(443), []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_for_the_control_plane_the_component_renders_nothing() -> Result<()> {
    let directory = tempfile::Builder::new().prefix("kustomize-").tempdir()?;
    let up = "../".repeat(directory.path().canonicalize()?.components().count() - 1);
    let relative = |path: &str| format!("{up}{}", &deploy().join(path).display().to_string()[1..]);
    let kustomization = json!({
        "resources": [relative("overlays/managed")],
        "components": [relative("components/network-policy")],
    });
    fs::write(directory.path().join("kustomization.yaml"), kustomization.to_string())?;
    let error = kustomize(directory.path()).await.expect_err("it is incomplete");
    assert!(format!("{error:#}").contains("modelendpoint-webhook-control-plane"), "{error:#}");
    Ok(())
}

/// The rendered policies of a directory. All of them must select the webhook's pods.
async fn policies(directory: &Path) -> Result<Vec<NetworkPolicySpec>> {
    let manifests = kustomize(directory).await?;
    let of_kind = |kind: &'static str| manifests.iter().filter(move |manifest| manifest["kind"] == kind);
    let deployment = of_kind("Deployment").next().context("a Deployment")?;
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let mut specs = Vec::new();
    for manifest in of_kind("NetworkPolicy") {
        let policy: NetworkPolicy = from_value(manifest.clone())?;
        ensure!(policy.metadata.namespace.as_deref() == Some(NAME), "{manifest}");
        let spec = policy.spec.context("a spec")?;
        ensure!(selects(spec.pod_selector.as_ref().context("a selector")?, labels), "{manifest}");
        // Without both, the other direction would stay open.
        ensure!(spec.policy_types.as_deref() == Some(&["Ingress".into(), "Egress".into()]), "{manifest}");
        specs.push(spec);
    }
    ensure!(specs.len() == 2, "{} policies", specs.len());
    Ok(specs)
}

/// Policies are additive, and so are their rules.
fn admits(policies: &[NetworkPolicySpec], source: End, port: &str) -> bool {
    let port = IntOrString::String(port.to_owned());
    let mut rules = policies.iter().filter_map(|policy| policy.ingress.as_ref()).flatten();
    rules.any(|rule| is_open(rule.ports.as_ref(), &port) && is_named(rule.from.as_ref(), source))
}

fn reaches(policies: &[NetworkPolicySpec], destination: End, port: i32) -> bool {
    let port = IntOrString::Int(port);
    let mut rules = policies.iter().filter_map(|policy| policy.egress.as_ref()).flatten();
    rules.any(|rule| is_open(rule.ports.as_ref(), &port) && is_named(rule.to.as_ref(), destination))
}

/// A rule without peers admits everybody.
fn is_named(peers: Option<&Vec<NetworkPolicyPeer>>, end: End) -> bool {
    peers.is_none_or(|peers| peers.is_empty() || peers.iter().any(|peer| is(peer, end)))
}

/// A rule without ports allows all of them.
fn is_open(ports: Option<&Vec<NetworkPolicyPort>>, port: &IntOrString) -> bool {
    ports.is_none_or(|ports| {
        ports.is_empty() || ports.iter().any(|open| open.port.as_ref().is_none_or(|open| open == port))
    })
}

fn is(peer: &NetworkPolicyPeer, end: End) -> bool {
    match (end, &peer.ip_block) {
        (End::Address(address), Some(block)) => holds(block, address),
        (End::Pod(namespace), None) => {
            let labels = json!({ "kubernetes.io/metadata.name": namespace });
            // Without a namespaceSelector, a peer selects pods in the policy's own namespace.
            let here = || namespace == NAME;
            peer.namespace_selector.as_ref().map_or_else(here, |selector| selects(selector, &labels))
        }
        _ => false,
    }
}

fn holds(IPBlock { cidr, except }: &IPBlock, address: IpAddr) -> bool {
    let (network, length) = cidr.split_once('/').expect("a CIDR");
    let (Ok(IpAddr::V4(network)), IpAddr::V4(address)) = (network.parse(), address) else { return false };
    let apart = u32::from(network) ^ u32::from(address);
    let is_within = apart.checked_shr(32 - length.parse::<u32>().expect("a length")).unwrap_or(0) == 0;
    is_within && except.as_ref().is_none_or(Vec::is_empty)
}

fn selects(selector: &LabelSelector, labels: &Value) -> bool {
    assert!(selector.match_expressions.as_ref().is_none_or(Vec::is_empty), "not understood here");
    selector.match_labels.iter().flatten().all(|(key, value)| labels[key] == **value)
}
