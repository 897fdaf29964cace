//! The loop of managed certificates: it looks at what was seen, does what is missing, and waits for the next change or
//! due time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, error, info, warn};

use super::authority::Authority;
use super::backoff::Backoff;
use super::configuration::{Managed, Registered, Service};
use super::lifetimes::Lifetimes;
use super::look::{self, LOOK_AT_THE_CLOCK, Memory, Step, View};
use super::quarrel::Quarrel;
use super::registration::Field;
use super::secret::{ManagedSecret, written};
use super::stored::{Data, Stored, StoredLeaf};
use super::watch::Seen;
use super::{ConfigurationKind, Event};
use crate::certificates::clock::Clock;
use crate::certificates::pair::{Defect, Pair, utc};
use crate::certificates::served::Served;

/// The shortest pause between two looks, so that nothing can cause a busy loop.
const BREATHE: Duration = Duration::from_millis(50);
/// The time for the watch to catch up.
const AGAIN: Duration = Duration::from_secs(1);
/// The time for everything that one look writes. An API server that accepts a request and never answers must not stop the
/// loop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has no `Debug`, because the Secret contains keys.
pub(crate) struct Keeper {
    secret: ManagedSecret,
    mutating: Managed<MutatingWebhookConfiguration>,
    validating: Managed<ValidatingWebhookConfiguration>,
    service: Service,
    lifetimes: Lifetimes,
    served: Arc<Served>,
    clock: Arc<Clock>,
    started: Instant,
    memory: Memory<Authority>,
    /// The last usable content of the Secret, to restore it.
    last: Option<Data>,
    quarrel: Quarrel,
    was_off: bool,
    /// Which fields of the webhook configurations differed at the last look.
    differed: Vec<(ConfigurationKind, Field)>,
}

