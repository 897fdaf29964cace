//! The settings of a policy that differ in some namespaces, and whether denials are enforced.

use std::collections::BTreeMap;

use super::Level;
use super::namespaces::{ForNamespaces, NamespacePattern};

/// What happens to an endpoint that breaks a rule of severity [`Severity::Deny`](crate::endpoint::rules::Severity::Deny).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// It is admitted, and the log, the metrics and the audit log record the violation.
    Audit,
    /// … and the person who wrote it gets a warning.
    Warn,
    #[default]
    Deny,
}

/// What differs in some namespaces. Absent values do not change anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Override {
    pub namespaces: Vec<NamespacePattern>,
    pub enforcement: Option<Enforcement>,
    /// By a rule's id.
    pub levels: BTreeMap<&'static str, Level>,
}

impl Enforcement {
    pub const ALL: [Enforcement; 3] = [Enforcement::Audit, Enforcement::Warn, Enforcement::Deny];

    /// The word in flags and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Enforcement::Audit => "audit",
            Enforcement::Warn => "warn",
            Enforcement::Deny => "deny",
        }
    }

    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl ForNamespaces for Override {
    fn namespaces(&self) -> &[NamespacePattern] {
        &self.namespaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_found_by_its_name() {
        assert_eq!(Enforcement::ALL.map(|one| Enforcement::of(one.name())), Enforcement::ALL.map(Some));
        assert_eq!(Enforcement::of("dryrun"), None);
    }
}
