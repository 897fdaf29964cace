//! The catalogue in CEL, the language that the API server evaluates itself. A policy flows in; the content of the
//! ValidatingAdmissionPolicies and the MutatingAdmissionPolicy flows out.
//!
//! The expressions read an endpoint as the rest of this crate does. They are for text of at most [`LONGEST`] characters:
//! an expression has a cost budget, and the cost of matching a regular expression grows with the text.
//!
//! ```text
//! written      the variables of the object that is written, and of the one that it replaces
//! url          a url or an origin, taken apart
//! address      what is special about its host
//! path         a rewritePath
//! origin       what is beside an origin
//! placeholder  what a template engine should have filled in
//! allow        the allow lists of a policy
//! levels       in which namespaces a rule denies, warns, or is off
//! namespaces   whether a pattern names the request's namespace
//! mutation     what the MutatingAdmissionPolicy changes
//! ```

mod address;
mod allow;
mod levels;
mod mutation;
mod namespaces;
mod origin;
mod path;
mod placeholder;
mod url;
mod written;

use std::fmt::Write as _;

use self::levels::{Levels, When};
pub use self::mutation::{Mutation, mutation};
use super::field::Generation;
use super::policy::{Enforcement, Policy};
use super::rules::{self, Case, Cel, Rule};

/// The longest text that the expressions judge, in characters.
pub const LONGEST: usize = 4096;

/// When the API server evaluates the rest: the same condition as in the webhook configurations.
pub const CHANGES_WHERE_IT_LEADS: &str = "\
request.operation == 'CREATE' ||
type(object.?spec.orValue(null)) != map || type(oldObject.?spec.orValue(null)) != map ||
object.spec.?url != oldObject.spec.?url ||
object.spec.?rewritePath != oldObject.spec.?rewritePath ||
object.spec.?origin != oldObject.spec.?origin ||
object.spec.?api != oldObject.spec.?api ||
object.spec.?model != oldObject.spec.?model ||
object.spec.?credential != oldObject.spec.?credential ||
(object.spec.?origin.hasValue() &&
object.metadata.?labels[?'modelplane.ai/cluster'] != oldObject.metadata.?labels[?'modelplane.ai/cluster'])";

/// A named expression. It can use the variables before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub expression: String,
}

/// What a ValidatingAdmissionPolicy evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    pub variables: Vec<Variable>,
    /// Of type bool: whether no rule is broken.
    pub expression: &'static str,
    /// Of type string: each broken rule as `FIELD: MESSAGE [RULE]`.
    pub message: &'static str,
    /// The rules that are left to the webhook, by id, with the reason.
    pub left_out: Vec<(&'static str, &'static str)>,
}

/// What the API server does under a policy with an endpoint that breaks a rule, in this way: `Deny` refuses it,
/// `Warn` warns, and `Audit` annotates the audit event only. `None` if nothing is done in this way.
#[must_use]
pub fn validation(policy: &Policy, action: Enforcement) -> Option<Validation> {
    let levels = Levels::of(policy);
    let mut variables = written::variables();
    variables.extend(origin::variables(policy));
    variables.extend(levels.variables());
    variables.extend(allow::variables(policy));

    let mut left_out = Vec::new();
    let mut broken = [Vec::new(), Vec::new()];
    if let Some(when) = levels.of_every_denial(action).condition() {
        variables.push(Variable::new("tooLong", guarded(&when, &written::too_long())));
        for broken in &mut broken {
            broken.push("variables.tooLong".to_owned());
        }
    }
    for rule in rules::ALL {
        let Some(when) = levels.of_rule(rule, action).condition() else { continue };
        let cases = match rule.cel {
            Cel::Webhook(why) => {
                left_out.push((rule.id, why));
                continue;
            }
            Cel::IfLists(_) if policy.allow.is_empty() => continue,
            Cel::IfLists(ref case) => std::slice::from_ref(case),
            Cel::FirstOf(cases) => cases,
        };
        let name = camel_case(rule.id);
        variables.push(Variable::new(&name, guarded(&when, &says(rule, cases))));
        broken[usize::from(rule.field.generation() == Generation::Origin)].push(format!("variables.{name}"));
    }
    let [of_url, of_origin] = broken.map(|broken| broken.join(",\n"));
    if of_url.is_empty() && of_origin.is_empty() {
        return None;
    }
    // An endpoint with both fields, or with neither, is for the schema to refuse.
    variables.push(Variable::new(
        "broken",
        format!(
            "(variables.hasUrl == variables.hasOrigin ? []
: variables.hasUrl ? [{of_url}]
: [{of_origin}]).filter(message, message != '')"
        ),
    ));
    let (expression, message) = ("variables.broken.size() == 0", "variables.broken.join('; ')");
    let variables = used(variables, expression);
    Some(Validation { variables, expression, message, left_out })
}

