//! The catalogue in CEL, the language that the API server evaluates itself. A policy flows in; the content of the
//! ValidatingAdmissionPolicies and the MutatingAdmissionPolicy flows out.
//!
//! The expressions read a url and a rewritePath as the rest of this crate does. They are for text of at most
//! [`LONGEST`] characters: an expression has a cost budget, and the cost of matching a regular expression grows with
//! the text.

mod address;
mod allow;
mod path;
mod url;

use std::fmt::Write as _;

use super::policy::{Policy, Severity};
use super::rules::{self, Cel, Rule};

/// The longest url or rewritePath that the expressions judge, in characters.
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

/// What the MutatingAdmissionPolicy evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Names and expressions of type bool, in addition to [`CHANGES_WHERE_IT_LEADS`].
    pub conditions: [(&'static str, String); 2],
    pub variables: Vec<Variable>,
    /// Of type list of `JSONPatch`.
    pub patch: &'static str,
}

/// The rules that have this severity under a policy without overrides. `None` if there is none.
#[must_use]
pub fn validation(policy: &Policy, severity: Severity) -> Option<Validation> {
    let everywhere = policy.here("");
    let rules = rules::ALL.into_iter();
    let rules = rules.filter(|rule| everywhere.severity(rule.id, rule.severity) == Some(severity));
    let mut variables = of_a_stored_endpoint();
    let mut broken = Vec::new();
    let mut left_out = Vec::new();
    if severity == Severity::Deny {
        variables.push(Variable::new("tooLong", too_long()));
        broken.push("tooLong".to_owned());
    }
    for rule in rules {
        let cases = match rule.cel {
            Cel::Webhook(why) => {
                left_out.push((rule.id, why));
                continue;
            }
            Cel::AllowLists => match allow::variables(policy) {
                None => continue,
                Some(lists) => {
                    variables.extend(lists);
                    vec![allow::CASE]
                }
            },
            Cel::FirstOf(cases) => cases.to_vec(),
        };
        let name = camel_case(rule.id);
        variables.push(Variable::new(&name, says(rule, &cases)));
        broken.push(name);
    }
    if broken.is_empty() {
        return None;
    }
    let list = broken.iter().map(|name| format!("variables.{name}")).collect::<Vec<_>>().join(",\n");
    // An endpoint with an origin belongs to the other generation.
    variables.push(Variable::new(
        "broken",
        format!(
            "object.?spec.?url.hasValue() && !object.?spec.?origin.hasValue()
? [{list}].filter(message, message != '')
: []"
        ),
    ));
    let (expression, message) = ("variables.broken.size() == 0", "variables.broken.join('; ')");
    let variables = used(variables, expression);
    Some(Validation { variables, expression, message, left_out })
}

/// The default of a rewritePath, its refresh, and the slash at its end.
#[must_use]
pub fn mutation() -> Mutation {
    const PATCH: &str = "\
variables.wanted == variables.path
? []
: [JSONPatch{op: 'add', path: '/spec/rewritePath', value: variables.wanted}]";
    let text = |name: &str, expression: &str| Variable::new(name, expression.to_owned());
    let mut variables = vec![
        text("url", "object.spec.url"),
        text("path", "object.spec.?rewritePath.orValue(null) == null ? '' : object.spec.rewritePath"),
        text("oldUrl", &old("url")),
        text("oldPath", &old("rewritePath")),
    ];
    variables.extend(url::reading("url"));
    variables.extend(url::reading("oldUrl"));
    variables.extend(path::reading("path"));
    variables.push(text("default", "variables.urlDefaultBody + '/'"));
    variables.extend(path::reading("default"));
    // The owner of the field is unknown: CEL has no metadata.managedFields.
    variables.push(text(
        "followsUrl",
        "variables.url != variables.oldUrl && variables.path == variables.oldPath &&
variables.oldUrlFault == '' && variables.pathIsRewritePath && variables.path == variables.oldUrlDefaultBody + '/'",
    ));
    variables.push(text(
        "wanted",
        "variables.path == '' || variables.followsUrl
? (variables.urlFault == '' && variables.defaultIsRewritePath ? variables.default : variables.path)
: (variables.pathIsRewritePath ? variables.pathBody + '/' : variables.path)",
    ));
    Mutation { conditions: conditions(), variables: used(variables, PATCH), patch: PATCH }
}

/// The conditions of the mutating webhook, and what the expressions need.
fn conditions() -> [(&'static str, String); 2] {
    let is_not_in_normal_form = "\
!(type(object.?spec.orValue(null)) == map &&
type(object.spec.?rewritePath.orValue(null)) == string &&
object.spec.rewritePath.endsWith('/') &&
!object.spec.rewritePath.endsWith('//')) ||
(request.operation == 'UPDATE' &&
(type(oldObject.?spec.orValue(null)) != map || object.spec.?url != oldObject.spec.?url))";
    // The schema refuses another type, but later.
    let is_text = format!(
        "type(object.?spec.orValue(null)) == map &&
type(object.spec.?url.orValue(null)) == string && object.spec.url.size() <= {LONGEST} &&
(object.spec.?rewritePath.orValue(null) == null ||
type(object.spec.?rewritePath.orValue(null)) == string && object.spec.rewritePath.size() <= {LONGEST})"
    );
    [("is-not-in-normal-form", is_not_in_normal_form.to_owned()), ("is-text", is_text)]
}

/// What the rules' expressions may use.
fn of_a_stored_endpoint() -> Vec<Variable> {
    let text = |name: &str, expression: &str| Variable::new(name, expression.to_owned());
    let mut variables = vec![
        text("writtenUrl", "object.?spec.?url.orValue('')"),
        text("writtenPath", "object.?spec.?rewritePath.orValue('')"),
        Variable::new("url", shortened("writtenUrl")),
        Variable::new("path", shortened("writtenPath")),
        text("oldUrl", &old("url")),
        // As Modelplane's parser reads values that were stored before there were rules.
        Variable::new(
            "storedText",
            format!(
                r"variables.oldUrl.size() > {LONGEST} ? '' : variables.oldUrl.find(r'[^\x00-\x20](?s:.*)')
.replace('\t', '').replace('\r', '').replace('\n', '').replace('\u212a', 'k')"
            ),
        ),
        text("storedFuture", r"variables.storedText.find(r'\[v[^\]]*\]')"),
        text(
            "storedUrl",
            "variables.storedFuture == '' ? variables.storedText
: variables.storedText.replace(variables.storedFuture,
variables.storedFuture.substring(1, variables.storedFuture.size() - 1), 1)",
        ),
    ];
    variables.extend(url::reading("url"));
    variables.extend(url::reading("storedUrl"));
    variables.extend(path::reading("path"));
    variables.push(text("host", "variables.urlHostIsClear ? variables.urlHostKind : 'unclear'"));
    variables.extend(address::variables());
    variables.push(text("familyOfSlice", "variables.storedUrlHasSlice ? variables.storedUrlFamily : ''"));
    // Crossplane reports for the stored generation that the slice already has another kind than the url.
    variables.push(text(
        "sliceIsStuck",
        "oldObject != null && variables.writtenUrl != variables.oldUrl &&
oldObject.?status.?conditions.orValue([]).exists(condition,
condition.?type.orValue('') == 'Synced' && condition.?status.orValue('') == 'False' &&
condition.?message.orValue('').matches(r'^Unsynced resources: (?s:.*)endpointslice') &&
condition.?observedGeneration.orValue(-1) == oldObject.metadata.?generation.orValue(0))",
    ));
    variables
}

/// A field of the object that an update replaces. '' if it is not text.
fn old(field: &str) -> String {
    let value = format!("oldObject.?spec.?{field}.orValue(null)");
    format!("oldObject != null && type({value}) == string ? oldObject.spec.{field} : ''")
}

fn shortened(name: &str) -> String {
    format!("variables.{name}.size() > {LONGEST} ? '' : variables.{name}")
}

/// A value that is too long to judge is refused, and not skipped.
fn too_long() -> String {
    let case = |name: &str, field: &str| {
        format!(
            "variables.{name}.size() > {LONGEST}
? {}",
            literal(&format!(
                "{field}: has over {LONGEST} characters, the most that an admission policy can check; write \
                 a shorter value"
            ))
        )
    };
    format!("{}\n: {}\n: ''", case("writtenUrl", "spec.url"), case("writtenPath", "spec.rewritePath"))
}

/// The message of a rule, or ''.
fn says(rule: &Rule, cases: &[rules::Case]) -> String {
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
        let of_policies = [Severity::Deny, Severity::Warn]
            .into_iter()
            .filter_map(|severity| validation(&Policy::NONE, severity));
        of_policies.flat_map(|validation| validation.variables).chain(mutation().variables).collect()
    }

    #[test]
    fn a_variable_uses_only_those_before_it() {
        for variables in [
            validation(&Policy::NONE, Severity::Deny).unwrap().variables,
            validation(&Policy::NONE, Severity::Warn).unwrap().variables,
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
                Cel::AllowLists => assert_eq!(rule.id, "url-not-allowed"),
            }
        }
    }

    #[test]
    fn a_literal_reads_back() {
        assert_eq!(literal("a port's `\\`"), r"'a port\'s `\\`'");
    }
}
