//! A policy and a minor version of Kubernetes flow in; the admission policies that judge and default ModelEndpoints
//! in the API server, without a webhook, flow out: as objects, and as YAML.
//!
//! ```text
//! manifests   objects of admissionregistration.k8s.io, from the expressions of modelendpoint_core::endpoint::cel
//! kubernetes  which of them a minor version serves
//! yaml        as a person reads them
//! ```

mod kubernetes;
mod manifests;
mod yaml;

pub use kubernetes::Minor;
pub use manifests::{Impossible, Manifests, manifests};
