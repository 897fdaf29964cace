//! The loop: looks at what was seen, does what is missing, and waits for the next change or due date.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info};

use super::Event;
use super::authority::Authority;
use super::backoff::Backoff;
use super::configuration::{Managed, Service};
use super::lifetimes::Lifetimes;
use super::quarrel::Quarrel;
use super::rotation::{self, Step};
use super::secret::ManagedSecret;
use super::stored::{Data, Stored, StoredLeaf};
use super::trust::Trust;
use super::watch::Seen;
use crate::certificates::pair::{Pair, utc};
use crate::certificates::served::Served;

/// The longest wait, after which the clock is read again: it may have been set.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_mins(1);
/// The shortest, so that whatever happens is never a busy loop.
const BREATHE: Duration = Duration::from_millis(50);
/// For all that one look writes. An API server that takes a request and never answers must not be the end
/// of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// No `Debug`: what the Secret said holds keys.
pub struct Keeper {
    secret: ManagedSecret,
    mutating: Managed<MutatingWebhookConfiguration>,
    validating: Managed<ValidatingWebhookConfiguration>,
    service: Service,
    lifetimes: Lifetimes,
    served: Arc<Served>,
    /// The CA of the leaf that is served.
    serving: Option<Authority>,
    /// What the Secret last said that made sense, to put back.
    last: Option<Data>,
    trust: Trust,
    quarrel: Quarrel,
}

impl Keeper {
    pub fn new(
        secret: ManagedSecret,
        mutating: Managed<MutatingWebhookConfiguration>,
        validating: Managed<ValidatingWebhookConfiguration>,
        service: Service,
        lifetimes: Lifetimes,
        served: Arc<Served>,
    ) -> Self {
        Self {
            secret,
            mutating,
            validating,
            service,
            lifetimes,
            served,
            serving: None,
            last: None,
            trust: Trust::default(),
            quarrel: Quarrel::default(),
        }
    }

    pub async fn keep(mut self, mut backoff: Backoff, tell: &impl Fn(Event)) {
        loop {
            sleep(self.quarrel.pause().unwrap_or(BREATHE)).await;
            let looked = timeout(PATIENCE, self.look(SystemTime::now(), tell)).await;
            match looked.unwrap_or_else(|_| Err(anyhow!("the API server took longer than {PATIENCE:?}"))) {
                Ok(wait) => {
                    backoff.succeeded();
                    self.changed(wait.min(LOOK_AT_THE_CLOCK)).await;
                }
                Err(error) if is_conflict(&error) => {
                    debug!("another replica was faster: going on with what it wrote");
                    self.changed(backoff.failed()).await;
                }
                Err(error) => {
                    tell(Event::Failed);
                    let wait = backoff.failed();
                    error!(error = format!("{error:#}"), "certificates not managed: next try in {wait:.1?}");
                    sleep(wait).await;
                }
            }
        }
    }

