//! The allow lists of a policy flow in; variables that say whether one of them allows the url flow out, as
//! [`Here::outside`](crate::endpoint::policy::Here::outside) does.

use std::fmt::Write as _;

use super::Variable;
use super::address::digits_of;
use crate::endpoint::policy::{AllowList, Policy};
use crate::endpoint::rules::Case;
use crate::endpoint::url::Scheme;

/// The message of the rule about allow lists.
pub(super) const CASE: Case = Case {
    when: "variables.listsNameNamespace && !variables.listsAllowUrl",
    says: "points to a server that the policy does not allow in this namespace; write one that it allows, or ask \
           the owner of the policy",
};

/// The variables of [`CASE`]. `None` if there is no list.
pub(super) fn variables(policy: &Policy) -> Option<Vec<Variable>> {
    let mut variables = Vec::new();
    let (mut named, mut allowed) = (Vec::new(), Vec::new());
    for (number, list) in policy.allow.all().iter().enumerate() {
        let namespace = format!("list{number}NamesNamespace");
        variables.push(Variable::new(&namespace, names_namespace(list)));
        let allows = allows(list, number, &mut variables);
        named.push(format!("variables.{namespace}"));
        allowed.push(format!("variables.{namespace} && {allows}"));
    }
    if named.is_empty() {
        return None;
    }
    variables.push(Variable::new("listsNameNamespace", named.join(" ||\n")));
    variables.push(Variable::new("listsAllowUrl", allowed.join(" ||\n")));
    Some(variables)
}

/// Whether a pattern of the list matches the request's namespace.
fn names_namespace(list: &AllowList) -> String {
    let (globs, names): (Vec<_>, Vec<_>) =
        list.namespaces.iter().map(ToString::to_string).partition(|pattern| pattern.contains('*'));
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

/// An expression for whether the list allows the url. Its long parts become variables.
fn allows(list: &AllowList, number: usize, variables: &mut Vec<Variable>) -> String {
    let mut all = Vec::new();
    if let Some(host) = allows_host(list, number, variables) {
        all.push(host);
    }
    if !list.schemes.is_empty() {
        let names = list.schemes.iter().map(|scheme| match scheme {
            Scheme::Http => "http".to_owned(),
            Scheme::Https => "https".to_owned(),
        });
        all.push(format!("variables.urlKnownScheme in {}", texts(&names.collect::<Vec<_>>())));
    }
    if !list.ports.is_empty() {
        let ranges = list.ports.iter().map(|(first, last)| format!("[{first}, {last}]"));
        let ranges = ranges.collect::<Vec<_>>().join(", ");
        all.push(format!(
            "[{ranges}].exists(range, range[0] <= variables.effectivePort && variables.effectivePort <= range[1])"
        ));
        if variables.iter().all(|variable| variable.name != "effectivePort") {
            variables.push(Variable::new("effectivePort", EFFECTIVE_PORT.to_owned()));
        }
    }
    if all.is_empty() { "true".to_owned() } else { all.join(" && ") }
}

/// 0 if it can't be read.
const EFFECTIVE_PORT: &str = "\
!variables.urlPortIsClear ? 0
: variables.urlPortText != '' ? variables.urlPort
: variables.urlKnownScheme == 'http' ? 80
: variables.urlKnownScheme == 'https' ? 443
: 0";

/// An expression with new variables. `None` if every host is allowed.
fn allows_host(list: &AllowList, number: usize, variables: &mut Vec<Variable>) -> Option<String> {
    if list.hosts.is_empty() && list.addresses.is_empty() {
        return None;
    }
    let mut ways = Vec::new();
    if list.hosts.allows_any() {
        ways.push("variables.host in ['name', 'single-label']".to_owned());
    } else {
        let names = list.hosts.names().map(|name| format!("'{name}'"));
        ways.extend(names_of_a_list(names, |names| format!("variables.urlName in [{names}]")));
        let domains = list.hosts.domains().map(|domain| format!("'.{domain}'"));
        ways.extend(names_of_a_list(domains, |domains| {
            format!("[{domains}].exists(domain, variables.urlName.endsWith(domain))")
        }));
        for way in &mut ways {
            *way = format!("variables.host in ['name', 'single-label'] && {way}");
        }
    }
    let ranges = |is_ipv4: bool| {
        list.addresses
            .iter()
            .filter(move |(first, _)| first.is_ipv4() == is_ipv4)
            .map(|(first, last)| format!("['{}', '{}']", digits_of(*first), digits_of(*last)))
    };
    for (is_ipv4, condition) in
        [(true, "variables.host == 'ipv4'"), (false, "variables.host in ['ipv6', 'ipv6-not-canonical']")]
    {
        ways.extend(names_of_a_list(ranges(is_ipv4), |ranges| {
            format!(
                "{condition} && [{ranges}].exists(range,\nrange[0] <= variables.addressDigits && \
                 variables.addressDigits <= range[1])"
            )
        }));
    }
    let mut all = String::from("variables.urlFault == '' && (");
    for (part, way) in ways.into_iter().enumerate() {
        let name = format!("list{number}AllowsHost{part}");
        let _ = write!(all, "{}variables.{name}", if part == 0 { "" } else { " || " });
        variables.push(Variable::new(&name, way));
    }
    Some(all + ")")
}

/// Expressions for pieces of a list, none longer than CEL's parser accepts.
fn names_of_a_list(items: impl Iterator<Item = String>, expression: impl Fn(&str) -> String) -> Vec<String> {
    /// In bytes. The parser accepts 100,000 code points.
    const LONGEST_LIST: usize = 50_000;
    let mut lists: Vec<String> = Vec::new();
    for item in items {
        match lists.last_mut() {
            Some(list) if list.len() + item.len() < LONGEST_LIST => {
                list.push_str(", ");
                list.push_str(&item);
            }
            _ => lists.push(item),
        }
    }
    lists.iter().map(|list| expression(list)).collect()
}

fn texts(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}
