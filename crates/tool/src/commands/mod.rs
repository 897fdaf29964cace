//! One file per subcommand: arguments in, an exit code or a start-up error out.

pub mod audit;
pub mod certs;
pub mod check;
pub mod completions;
pub mod man;
pub mod migrate;
pub mod policies;
pub mod providers;
pub mod rules;