    /// Waits for a change of any of the three objects, but no longer than this.
    async fn changed(&mut self, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            _ = self.secret.seen.changed() => {}
            _ = self.mutating.seen.changed() => {}
            _ = self.validating.seen.changed() => {}
        }
    }

    /// Does what is missing, and says how long to wait if nothing changes.
    async fn look(&mut self, now: SystemTime, tell: &impl Fn(Event)) -> anyhow::Result<Duration> {
        let seen = self.secret.seen.borrow_and_update().clone();
        self.mutating.seen.mark_unchanged();
        self.validating.seen.mark_unchanged();
        let secret = match seen {
            Seen::Unknown => return Ok(LOOK_AT_THE_CLOCK),
            Seen::Absent => {
                info!("the Secret does not exist: making it");
                if self.last.is_some() {
                    self.quarrel.undone();
                }
                self.secret.create().await?;
                return Ok(LOOK_AT_THE_CLOCK);
            }
            Seen::Present(secret) => secret,
        };
        let data = secret.data.clone().unwrap_or_default();
        let stored = match Stored::read(&data) {
            Ok(stored) if stored.leaf.is_some() || self.remembered(now).is_none() => stored,
            unusable => {
                if !data.is_empty() {
                    let why = unusable.err().map_or("no leaf of its CA".to_owned(), |why| why.to_string());
                    error!(why, "the Secret holds no usable certificates: replacing them");
                    if self.last.is_some() {
                        self.quarrel.undone();
                    }
                }
                return self.replace_all(&secret, now).await;
            }
        };
        self.last = Some(data);
        let repaired = self.repair_bundles(&stored, now).await;
        let await_trust = self.serve(&stored, now, tell);
        repaired?;
        let wait = self.rotate(&secret, stored, now).await?;
        Ok(await_trust.map_or(wait, |trusted_in| wait.min(trusted_in)))
    }

    /// Puts back what the Secret last said, or starts anew.
    async fn replace_all(&mut self, secret: &Secret, now: SystemTime) -> anyhow::Result<Duration> {
        let stored = match self.remembered(now) {
            Some(stored) => {
                info!("putting back what the Secret held before");
                stored
            }
            None => Stored::start(&self.service.dns_name(), now, self.lifetimes)?,
        };
        self.secret.replace(secret, &stored.write()).await?;
        Ok(LOOK_AT_THE_CLOCK)
    }

    /// What the Secret last said, if it is still valid.
    fn remembered(&self, now: SystemTime) -> Option<Stored> {
        let stored = Stored::read(self.last.as_ref()?).ok()?;
        stored.is_valid(now).then_some(stored)
    }

    /// Every CA that a leaf may be served of goes into both configurations.
    async fn repair_bundles(&mut self, stored: &Stored, now: SystemTime) -> kube::Result<()> {
        let wanted: Vec<&Authority> =
            stored.authorities().chain(&self.serving).fold(Vec::new(), |mut wanted, authority| {
                if !wanted.contains(&authority) {
                    wanted.push(authority);
                }
                wanted
            });
        let undone = self.trust.observe(&wanted, |authority| {
            self.mutating.trusts(authority, &self.service) && self.validating.trusts(authority, &self.service)
        });
        let mutating = self.mutating.repair(&wanted, &self.service, now).await;
        let validating = self.validating.repair(&wanted, &self.service, now).await;
        let tried = !matches!((&mutating, &validating), (Ok(false), Ok(false)));
        if undone && tried {
            self.quarrel.undone();
        }
        mutating.and(validating).map(drop)
    }

    /// How long until this CA counts as trusted, if it is in every `caBundle`.
    fn trusted_in(&self, authority: &Authority) -> Option<Duration> {
        self.trust.for_how_long(authority).map(|since| self.lifetimes.grace().saturating_sub(since))
    }

    /// Serves the stored leaf if its CA is trusted, or says when it may be.
    fn serve(&mut self, stored: &Stored, now: SystemTime, tell: &impl Fn(Event)) -> Option<Duration> {
        let leaf = stored.leaf.as_ref().filter(|leaf| leaf.is_for(&self.service.dns_name()))?;
        let StoredLeaf { pair, authority, .. } = leaf;
        let is_served = self.served.current().is_some_and(|current| current.leaf() == pair.leaf());
        if is_served || pair.validity.at(now).is_err() {
            return None;
        }
        match self.trusted_in(authority)? {
            Duration::ZERO => {
                self.served.swap(Pair { certified: Arc::clone(&pair.certified), validity: pair.validity });
                self.serving = Some(authority.clone());
                tell(Event::Served);
                info!(expires = utc(pair.validity.until), "serving a certificate from the Secret");
                None
            }
            wait => Some(wait),
        }
    }

    /// Does the next step of the rotation, and says how long to wait if nothing changes.
    async fn rotate(&self, secret: &Secret, stored: Stored, now: SystemTime) -> anyhow::Result<Duration> {
        let trusted_in = self.trusted_in(&stored.signer.authority);
        let name = self.service.dns_name();
        let next = match rotation::next(&stored, trusted_in == Some(Duration::ZERO), &name, now) {
            Step::Rest(until) => return Ok(until.duration_since(now).unwrap_or_default()),
            Step::AwaitTrust => return Ok(trusted_in.unwrap_or(LOOK_AT_THE_CLOCK)),
            Step::AddAuthority => {
                info!("making a new CA beside the old one");
                stored.with_authority(now, self.lifetimes)?
            }
            Step::IssueLeaf => {
                info!("issuing a new certificate");
                stored.with_leaf(&name, now, self.lifetimes)?
            }
            Step::RetireAuthorities => {
                info!("an expired CA leaves");
                stored.without_retired(now)
            }
        };
        self.secret.replace(secret, &next.write()).await?;
        Ok(LOOK_AT_THE_CLOCK)
    }
}

fn is_conflict(error: &anyhow::Error) -> bool {
    const CONFLICT: u16 = 409;
    matches!(error.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == CONFLICT)
}
