//! A real kube-apiserver and etcd, for tests and for `cargo playground`.
//!
//! A module of `kubernetes/` in; a running API server with a [`kube::Client`] and a kubeconfig out, and everything
//! else that the webhook's tests need:
//!
//! ```text
//! assets          kube-apiserver, etcd and kubectl: given, cached, or built once
//!   └─ control_plane   starts the two servers, waits until they are ready
//!        ├─ crd                    ModelEndpoint, as Crossplane defines it
//!        ├─ webhook_registration   the manifests of deploy/, pointed at a local port
//!        ├─ manifests              applied as they are
//!        ├─ service_account        access with the rights of one, and no more
//!        ├─ rights                 what a role grants, one verb at a time
//!        ├─ helm                   a chart, rendered or installed
//!        └─ webhook                the webhook's own binary, with certificates for it
//! supervised      every process that is started, and why none is left behind
//! own_directory   the same for files that no such process owns
//! ```

#![expect(
    clippy::missing_errors_doc,
    reason = "every error is one for a person to read: it says what failed and what to do"
)]

mod assets;
mod certificates;
mod control_plane;
mod crd;
mod eventually;
mod helm;
mod manifests;
mod own_directory;
mod release;
mod rights;
mod service_account;
mod supervised;
mod webhook;
mod webhook_certificates;
mod webhook_registration;
pub mod writer;

pub use control_plane::{AnotherApiServer, ControlPlane, ControlPlaneBuilder};
pub use crd::{
    GATEWAY, POLICY_REPORTS, REPORTS, install_crd, install_crd_0_5, install_definition,
    model_endpoint_definition, model_endpoint_definition_0_5, model_endpoint_resource,
};
pub use eventually::{Seen, eventually};
pub use helm::Helm;
pub use manifests::{api, apply, kustomize};
pub use rights::Right;
pub use service_account::ServiceAccountFiles;
pub use webhook::Webhook;
pub use webhook_certificates::WebhookCertificates;
pub use webhook_registration::WebhookRegistration;
