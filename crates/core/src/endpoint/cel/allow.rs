//! The allow lists of a policy flow in; variables that say what they allow flow out, as
//! [`Here::outside`](crate::endpoint::policy::Here::outside) does.

use std::fmt::Write as _;

use super::address::digits_of;
use super::namespaces::names_namespace;
use super::{Variable, texts};
use crate::endpoint::policy::{AllowList, Policy};
use crate::endpoint::url::Scheme;

/// Whether a list names the namespace, and whether one that does allows the place, then the schema too, then whether
/// there is a credential as well.
pub(super) fn variables(policy: &Policy) -> Vec<Variable> {
    let mut variables = Vec::new();
    let mut named = Vec::new();
    let mut allowed = [const { Vec::new() }; 3];
    for (number, list) in policy.allow.all().iter().enumerate() {
        let namespace = format!("list{number}NamesNamespace");
        variables.push(Variable::new(&namespace, names_namespace(&list.namespaces)));
        let place = format!("list{number}AllowsPlace");
        let allows_place = allows_place(list, number, &mut variables);
        variables.push(Variable::new(&place, format!("variables.{namespace} && {allows_place}")));
        named.push(format!("variables.{namespace}"));
        let mut all = format!("variables.{place}");
        for (allowed, more) in allowed.iter_mut().zip(["true", &allows_schema(list), allows_credential(list)])
        {
            if more != "true" {
                all = format!("{all} && {more}");
            }
            allowed.push(all.clone());
        }
    }
    let [places, schemas, credentials] = allowed;
    for (name, ways) in [
        ("listsNameNamespace", named),
        ("listsAllowPlace", places),
        ("listsAllowSchema", schemas),
        ("listsAllowCredential", credentials),
    ] {
        variables.push(Variable::new(name, ways.join(" ||\n")));
    }
    variables
}

fn allows_schema(list: &AllowList) -> String {
    if list.schemas.is_empty() {
        return "true".to_owned();
    }
    let names = texts(list.schemas.iter().map(|schema| schema.name()));
    format!("(!variables.hasOrigin || object.spec.?api.?schema.orValue('OpenAI') in {names})")
}

fn allows_credential(list: &AllowList) -> &'static str {
    if list.needs_credential {
        "(!variables.hasOrigin || object.spec.?credential.hasValue())"
    } else {
        "true"
    }
}

/// An expression for whether the list allows the url. Its long parts become variables.
fn allows_place(list: &AllowList, number: usize, variables: &mut Vec<Variable>) -> String {
    let mut all = Vec::new();
    if let Some(host) = allows_host(list, number, variables) {
        all.push(host);
    }
    if !list.schemes.is_empty() {
        let names = list.schemes.iter().map(|scheme| match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        });
        all.push(format!("variables.urlKnownScheme in {}", texts(names)));
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
