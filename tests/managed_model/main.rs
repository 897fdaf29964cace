//! Model-checks the rotation of managed certificates. The model runs the product's own decisions, with every
//! interleaving of what replicas see and write, crashes, writes that are lost or late, API servers that lag, wrong
//! clocks, and a Secret that is deleted or corrupted.
//!
//! `MODEL_STATES=5000000 cargo test --test managed_model` explores more states than the default.

mod properties;
mod replica;
mod world;

use std::env;

use stateright::{Checker, HasDiscoveries, Model, UniformChooser};

use properties::SETTLES;
use world::Scenario;

const DAY: i64 = 24 * 3600;

/// Checks as many states as the environment asks for, or as many as fit into a minute for all scenarios: every state
/// near the beginning, and random walks to distant ones.
fn check(name: &str, scenario: &Scenario) {
    let states = env::var("MODEL_STATES").ok().map_or(8_000, |text| text.parse().expect("a number"));
    let checker = || scenario.clone().checker().threads(2).target_state_count(states);
    let near = checker().spawn_bfs().join();
    near.assert_properties();
    let far = checker().spawn_simulation(states as u64, UniformChooser).join();
    far.assert_properties();
    println!(
        "{name}: all of {} states to a depth of {}, {} states on walks to a depth of {}",
        near.unique_state_count(),
        near.max_depth(),
        far.state_count(),
        far.max_depth()
    );
}

#[test]
fn a_first_installation_survives_crashes_and_late_writes() {
    check("installation", &Scenario { faults: 3, ..Scenario::installation() });
}

#[test]
fn a_rotation_survives_crashes_late_writes_and_a_broken_secret() {
    check("rotation", &Scenario { faults: 3, secret_breaks: true, ..Scenario::rotation() });
}

#[test]
fn a_replica_that_is_cut_off_goes_on_being_trusted_whatever_becomes_of_the_secret() {
    let scenario = Scenario { faults: 3, secret_breaks: true, cut_off: Some(1), ..Scenario::rotation() };
    check("cut off", &scenario);
}

#[test]
fn a_planned_rotation_waits_for_an_api_server_that_is_stopped_for_a_minute() {
    check("stopped", &Scenario { faults: 1, stopped: Some(1), ..Scenario::rotation() });
}

#[test]
fn clocks_that_are_off_change_nothing() {
    for days in [[0, 25], [0, 300], [0, -25], [25, 25]] {
        let skew = days.map(|days| days * DAY);
        check(&format!("{days:?} days off"), &Scenario { faults: 2, skew, ..Scenario::rotation() });
    }
}

/// Without the protection: each replica uses its own clock, and there is no pause after a step.
#[test]
fn with_every_replica_on_its_own_clock_the_model_finds_the_war_of_writes() {
    for days in [25, 300] {
        let unprotected = || Scenario { unprotected: true, skew: [0, days * DAY], ..Scenario::rotation() };
        let checker =
            unprotected().checker().finish_when(HasDiscoveries::AnyOf([SETTLES].into())).spawn_bfs().join();
        let war = checker.discovery(SETTLES).expect("a war of writes");
        let (writes, cas) = war.last_state().war(&unprotected());
        println!("{days} days off: {writes} writes in 40 rounds, {cas} CAs, after {:?}", war.into_actions());
        assert!(writes >= 40, "{writes} writes");
    }
}
