//! The flags of `serve --managed-certs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::duration;

#[derive(Debug, Args)]
pub struct ManagedCerts {
    /// Issue and renew the certificate, keep it in a Secret, and keep caBundle up to date in both webhook configurations. Any number of replicas share it.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_MANAGED_CERTS",
        value_parser = BoolishValueParser::new()
    )]
    pub managed_certs: bool,

    /// The Service that the API server calls, for --managed-certs.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook",
        env = "MODELENDPOINT_WEBHOOK_SERVICE"
    )]
    pub service: String,

    /// The namespace of the Service and of the Secret, for --managed-certs.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook",
        env = "MODELENDPOINT_WEBHOOK_NAMESPACE"
    )]
    pub namespace: String,

    /// The Secret that --managed-certs keeps the CAs and the certificate in, with their keys.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook-managed-certs",
        env = "MODELENDPOINT_WEBHOOK_SECRET"
    )]
    pub secret: String,

    /// The `MutatingWebhookConfiguration` that --managed-certs writes caBundle into.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook",
        env = "MODELENDPOINT_WEBHOOK_MUTATING_CONFIG"
    )]
    pub mutating_config: String,

    /// The `ValidatingWebhookConfiguration` that --managed-certs writes caBundle into.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook",
        env = "MODELENDPOINT_WEBHOOK_VALIDATING_CONFIG"
    )]
    pub validating_config: String,

    /// Where the token and the CA certificate of the pod's service account are mounted, which
    /// --managed-certs calls the API server with.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/run/secrets/kubernetes.io/serviceaccount",
        env = "MODELENDPOINT_WEBHOOK_SERVICE_ACCOUNT"
    )]
    pub service_account: PathBuf,

    /// How long a CA of --managed-certs is valid: three times --managed-leaf-lifetime or longer. At two
    /// thirds of it, a new one is made beside it.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "8760h",
        value_parser = duration::parse,
        env = "MODELENDPOINT_WEBHOOK_MANAGED_CA_LIFETIME"
    )]
    pub managed_ca_lifetime: Duration,

    /// How long a certificate of --managed-certs is valid. At two thirds of it, it is renewed.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "720h",
        value_parser = duration::parse,
        env = "MODELENDPOINT_WEBHOOK_MANAGED_LEAF_LIFETIME"
    )]
    pub managed_leaf_lifetime: Duration,
}
