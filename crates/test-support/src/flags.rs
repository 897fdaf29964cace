//! Requirements for the flags of every program.

use std::collections::BTreeMap;

use clap::Command;

/// Checks that the definition is consistent, and that every flag has a doc and its own environment variable.
pub fn check(command: &Command) {
    command.clone().debug_assert();
    let mut seen = BTreeMap::new();
    for command in command.get_subcommands() {
        for flag in command.get_arguments().filter(|flag| !flag.is_positional()) {
            let name = format!("{} --{}", command.get_name(), flag.get_id());
            let variable = flag.get_env().and_then(|env| env.to_str());
            let variable = variable.unwrap_or_else(|| panic!("{name} has no variable"));
            assert!(variable.starts_with("MODELENDPOINT_WEBHOOK_"), "{name}: {variable}");
            let taken_by = seen.insert(variable.to_owned(), flag.get_id().clone());
            assert!(taken_by.is_none_or(|id| id == *flag.get_id()), "{name}: {variable} is taken");
            assert!(flag.get_help().is_some(), "{name} has no doc");
        }
    }
}
