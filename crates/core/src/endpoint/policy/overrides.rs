//! The decisions of a policy for some namespaces flow in; those that apply in one namespace flow out.

use std::collections::BTreeMap;

use super::namespaces::{NamespacePattern, Namespaces};
use super::{Level, Policy, Severity};

/// What happens to an endpoint that breaks a rule of severity [`Severity::Deny`].
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

/// Overrides, indexed by their namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    all: Vec<Override>,
    namespaces: Namespaces,
}

/// The policy that applies in one namespace.
#[derive(Debug)]
pub struct Here<'a> {
    policy: &'a Policy,
    /// The last one in the file comes first.
    overrides: Vec<&'a Override>,
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

impl Overrides {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) const NONE: Overrides = Overrides { all: Vec::new(), namespaces: Namespaces::new() };

    pub(super) fn here<'a>(&'a self, policy: &'a Policy, namespace: &'a str) -> Here<'a> {
        let mut numbers: Vec<_> = self.namespaces.of(namespace).collect();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers.dedup();
        let overrides = numbers.into_iter().filter_map(|number| self.all.get(number));
        Here { policy, overrides: overrides.collect() }
    }
}

impl Extend<Override> for Overrides {
    fn extend<I: IntoIterator<Item = Override>>(&mut self, overrides: I) {
        for one in overrides {
            for pattern in &one.namespaces {
                self.namespaces.insert(pattern.clone(), self.all.len());
            }
            self.all.push(one);
        }
    }
}

impl Here<'_> {
    /// How severe the rule with this id is, if its own severity is `default`; `None` if it is off.
    #[must_use]
    pub fn severity(&self, id: &str, default: Severity) -> Option<Severity> {
        let level = self.overrides.iter().find_map(|one| one.levels.get(id));
        match level.or_else(|| self.policy.levels.get(id)) {
            None => Some(default),
            Some(Level::Deny) => Some(Severity::Deny),
            Some(Level::Warn) => Some(Severity::Warn),
            Some(Level::Off) => None,
        }
    }

    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        self.overrides.iter().find_map(|one| one.enforcement).unwrap_or(self.policy.enforcement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        namespaces: &[&str],
        enforcement: Option<Enforcement>,
        levels: &[(&'static str, Level)],
    ) -> Override {
        Override {
            namespaces: namespaces
                .iter()
                .map(|text| NamespacePattern::parse(text).expect("a pattern"))
                .collect(),
            enforcement,
            levels: levels.iter().copied().collect(),
        }
    }

    #[test]
    fn what_was_written_last_for_a_namespace_holds_and_the_rest_stays_as_it_is() {
        let mut policy = Policy { enforcement: Enforcement::Warn, ..Policy::NONE };
        policy.set("url-port", Level::Off);
        policy.overrides.extend([
            of(&["*", "team-a"], Some(Enforcement::Audit), &[]),
            of(&["team-*"], None, &[("url-host", Level::Warn), ("url-port", Level::Deny)]),
            of(&["team-a"], Some(Enforcement::Deny), &[("url-host", Level::Off)]),
        ]);
        let held = |namespace: &str| {
            let here = policy.here(namespace);
            let severities =
                ["url-port", "url-host", "url-scheme"].map(|id| here.severity(id, Severity::Deny));
            (here.enforcement(), severities)
        };
        let (deny, warn) = (Some(Severity::Deny), Some(Severity::Warn));
        assert_eq!(held("other"), (Enforcement::Audit, [None, deny, deny]));
        assert_eq!(held("team-b"), (Enforcement::Audit, [deny, warn, deny]));
        assert_eq!(held("team-a"), (Enforcement::Deny, [deny, None, deny]));
        policy.overrides = Overrides::NONE;
        assert_eq!(policy.here("team-a").enforcement(), Enforcement::Warn);
    }

    #[test]
    fn a_mode_is_found_by_its_name() {
        assert_eq!(Enforcement::ALL.map(|one| Enforcement::of(one.name())), Enforcement::ALL.map(Some));
        assert_eq!(Enforcement::of("dryrun"), None);
    }
}
