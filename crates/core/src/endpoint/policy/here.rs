//! A policy and a namespace flow in; the settings that apply there flow out.

use super::{AllowList, Destination, Enforcement, Level, Outside, Override, Policy, Severity};

/// The policy that applies in one namespace. It is looked up once for each review.
#[derive(Debug)]
pub struct Here<'a> {
    policy: &'a Policy,
    pub(in crate::endpoint) namespace: &'a str,
    /// In the order of the file: the last one wins.
    overrides: Vec<&'a Override>,
    pub(super) lists: Vec<&'a AllowList>,
}

/// No policy, in no namespace.
pub static NOWHERE: Here<'static> =
    Here { policy: &super::NONE, namespace: "", overrides: Vec::new(), lists: Vec::new() };

impl Policy {
    /// The policy that applies in this namespace.
    #[must_use]
    pub fn here<'a>(&'a self, namespace: &'a str) -> Here<'a> {
        let (overrides, lists) = (self.overrides.of(namespace), self.allow.of(namespace));
        Here { policy: self, namespace, overrides, lists }
    }

    /// The policy that applies in a namespace that no override and no list names.
    #[must_use]
    pub(in crate::endpoint) fn elsewhere(&self) -> Here<'_> {
        Here { policy: self, namespace: "", overrides: Vec::new(), lists: Vec::new() }
    }
}

impl Here<'_> {
    /// How severe the rule with this id is, if its own severity is `default`; `None` if it is off.
    #[must_use]
    pub fn severity(&self, id: &str, default: Severity) -> Option<Severity> {
        let level = self.overrides.iter().rev().find_map(|one| one.levels.get(id));
        match level.or_else(|| self.policy.levels.get(id)) {
            None => Some(default),
            Some(Level::Deny) => Some(Severity::Deny),
            Some(Level::Warn) => Some(Severity::Warn),
            Some(Level::Off) => None,
        }
    }

    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        self.overrides.iter().rev().find_map(|one| one.enforcement).unwrap_or(self.policy.enforcement)
    }

    /// Whether this user may set the label that marks an endpoint as Modelplane's own.
    #[must_use]
    pub fn may_set_cluster(&self, user: &str) -> bool {
        self.policy.cluster.contain(user)
    }

    /// The part of the destination that is outside of all lists for this namespace. `None` if one of them allows the
    /// destination, or none names the namespace. A list never allows a part that can't be read, if the list restricts
    /// that part.
    #[must_use]
    pub fn outside(&self, destination: &Destination<'_>) -> Option<Outside> {
        let mut outside = None;
        for list in &self.lists {
            // If there are several lists, the one that comes closest determines the part.
            outside = outside.max(Some(list.refuses(destination)?));
        }
        outside
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ByNamespace, Enforcement, NamespacePattern};
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
        policy.overrides = ByNamespace::NONE;
        assert_eq!(policy.here("team-a").enforcement(), Enforcement::Warn);
    }
}
