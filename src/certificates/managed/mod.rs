//! Certificates that the webhook issues, renews and publishes by itself, with any number of replicas.
//!
//! All replicas share one Secret. It contains the CAs to trust, the key of the newest one, and a leaf with its key.
//! Both webhook configurations have these CAs in `caBundle`. Each replica watches the three objects. When one of them
//! changes or something is due, it does what is missing:
//!
//! ```text
//! watch (Secret, configurations), clock -> keeper -> look: what is the next step?
//!                                            |-> secret: write it, unless another replica wrote first
//!                                            |-> configuration: every CA of the Secret into each caBundle
//!                                            '-> served: the leaf, once the API server trusts its CA
//! ```
//!
//! Replicas do not talk to each other, and there is no leader. A write names the version that it is based on, so one
//! replica wins, and the others read what it wrote.
//!
//! No call fails during a rotation, because the order is always the same:
//!
//! 1. The new CA goes into the Secret and into each `caBundle`.
//! 2. When it has been in all of them for a while, a leaf that it signed goes into the Secret.
//! 3. Each replica serves this leaf once it has seen the CA in all of them itself.
//! 4. The old CA is removed when it has expired, and with it every leaf that it signed.

pub(crate) mod api_server;
pub mod authority;
pub(crate) mod backoff;
pub(crate) mod ca_bundle;
pub(crate) mod configuration;
pub(crate) mod keeper;
pub mod lifetimes;
pub mod look;
pub mod outline;
pub(crate) mod quarrel;
pub(crate) mod registration;
pub mod rotation;
pub(crate) mod secret;
pub mod stored;
pub(crate) mod trust;
pub(crate) mod watch;

use std::sync::Arc;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tokio::sync::watch as channel;
use tokio::time::sleep;
use tracing::error;

use super::clock::Clock;
use super::served::Served;
use backoff::Backoff;
use configuration::Service;
use keeper::Keeper;
use lifetimes::Lifetimes;
use registration::Field;
use secret::ManagedSecret;
use watch::{Seen, keep_watching};

/// Which objects are managed, and how long the certificates in them are valid.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Service that the API server calls.
    pub service: Service,
    /// The Secret, in the namespace of the Service.
    pub secret: String,
    pub mutating_configuration: String,
    pub validating_configuration: String,
    pub lifetimes: Lifetimes,
}

/// What happened, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A new leaf is served.
    Served,
    /// The API server could not be reached, or refused a request.
    Failed,
    /// How many seconds the local clock is ahead of the API server's.
    Skew(i64),
    /// Whether a field of the webhook configurations differs from what this version is installed with.
    Differs(ConfigurationKind, Field, bool),
}

/// The two kinds of webhook configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigurationKind {
    Mutating,
    Validating,
}

/// Keeps `served`, the Secret and both configurations up to date. It starts again after a panic. Otherwise, the
/// current certificate would be served until it expires.
pub async fn keep_managing(
    client: Client,
    settings: Settings,
    served: Arc<Served>,
    clock: Arc<Clock>,
    tell: impl Fn(Event) + Clone + Send + Sync + 'static,
) {
    let mut backoff = Backoff::default();
    loop {
        let managed =
            manage(client.clone(), settings.clone(), Arc::clone(&served), Arc::clone(&clock), tell.clone());
        if let Err(panicked) = tokio::spawn(managed).await {
            let wait = backoff.failed();
            error!(%panicked, "a bug, please report it: the management of certificates restarts in {wait:.1?}");
            sleep(wait).await;
        }
    }
}

async fn manage(
    client: Client,
    settings: Settings,
    served: Arc<Served>,
    clock: Arc<Clock>,
    tell: impl Fn(Event) + Clone + Send + Sync + 'static,
) {
    let secrets = Api::<Secret>::namespaced(client.clone(), &settings.service.namespace);
    let mutating = Api::<MutatingWebhookConfiguration>::all(client.clone());
    let validating = Api::<ValidatingWebhookConfiguration>::all(client);

    let (secret_seen, secret) = channel::channel(Seen::Unknown);
    let (mutating_seen, mutating_configuration) = channel::channel(Seen::Unknown);
    let (validating_seen, validating_configuration) = channel::channel(Seen::Unknown);

    let failed = || tell(Event::Failed);
    let keeper = Keeper::new(
        ManagedSecret::new(secrets.clone(), settings.secret.clone(), secret),
        configuration::Managed::new(
            mutating.clone(),
            &settings.mutating_configuration,
            mutating_configuration,
        ),
        configuration::Managed::new(
            validating.clone(),
            &settings.validating_configuration,
            validating_configuration,
        ),
        settings.service,
        settings.lifetimes,
        served,
        clock,
    );
    tokio::join!(
        keep_watching(secrets, &settings.secret, secret_seen, failed),
        keep_watching(mutating, &settings.mutating_configuration, mutating_seen, failed),
        keep_watching(validating, &settings.validating_configuration, validating_seen, failed),
        keeper.keep(Backoff::default(), &tell),
    );
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::time::Duration;

    use axum::http::{Request, Response};
    use kube::client::Body;
    use tokio::sync::mpsc;
    use tower::service_fn;

    use super::*;

    #[tokio::test]
    async fn managing_goes_on_after_a_panic() {
        let away =
            service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(io::Error::other("away")) });
        let settings = Settings {
            service: Service { namespace: "w".to_owned(), name: "w".to_owned() },
            secret: "s".to_owned(),
            mutating_configuration: "m".to_owned(),
            validating_configuration: "v".to_owned(),
            lifetimes: Lifetimes { authority: Duration::from_hours(9), leaf: Duration::from_hours(3) },
        };
        let (events, mut told) = mpsc::unbounded_channel();
        let panicked = Arc::new(AtomicBool::new(false));
        let tell = move |event| {
            assert!(panicked.swap(true, Relaxed), "a panic at the first event");
            events.send(event).expect("the test waits for it");
        };
        let clock = Arc::<Clock>::default();
        let served = Served::empty(Arc::clone(&clock));
        let managing = tokio::spawn(keep_managing(Client::new(away, "w"), settings, served, clock, tell));
        while told.recv().await.expect("an event") != Event::Failed {}
        managing.abort();
    }
}
