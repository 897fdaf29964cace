//! A policy's severities and its overrides flow in; in which namespaces a rule denies, warns, or is only annotated
//! flows out, as [`Here`](crate::endpoint::policy::Here) says it for one namespace.

use super::Variable;
use super::namespaces::names_namespace;
use crate::endpoint::policy::{Enforcement, Level, Override, Policy};
use crate::endpoint::rules::{Rule, Severity};

pub(super) struct Levels<'a> {
    policy: &'a Policy,
    overrides: &'a [Override],
}

/// In which namespaces something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    Never,
    Always,
    /// A CEL expression of type bool.
    If(String),
}

impl<'a> Levels<'a> {
    pub(super) fn of(policy: &'a Policy) -> Self {
        Levels { policy, overrides: policy.overrides.all() }
    }

    /// Whether each override names the request's namespace, and how a denial is enforced there.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let names = self.overrides.iter().enumerate().map(|(number, one)| {
            Variable::new(&format!("override{number}NamesNamespace"), names_namespace(&one.namespaces))
        });
        let mut variables: Vec<_> = names.collect();
        for action in Enforcement::ALL {
            if let When::If(expression) = self.enforced(action) {
                variables.push(Variable::new(variable_of(action), expression));
            }
        }
        variables
    }

    /// Where an endpoint that breaks this rule is treated in this way.
    pub(super) fn of_rule(&self, rule: &Rule, action: Enforcement) -> When {
        let base = self.policy.elsewhere().severity(rule.id, rule.severity);
        let has = |severity: Severity| {
            let set =
                |one: &Override| one.levels.get(rule.id).map(|level| severity_of(*level) == Some(severity));
            self.last(base == Some(severity), set)
        };
        let denied = has(Severity::Deny).and(self.of_every_denial(action));
        if action == Enforcement::Warn { denied.or(has(Severity::Warn)) } else { denied }
    }

    /// Where an endpoint that breaks a rule of severity deny is treated in this way.
    pub(super) fn of_every_denial(&self, action: Enforcement) -> When {
        match self.enforced(action) {
            When::If(_) => When::If(format!("variables.{}", variable_of(action))),
            certain => certain,
        }
    }

    fn enforced(&self, action: Enforcement) -> When {
        let base = self.policy.elsewhere().enforcement();
        self.last(base == action, |one| one.enforcement.map(|enforcement| enforcement == action))
    }

    /// What the last override that names the namespace says, of those that say something.
    fn last(&self, otherwise: bool, says: impl Fn(&Override) -> Option<bool>) -> When {
        let mut when = if otherwise { When::Always } else { When::Never };
        for (number, one) in self.overrides.iter().enumerate() {
            let named = When::If(format!("variables.override{number}NamesNamespace"));
            when = match says(one) {
                None => when,
                Some(true) => named.or(when),
                Some(false) => When::If(format!("!variables.override{number}NamesNamespace")).and(when),
            };
        }
        when
    }
}

impl When {
    /// The condition of what always holds.
    pub(super) const ALWAYS: &'static str = "true";

    /// `None` for what never holds.
    pub(super) fn condition(self) -> Option<String> {
        match self {
            When::Never => None,
            When::Always => Some(When::ALWAYS.to_owned()),
            When::If(condition) => Some(condition),
        }
    }

    fn and(self, other: When) -> When {
        match (self, other) {
            (When::Never, _) | (_, When::Never) => When::Never,
            (When::Always, when) | (when, When::Always) => when,
            (When::If(one), When::If(other)) => When::If(format!("{one} && {other}")),
        }
    }

    fn or(self, other: When) -> When {
        match (self, other) {
            (When::Always, _) | (_, When::Always) => When::Always,
            (When::Never, when) | (when, When::Never) => when,
            (When::If(one), When::If(other)) => When::If(format!("({one} || {other})")),
        }
    }
}

fn variable_of(action: Enforcement) -> &'static str {
    match action {
        Enforcement::Deny => "denialsAreEnforced",
        Enforcement::Warn => "denialsWarn",
        Enforcement::Audit => "denialsAreAudited",
    }
}

fn severity_of(level: Level) -> Option<Severity> {
    match level {
        Level::Deny => Some(Severity::Deny),
        Level::Warn => Some(Severity::Warn),
        Level::Off => None,
    }
}
