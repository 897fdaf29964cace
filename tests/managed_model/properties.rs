//! What must hold in every state.

use modelendpoint_webhook::certificates::managed::outline::MOST_AUTHORITIES;
use stateright::Property;

use crate::replica::Fate;
use crate::world::{Action, Data, Scenario, World};

/// Every API server trusts what every replica serves: no call fails.
pub(crate) const CALLS: &str = "every API server trusts what is served";
/// Without further faults, every state comes to rest, and a valid leaf is served: there are no dead ends and no
/// endless writes.
pub(crate) const SETTLES: &str = "every state settles";
pub(crate) const CAS: &str = "the CAs are few";

pub(crate) fn all() -> Vec<Property<Scenario>> {
    vec![
        Property::always(CALLS, |_, world: &World| world.no_call_fails()),
        Property::always(SETTLES, |scenario, world: &World| world.settles(scenario)),
        Property::always(CAS, |_, world: &World| {
            let stored = match &world.secret.data {
                Data::Good(outline, _) => outline.authorities().count(),
                _ => 0,
            };
            stored <= MOST_AUTHORITIES && world.configuration.bundle.len() <= 2 * MOST_AUTHORITIES
        }),
    ]
}

const ROUNDS: usize = 40;
/// A new CA, its leaf, and a repair or two.
const FEW_WRITES: u16 = 6;

impl World {
    fn no_call_fails(&self) -> bool {
        let served = self.replicas.iter().filter_map(|replica| replica.serves.as_ref());
        let mut valid = served.map(|(leaf, _)| leaf).filter(|leaf| leaf.validity.at(self.now).is_ok());
        valid.all(|leaf| self.heard.iter().all(|bundle| bundle.contains(&leaf.authority)))
    }

    fn settles(&self, scenario: &Scenario) -> bool {
        let mut world = self.clone();
        world.late.clear();
        let mut writes = 0;
        for round in 0..ROUNDS {
            let before = world.clone();
            world.calm_round(scenario);
            let written = world.secret.version - before.secret.version;
            writes += written;
            // If nothing changes within seconds, let minutes pass.
            let is_quiet = written == 0 && world.configuration == before.configuration;
            if is_quiet && world.all_serve(scenario) && round > 0 {
                let mut later = world.clone();
                later.pass(scenario, Action::Minutes);
                later.calm_round(scenario);
                if later.secret == world.secret && later.configuration == world.configuration {
                    return writes <= FEW_WRITES;
                }
                writes += later.secret.version - world.secret.version;
                world = later;
            } else {
                world.pass(scenario, if is_quiet { Action::Minutes } else { Action::Seconds });
            }
        }
        false
    }

    /// Each replica sees everything, and does what is missing.
    fn calm_round(&mut self, scenario: &Scenario) {
        for replica in (0..2).filter(|replica| scenario.cut_off != Some(*replica)) {
            self.everything_is_seen(replica);
            self.look(scenario, replica, Fate::Sound);
        }
    }

    fn all_serve(&self, scenario: &Scenario) -> bool {
        let connected = (0..2).filter(|replica| scenario.cut_off != Some(*replica));
        connected.map(|replica| &self.replicas[replica]).all(|replica| {
            let served = replica.serves.as_ref();
            served.is_some_and(|(leaf, _)| leaf.validity.at(self.now).is_ok())
        })
    }

    /// The number of writes in a time without faults, and the number of CAs afterwards.
    pub(crate) fn war(&self, scenario: &Scenario) -> (u16, usize) {
        let mut world = self.clone();
        // Until a planned rotation has waited for long enough.
        for _ in 0..3 {
            world.calm_round(scenario);
            world.pass(scenario, Action::Minutes);
        }
        let before = world.secret.version;
        for _ in 0..ROUNDS {
            world.calm_round(scenario);
            world.pass(scenario, Action::Seconds);
        }
        let cas = match &world.secret.data {
            Data::Good(outline, _) => outline.authorities().count(),
            _ => 0,
        };
        (world.secret.version - before, cas)
    }
}
