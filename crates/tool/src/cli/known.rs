//! What is known at the place of an argument, for the completions of shells.

use std::ffi::OsStr;

use clap::Arg;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use modelendpoint_core::endpoint::providers::{self, Provider};
use modelendpoint_core::endpoint::{mutation, rules};

/// Any text; shells complete what is known.
#[derive(Clone, Copy)]
pub(super) struct Known(pub(super) fn() -> Vec<String>);

impl TypedValueParser for Known {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> clap::error::Result<String> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

pub(super) fn rule_ids() -> Vec<String> {
    let rules = rules::ALL.into_iter().map(|rule| rule.id);
    rules.chain(mutation::ALL.iter().map(|mutation| mutation.id)).map(str::to_owned).collect()
}

pub(super) fn provider_names() -> Vec<String> {
    providers::all().iter().map(Provider::slug).collect()
}