impl Keeper {
    pub(crate) fn new(
        secret: ManagedSecret,
        mutating: Managed<MutatingWebhookConfiguration>,
        validating: Managed<ValidatingWebhookConfiguration>,
        service: Service,
        lifetimes: Lifetimes,
        served: Arc<Served>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            secret,
            mutating,
            validating,
            service,
            lifetimes,
            served,
            clock,
            started: Instant::now(),
            memory: Memory::default(),
            last: None,
            quarrel: Quarrel::default(),
            was_off: false,
            differed: Vec::new(),
        }
    }

    pub(crate) async fn keep(mut self, mut backoff: Backoff, tell: &impl Fn(Event)) {
        loop {
            sleep(self.quarrel.pause().unwrap_or(BREATHE)).await;
            let looked = timeout(PATIENCE, self.look(tell)).await;
            match looked.unwrap_or_else(|_| Err(anyhow!("the API server took longer than {PATIENCE:?}"))) {
                Ok(wait) => {
                    backoff.succeeded();
                    self.changed(wait.min(LOOK_AT_THE_CLOCK)).await;
                }
                Err(error) if is_conflict(&error) => {
                    debug!("another replica wrote first: continuing with its version");
                    self.changed(backoff.failed()).await;
                }
                Err(error) => {
                    tell(Event::Failed);
                    let wait = backoff.failed();
                    error!(
                        error = format!("{error:#}"),
                        "cannot manage certificates: retrying in {wait:.1?}"
                    );
                    sleep(wait).await;
                }
            }
        }
    }

    /// Waits until one of the three objects changes, but no longer than this.
    async fn changed(&mut self, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            _ = self.secret.seen.changed() => {}
            _ = self.mutating.seen.changed() => {}
            _ = self.validating.seen.changed() => {}
        }
    }

    /// Does what is missing. Returns how long to wait if nothing changes.
    async fn look(&mut self, tell: &impl Fn(Event)) -> anyhow::Result<Duration> {
        self.tell_the_skew(tell);
        let seen = self.secret.seen.borrow_and_update().clone();
        let mutating = self.mutating.look(&self.service);
        let validating = self.validating.look(&self.service);
        self.tell_the_differences(
            [(ConfigurationKind::Mutating, &mutating), (ConfigurationKind::Validating, &validating)],
            tell,
        );
        let (secret, data) = match seen {
            Seen::Unknown => return Ok(LOOK_AT_THE_CLOCK),
            Seen::Absent => (None, Data::new()),
            Seen::Present(secret) => {
                let data = secret.data.clone().unwrap_or_default();
                (Some(secret), data)
            }
        };
        let stored = Stored::read(&data);
        let view = self.view(secret.as_deref(), &data, &stored, [&mutating, &validating]);
        let plan = self.memory.look(&view, self.lifetimes);
        if plan.undone {
            self.quarrel.undone();
        }
        if !matches!(plan.step, Step::Create | Step::PutBack | Step::Start { .. }) {
            self.last = Some(data.clone());
        }
        if plan.serve
            && let Ok(Stored { leaf: Some(leaf), .. }) = &stored
        {
            self.serve(leaf, tell);
        }
        let Some(secret) = secret else {
            info!("the Secret does not exist: creating it");
            self.secret.create().await?;
            return Ok(plan.wait);
        };
        if plan.removes && !self.secret.is_still(&secret).await? {
            debug!("keeping CAs that a newer version of the Secret may contain");
            return Ok(AGAIN);
        }
        let (of_mutating, of_validating) =
            plan.bundles.split_at(mutating.bundles.len().min(plan.bundles.len()));
        let mutating = self.mutating.write(&mutating, of_mutating).await;
        let validating = self.validating.write(&validating, of_validating).await;
        mutating.and(validating)?;
        self.take(plan.step, &secret, &data, stored, view.now).await?;
        Ok(plan.wait)
    }

    fn view(
        &self,
        secret: Option<&Secret>,
        data: &Data,
        stored: &Result<Stored, Defect>,
        registered: [&Registered; 2],
    ) -> View<Authority> {
        let leaf = stored.as_ref().ok().and_then(|stored| stored.leaf.as_ref());
        let current = self.served.current();
        View {
            now: self.clock.now(),
            clock_is_off: self.clock.is_off(),
            uptime: self.started.elapsed(),
            secret: match (secret, stored) {
                (None, _) => look::Secret::Absent,
                (_, Ok(stored)) => look::Secret::Usable(stored.outline(&self.service.dns_name())),
                (_, Err(_)) if data.is_empty() => look::Secret::Empty,
                (_, Err(_)) => look::Secret::Unusable,
            },
            written: secret.and_then(written),
            serves_stored: leaf.is_some_and(|leaf| {
                current.as_ref().is_some_and(|current| current.leaf() == leaf.pair.leaf())
            }),
            bundles: registered.iter().flat_map(|of| of.bundles.iter().cloned()).collect(),
            saw_all_bundles: registered.iter().all(|of| of.is_known),
        }
    }

    /// Takes the step that is due for the Secret.
    async fn take(
        &self,
        step: Step<Authority>,
        secret: &Secret,
        data: &Data,
        stored: Result<Stored, Defect>,
        now: SystemTime,
    ) -> anyhow::Result<()> {
        let (name, lifetimes) = (self.service.dns_name(), self.lifetimes);
        if let (Step::PutBack | Step::Start { .. }, false) = (&step, data.is_empty()) {
            let why = stored.as_ref().map_or_else(ToString::to_string, |_| "no leaf of its CA".to_owned());
            error!(why, "the certificates in the Secret cannot be used: replacing them");
        }
        let next = match step {
            Step::Create | Step::Nothing => return Ok(()),
            Step::PutBack => {
                info!("restoring the previous content of the Secret");
                Stored::read(self.last.as_ref().context("nothing is remembered")?)?
            }
            Step::Start { previous } => Stored::start(&name, now, lifetimes)?.with_previous(previous),
            Step::Adopt { previous } => {
                warn!(
                    "the Secret was replaced: adding its previous CAs, because a replica may still serve a \
                     leaf of one"
                );
                stored?.with_previous(previous)
            }
            Step::AddAuthority { previous } => {
                info!("adding a new CA beside the old one");
                stored?.with_authority(previous, now, lifetimes)?
            }
            Step::IssueLeaf => {
                info!("issuing a new certificate");
                stored?.with_leaf(&name, now, lifetimes)?
            }
            Step::RetireAuthorities { previous } => {
                info!("removing an old CA");
                stored?.with_previous(previous)
            }
        };
        Ok(self.secret.replace(secret, &next.write()).await?)
    }

    fn serve(&self, leaf: &StoredLeaf, tell: &impl Fn(Event)) {
        let StoredLeaf { pair, .. } = leaf;
        self.served.swap(Pair { certified: Arc::clone(&pair.certified), validity: pair.validity });
        tell(Event::Served);
        info!(expires = utc(pair.validity.until), "serving a certificate from the Secret");
    }

    /// Reports differences to the metrics, and logs new ones.
    fn tell_the_differences(
        &mut self,
        registered: [(ConfigurationKind, &Registered); 2],
        tell: &impl Fn(Event),
    ) {
        let mut all = Vec::new();
        for (kind, registered) in registered {
            for field in Field::ALL {
                let differs = registered.differences.contains(&field);
                tell(Event::Differs(kind, field, differs));
                if differs {
                    all.push((kind, field));
                }
            }
        }
        for (kind, field) in all.iter().filter(|difference| !self.differed.contains(difference)) {
            warn!(
                ?kind,
                %field,
                "the webhook configuration differs from the one that this version is installed with: find \
                 out who changed it, and apply the manifests again"
            );
        }
        self.differed = all;
    }

    /// Reports the difference of the clocks to the metrics, and logs when it becomes too large and when it is over.
    fn tell_the_skew(&mut self, tell: &impl Fn(Event)) {
        let seconds = self.clock.skew();
        tell(Event::Skew(seconds));
        match (self.clock.is_off(), std::mem::replace(&mut self.was_off, self.clock.is_off())) {
            (true, false) => warn!(
                seconds,
                "the clock of this node differs from the API server's: leaving the renewal of certificates \
                 to other replicas for as long as possible; synchronize the clocks"
            ),
            (false, true) => info!(seconds, "the clock of this node agrees with the API server's again"),
            _ => {}
        }
    }
}

fn is_conflict(error: &anyhow::Error) -> bool {
    const CONFLICT: u16 = 409;
    matches!(error.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == CONFLICT)
}
