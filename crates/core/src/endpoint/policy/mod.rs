//! The decisions of an operator flow in; the severity of a rule, and where the endpoints of a namespace may point,
//! flow out.
//!
//! Without a policy, every rule has its own severity, and everything well-formed is allowed. The entries of a list
//! are sorted for binary search, so that a long list costs hardly more than a short one.

mod allow_list;
mod allowed;
mod here;
mod hosts;
mod namespaces;
mod overrides;
mod ranges;
mod users;

use std::collections::BTreeMap;

pub use allow_list::{AllowList, Api, Destination, Outside};
pub use here::{Here, NOWHERE};
pub use hosts::{HostPattern, Hosts};
pub use namespaces::{ByNamespace, ForNamespaces, NamespacePattern};
pub use overrides::{Enforcement, Override};
pub use ranges::{Ranges, parse_addresses, parse_ports};
pub use users::{ClusterUsers, UserPattern};

/// Severities, enforcement, and allow lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// By the id of the rule. A rule that is not listed keeps its own severity.
    levels: BTreeMap<&'static str, Level>,
    /// Unless an override says otherwise.
    enforcement: Enforcement,
    pub overrides: ByNamespace<Override>,
    pub allow: ByNamespace<AllowList>,
    pub cluster: ClusterUsers,
}

/// What happens to an endpoint that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Deny,
    Warn,
}

/// What a policy sets for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Deny,
    Warn,
    Off,
}

/// Why a pattern is invalid, for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(pub String);

/// The catalogue as it is.
pub static NONE: Policy = Policy::NONE;

impl Policy {
    /// The catalogue as it is.
    pub const NONE: Policy = Policy {
        levels: BTreeMap::new(),
        enforcement: Enforcement::Deny,
        overrides: ByNamespace::NONE,
        allow: ByNamespace::NONE,
        cluster: ClusterUsers::NONE,
    };

    /// The same policy, enforced in this way unless an override says otherwise.
    #[must_use]
    pub fn enforced(self, enforcement: Enforcement) -> Self {
        Policy { enforcement, ..self }
    }

    /// Sets the level of the rule with this id.
    pub fn set(&mut self, id: &'static str, level: Level) {
        self.levels.insert(id, level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_the_level_that_was_set_and_no_other_rule_has() {
        for (level, severity) in
            [(Level::Deny, Some(Severity::Deny)), (Level::Warn, Some(Severity::Warn)), (Level::Off, None)]
        {
            let mut policy = Policy::NONE;
            policy.set("url-port", level);
            for default in [Severity::Deny, Severity::Warn] {
                assert_eq!(policy.here("").severity("url-port", default), severity);
                assert_eq!(policy.here("").severity("url-host", default), Some(default));
                assert_eq!(NONE.here("").severity("url-port", default), Some(default));
            }
        }
    }
}
