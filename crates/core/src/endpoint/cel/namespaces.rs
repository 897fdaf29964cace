//! Patterns of namespaces flow in; an expression of type bool, whether one of them matches the request's namespace,
//! flows out.

use super::texts;
use crate::endpoint::policy::NamespacePattern;

pub(super) fn names_namespace(patterns: &[NamespacePattern]) -> String {
    let (globs, names): (Vec<_>, Vec<_>) =
        patterns.iter().map(ToString::to_string).partition(|pattern| pattern.contains('*'));
    if globs.iter().any(|glob| glob == "*") {
        return "true".to_owned();
    }
    let mut ways = Vec::new();
    if !names.is_empty() {
        ways.push(format!("request.namespace in {}", texts(&names)));
    }
    if !globs.is_empty() {
        ways.push(format!("request.namespace.matches(r'^({})$')", globs.join("|").replace('*', ".*")));
    }
    if ways.is_empty() { "false".to_owned() } else { ways.join(" ||\n") }
}
