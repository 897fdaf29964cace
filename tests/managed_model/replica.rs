//! A replica: it makes the product's own decisions from what it has seen, and carries them out in the world.

use std::time::{Duration, SystemTime};

use modelendpoint_webhook::certificates::managed::look::{self, Memory, Step, View};
use modelendpoint_webhook::certificates::managed::outline::{Leaf, Outline};

use crate::world::{Ca, Configuration, Data, LIFETIMES, Scenario, Secret, World, Write, issue};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Replica {
    started: SystemTime,
    memory: Memory<Ca>,
    /// The leaf that it serves, with its number.
    pub serves: Option<(Leaf<Ca>, u16)>,
    /// The last usable content of the Secret.
    last: Option<(Outline<Ca>, u16)>,
    /// The Secret as this replica last saw it.
    pub secret: Option<Secret>,
    pub configuration: Option<Configuration>,
}

/// How a look ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    Sound,
    /// The replica crashes before it writes anything, and starts again.
    Dies,
    /// It crashes after it wrote the configuration, and before it writes the Secret.
    DiesBetween,
    /// The first write takes so long that the replica gives up waiting. It may still arrive.
    WritesLate,
    /// The same for the write of the Secret, after the configuration was written.
    WritesLateBetween,
}

impl Replica {
    pub(crate) fn started_at(now: SystemTime) -> Self {
        Self {
            started: now,
            memory: Memory::default(),
            serves: None,
            last: None,
            secret: None,
            configuration: None,
        }
    }
}

impl World {
    pub(crate) fn look(&mut self, scenario: &Scenario, number: usize, fate: Fate) {
        let Some((view, secret, configuration)) = self.view(scenario, number) else { return };
        let plan = self.replicas[number].memory.look(&view, LIFETIMES);
        if plan.serve
            && let Data::Good(Outline { leaf: Some(leaf), .. }, key) = &secret.data
        {
            self.replicas[number].serves = Some((leaf.clone(), *key));
        }
        if !matches!(plan.step, Step::Create | Step::PutBack | Step::Start { .. })
            && let Data::Good(outline, key) = &secret.data
        {
            self.replicas[number].last = Some((outline.clone(), *key));
        }
        // The real replica asks the API server again before it removes anything.
        if plan.removes && secret.version != self.secret.version {
            return;
        }
        let bundle = plan.bundles.into_iter().flatten().next();
        let writes = [
            bundle.map(|bundle| Write::Configuration(configuration.version, bundle)),
            self.secret_write(&plan.step, &secret, view.now, number),
        ];
        match fate {
            Fate::Sound => {
                for write in writes.into_iter().flatten() {
                    if !self.write(write) {
                        return;
                    }
                }
            }
            Fate::Dies => self.replicas[number] = Replica::started_at(self.now),
            Fate::DiesBetween => {
                writes[0].clone().map(|write| self.write(write));
                self.replicas[number] = Replica::started_at(self.now);
            }
            Fate::WritesLate => self.late.extend(writes.into_iter().flatten().next()),
            Fate::WritesLateBetween => {
                let [configuration, secret] = writes;
                if configuration.is_none_or(|write| self.write(write)) {
                    self.late.extend(secret);
                }
            }
        }
    }

    fn view(&self, scenario: &Scenario, number: usize) -> Option<(View<Ca>, Secret, Configuration)> {
        let replica = &self.replicas[number];
        let (secret, configuration) = (replica.secret.clone()?, replica.configuration.clone()?);
        let skew = scenario.skew[number];
        let by_own_clock = if skew < 0 {
            self.now - Duration::from_secs(skew.unsigned_abs())
        } else {
            self.now + Duration::from_secs(skew.unsigned_abs())
        };
        let serves = replica.serves.as_ref().map(|(_, key)| *key);
        let view = View {
            now: if scenario.unprotected { by_own_clock } else { self.now },
            clock_is_off: skew != 0 && !scenario.unprotected,
            uptime: self.now.duration_since(replica.started).unwrap_or_default(),
            secret: match &secret.data {
                Data::Absent => look::Secret::Absent,
                Data::Empty => look::Secret::Empty,
                Data::Garbage => look::Secret::Unusable,
                Data::Good(outline, _) => look::Secret::Usable(outline.clone()),
            },
            written: if scenario.unprotected { None } else { secret.written },
            serves_stored: matches!(&secret.data, Data::Good(_, key) if serves == Some(*key)),
            bundles: vec![Some(configuration.bundle.clone())],
            saw_all_bundles: true,
        };
        Some((view, secret, configuration))
    }

    /// The write that the keeper makes for a step, with numbers for keys.
    fn secret_write(
        &mut self,
        step: &Step<Ca>,
        seen: &Secret,
        now: SystemTime,
        number: usize,
    ) -> Option<Write> {
        let good = match &seen.data {
            Data::Good(outline, key) => Some((outline.clone(), *key)),
            _ => None,
        };
        let (outline, key) = match (step.clone(), good) {
            (Step::Create, _) => return Some(Write::Create),
            (Step::PutBack, _) => self.replicas[number].last.clone()?,
            (Step::Start { previous }, _) => {
                let signer = self.new_ca(now);
                (Outline { leaf: Some(issue(&signer, now)), signer, previous }, self.new_key())
            }
            (Step::Adopt { previous } | Step::RetireAuthorities { previous }, Some((outline, key))) => {
                (Outline { previous, ..outline }, key)
            }
            (Step::AddAuthority { previous }, Some((outline, key))) => {
                (Outline { signer: self.new_ca(now), previous, ..outline }, key)
            }
            (Step::IssueLeaf, Some((outline, _))) => {
                (Outline { leaf: Some(issue(&outline.signer, now)), ..outline }, self.new_key())
            }
            (_, _) => return None,
        };
        Some(Write::Secret(seen.version, Data::Good(outline, key)))
    }

    fn new_key(&mut self) -> u16 {
        self.keys += 1;
        self.keys
    }
}