/// A message, or '' where a condition is not met.
fn guarded(condition: &str, message: &str) -> String {
    if condition == When::ALWAYS { message.to_owned() } else { format!("!({condition}) ? ''\n: {message}") }
}

/// The message of a rule, or ''.
fn says(rule: &Rule, cases: &[Case]) -> String {
    let mut expression = String::new();
    for case in cases {
        let message = literal(&format!("{}: {} [{}]", rule.field.path(), case.says, rule.id));
        // The lines of a raw literal are indented like the code around them.
        let when: Vec<_> = case.when.lines().map(str::trim_start).collect();
        let _ = write!(expression, "{}\n? {message}\n: ", when.join("\n"));
    }
    expression + "''"
}

/// A string literal of CEL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

/// A list of string literals.
fn texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let literals: Vec<_> = texts.into_iter().map(|text| literal(text.as_ref())).collect();
    format!("[{}]", literals.join(", "))
}

/// The variables of a reading, in which `{}` is the name of the text. A variable can use those before it.
fn reading<'a>(reading: &'a [(&str, &str)], text: &'a str) -> impl Iterator<Item = Variable> + 'a {
    let filled_in = move |template: &str| template.replace("{}", text);
    reading.iter().map(move |(name, expression)| Variable::new(&filled_in(name), filled_in(expression)))
}

/// `url-syntax` as `urlSyntax`, which CEL accepts as a name.
fn camel_case(id: &str) -> String {
    let mut name = String::from("rule");
    for word in id.split('-') {
        let (first, rest) = word.split_at(word.len().min(1));
        name += &first.to_ascii_uppercase();
        name += rest;
    }
    name
}

/// The variables that the expression needs.
fn used(variables: Vec<Variable>, expression: &str) -> Vec<Variable> {
    let mut needed = names(expression);
    let mut kept: Vec<_> = variables
        .into_iter()
        .rev()
        .filter(|variable| {
            let is_needed = needed.contains(&variable.name);
            if is_needed {
                needed.extend(names(&variable.expression));
            }
            is_needed
        })
        .collect();
    kept.reverse();
    kept
}

/// The names of the variables in an expression.
fn names(expression: &str) -> Vec<String> {
    let behind = expression.split("variables.").skip(1);
    behind.map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
}

impl Variable {
    fn new(name: &str, expression: String) -> Self {
        Variable { name: name.to_owned(), expression }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Variable> {
        let of_policies = Enforcement::ALL.into_iter().filter_map(|action| validation(&Policy::NONE, action));
        of_policies.flat_map(|validation| validation.variables).chain(mutation().variables).collect()
    }

    #[test]
    fn a_variable_uses_only_those_before_it() {
        for variables in [
            validation(&Policy::NONE, Enforcement::Deny).unwrap().variables,
            validation(&Policy::NONE, Enforcement::Warn).unwrap().variables,
            mutation().variables,
        ] {
            let mut known: Vec<String> = Vec::new();
            for Variable { name, expression } in variables {
                for used in names(&expression) {
                    assert!(known.contains(&used), "{name} uses {used}");
                }
                assert!(!known.contains(&name), "{name} is there twice");
                known.push(name);
            }
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        for Variable { name, expression } in all() {
            assert!(!name.contains("{}") && !expression.contains("{}"), "{name}: {expression}");
        }
    }

    #[test]
    fn a_rule_is_left_out_only_for_a_reason() {
        for rule in rules::ALL {
            match rule.cel {
                Cel::FirstOf(cases) => assert!(!cases.is_empty(), "{}", rule.id),
                Cel::Webhook(why) => assert!(!why.is_empty(), "{}", rule.id),
                Cel::IfLists(case) => assert!(case.when.contains("lists"), "{}", rule.id),
            }
        }
    }

    #[test]
    fn a_literal_reads_back() {
        assert_eq!(literal("a port's `\\`"), r"'a port\'s `\\`'");
    }
}
