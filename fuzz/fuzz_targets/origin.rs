//! Any origin, prefix and model, and any url to migrate: judged without a panic, mutated once, and what a migration
//! makes of a url is admitted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::endpoint::gate::Decision;
use modelendpoint_core::endpoint::migration::migrate;
use modelendpoint_core::endpoint::{Spec, Value, policy};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let mut next = || lines.next().map_or(Value::Absent, Value::Text);
    let (origin, prefix, model) = (next(), next(), next());
    let spec = Spec { origin, prefix, model, ..Spec::EMPTY };
    let decision = Decision::on_create(spec, &policy::NONE.here("ml-team"));
    if let Some(change) = &decision.mutation.change {
        let stored = spec.with(change.field, &change.value);
        let again = Decision::on_create(stored, &policy::NONE.here("ml-team"));
        assert!(again.mutation.change.is_none(), "{stored:?}");
    }
    if let Ok(migrated) = migrate(&Spec::of_url(origin, prefix)) {
        let (origin, prefix) = (Value::Text(&*migrated.origin), Value::Text(&*migrated.prefix));
        let spec = Spec { origin, prefix, ..Spec::EMPTY };
        let decision = Decision::on_create(spec, &policy::NONE.here("ml-team"));
        assert!(!decision.is_refused() && decision.mutation.change.is_none(), "{migrated:?}");
    }
});
