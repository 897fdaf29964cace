//! The state of the model: a Secret, a webhook configuration, API servers that learn about it, and replicas. Also
//! what can happen to all of them.

use std::time::{Duration, SystemTime};

use modelendpoint_webhook::certificates::managed::lifetimes::Lifetimes;
use modelendpoint_webhook::certificates::managed::outline::{self, Outline};
use modelendpoint_webhook::certificates::pair::Validity;
use stateright::{Model, Property};

use crate::properties;
use crate::replica::{Fate, Replica};

pub(crate) const LIFETIMES: Lifetimes =
    Lifetimes { authority: Duration::from_hours(365 * 24), leaf: Duration::from_hours(30 * 24) };

/// A CA. Its number stands for its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ca {
    pub number: u16,
    pub validity: Validity,
}

impl outline::Ca for Ca {
    fn validity(&self) -> Validity {
        self.validity
    }

    fn looks_like_ours(&self, lifetimes: Lifetimes) -> bool {
        lifetimes.allow(self.validity)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Data {
    Absent,
    Empty,
    Garbage,
    /// The number stands for the leaf's key.
    Good(Outline<Ca>, u16),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret {
    pub version: u16,
    pub data: Data,
    /// By the API server's clock, if a replica wrote it.
    pub written: Option<SystemTime>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Configuration {
    pub version: u16,
    pub bundle: Vec<Ca>,
}

/// A write, with the version that it is based on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    Create,
    Secret(u16, Data),
    Configuration(u16, Vec<Ca>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub now: SystemTime,
    pub secret: Secret,
    pub configuration: Configuration,
    /// The `caBundle` that each API server knows.
    pub heard: [Vec<Ca>; 2],
    pub replicas: [Replica; 2],
    /// Writes that no replica waits for any more, and that may still arrive.
    pub late: Vec<Write>,
    pub keys: u16,
    pub faults: u8,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    SeeSecret(usize),
    SeeConfiguration(usize),
    Look(usize, Fate),
    /// An API server learns about the configuration.
    Hear(usize),
    Arrive(usize),
    Lose(usize),
    Delete,
    Garble,
    /// Longer than an API server takes to learn about a change.
    Seconds,
    /// Longer than the pause of a planned rotation; each replica has looked before.
    Minutes,
    Days,
}

const A_FEW_SECONDS: Duration = Duration::from_secs(6);
const A_FEW_MINUTES: Duration = Duration::from_mins(6);
const SOME_DAYS: Duration = Duration::from_hours(10 * 24);

/// What is to be checked.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub begin: World,
    pub faults: u8,
    pub secret_breaks: bool,
    /// A replica that never hears from the API servers again, although they still call it.
    pub cut_off: Option<usize>,
    /// An API server that learns nothing for seconds, but not for minutes.
    pub stopped: Option<usize>,
    /// How many seconds the replicas' own clocks are ahead.
    pub skew: [i64; 2],
    /// Replicas use their own clocks, and do not pause.
    pub unprotected: bool,
}

pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

impl Scenario {
    fn of(begin: World) -> Self {
        Self {
            begin,
            faults: 0,
            secret_breaks: false,
            cut_off: None,
            stopped: None,
            skew: [0, 0],
            unprotected: false,
        }
    }

    /// A new installation: empty configurations and nothing else.
    pub(crate) fn installation() -> Self {
        let replica = Replica::started_at(start());
        Self::of(World {
            now: start(),
            secret: Secret { version: 0, data: Data::Absent, written: None },
            configuration: Configuration { version: 0, bundle: Vec::new() },
            heard: [Vec::new(), Vec::new()],
            replicas: [replica.clone(), replica],
            late: Vec::new(),
            keys: 0,
            faults: 0,
        })
    }

    /// Everything is in order, and a new CA is due.
    pub(crate) fn rotation() -> Self {
        let mut scenario = Self::installation();
        let world = &mut scenario.begin;
        let first = world.new_ca(start());
        let renewed = start() + SOME_DAYS * 24;
        let stored =
            Outline { leaf: Some(issue(&first, renewed)), signer: first.clone(), previous: Vec::new() };
        world.secret = Secret { version: 1, data: Data::Good(stored, 1), written: Some(renewed) };
        world.configuration = Configuration { version: 1, bundle: vec![first.clone()] };
        world.heard = [vec![first.clone()], vec![first]];
        world.keys = 1;
        // both have served for a while
        world.now = renewed;
        for _ in 0..3 {
            let calm = scenario.clone();
            let world = &mut scenario.begin;
            for number in 0..2 {
                world.everything_is_seen(number);
                world.look(&calm, number, Fate::Sound);
            }
            world.now += A_FEW_SECONDS;
        }
        scenario.begin.now = start() + Duration::from_hours(24 * 244);
        scenario
    }

    fn can_see(&self, replica: usize) -> bool {
        self.cut_off != Some(replica)
    }
}

impl World {
    pub(crate) fn new_ca(&mut self, now: SystemTime) -> Ca {
        self.keys += 1;
        let validity = Validity { from: now - LIFETIMES.backdated(), until: now + LIFETIMES.authority };
        Ca { number: self.keys, validity }
    }

    pub(crate) fn everything_is_seen(&mut self, replica: usize) {
        self.replicas[replica].secret = Some(self.secret.clone());
        self.replicas[replica].configuration = Some(self.configuration.clone());
    }

    /// Whether the API server accepted it.
    pub(crate) fn write(&mut self, write: Write) -> bool {
        match write {
            Write::Create if self.secret.data == Data::Absent => {
                self.secret = Secret { version: self.secret.version + 1, data: Data::Empty, written: None };
            }
            Write::Create => {}
            Write::Secret(version, data) if version == self.secret.version => {
                self.secret = Secret { version: version + 1, data, written: Some(self.now) };
            }
            Write::Configuration(version, bundle) if version == self.configuration.version => {
                self.configuration = Configuration { version: version + 1, bundle };
            }
            Write::Secret(..) | Write::Configuration(..) => return false,
        }
        true
    }

    fn break_secret(&mut self, data: Data) {
        self.secret = Secret { version: self.secret.version + 1, data, written: None };
    }

    pub(crate) fn hear(&mut self, api_server: usize) {
        self.heard[api_server].clone_from(&self.configuration.bundle);
    }

    pub(crate) fn pass(&mut self, scenario: &Scenario, action: Action) {
        if action != Action::Seconds {
            for replica in (0..2).filter(|replica| scenario.can_see(*replica)) {
                self.everything_is_seen(replica);
                self.look(scenario, replica, Fate::Sound);
            }
        }
        for api_server in 0..2 {
            if action != Action::Seconds || scenario.stopped != Some(api_server) {
                self.hear(api_server);
            }
        }
        self.now += match action {
            Action::Minutes => A_FEW_MINUTES,
            Action::Days => SOME_DAYS,
            _ => A_FEW_SECONDS,
        };
    }
}

pub(crate) fn issue(signer: &Ca, now: SystemTime) -> outline::Leaf<Ca> {
    let until = (now + LIFETIMES.leaf).min(signer.validity.until);
    let validity = Validity { from: now - LIFETIMES.backdated(), until };
    outline::Leaf { authority: signer.clone(), validity, fits: true }
}

impl Model for Scenario {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { faults: self.faults, ..self.begin.clone() }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for replica in (0..2).filter(|replica| self.can_see(*replica)) {
            actions.extend([Action::SeeSecret(replica), Action::SeeConfiguration(replica)]);
            actions.push(Action::Look(replica, Fate::Sound));
            if world.faults > 0 {
                let fates = [Fate::Dies, Fate::DiesBetween, Fate::WritesLate, Fate::WritesLateBetween];
                actions.extend(fates.map(|fate| Action::Look(replica, fate)));
            }
        }
        actions.extend([Action::Hear(0), Action::Hear(1)]);
        for late in 0..world.late.len() {
            actions.extend([Action::Arrive(late), Action::Lose(late)]);
        }
        if world.faults > 0 && self.secret_breaks {
            actions.extend([Action::Delete, Action::Garble]);
        }
        actions.extend([Action::Seconds, Action::Minutes]);
        // What is about to expire can't wait for an API server that is stopped.
        if self.stopped.is_none() {
            actions.push(Action::Days);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::SeeSecret(replica) => {
                world.replicas[replica].secret = Some(world.secret.clone());
            }
            Action::SeeConfiguration(replica) => {
                world.replicas[replica].configuration = Some(world.configuration.clone());
            }
            Action::Look(replica, fate) => {
                world.faults -= u8::from(fate != Fate::Sound);
                world.look(self, replica, fate);
            }
            Action::Hear(api_server) => world.hear(api_server),
            Action::Arrive(late) => {
                let write = world.late.remove(late);
                world.write(write);
            }
            Action::Lose(late) => {
                world.late.remove(late);
            }
            Action::Delete | Action::Garble => {
                world.faults -= 1;
                world.break_secret(if action == Action::Delete { Data::Absent } else { Data::Garbage });
            }
            Action::Seconds | Action::Minutes | Action::Days => world.pass(self, action),
        }
        (world != *last).then_some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.now <= self.begin.now + SOME_DAYS * 6
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
