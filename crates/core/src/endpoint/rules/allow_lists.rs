//! A url or an origin flows in; which part of it the policy's lists do not allow flows out.

use super::{Problem, Subject};
use crate::endpoint::EndpointUrl;
use crate::endpoint::policy::Outside;

/// What no list allows in the subject's namespace.
pub(super) fn outside<'a>(subject: &Subject<'a>, url: &EndpointUrl<'a>) -> Option<Problem<'a>> {
    let (destination, outside) = subject.outside()?;
    let (what, part) = match outside {
        Outside::Host if url.parts.host.is_empty() => ("no readable host".to_owned(), Some(url.parts.host)),
        Outside::Host => (format!("the host {}", url.show(url.parts.host)), Some(url.parts.host)),
        Outside::Scheme => {
            (format!("the scheme {}", url.show(url.parts.scheme.unwrap_or_default())), url.parts.scheme)
        }
        Outside::Port => match url.parts.effective_port() {
            Some(port) => (format!("the port {port}"), url.parts.port),
            None => ("no readable port".to_owned(), url.parts.port),
        },
        // other fields, which have their own rules
        Outside::Schema | Outside::Credential => return None,
    };
    let problem = Problem::new(
        format!("has {what}, which the policy does not allow {}", place(subject)),
        subject.here.allowed(&destination, outside),
    );
    Some(Problem { part, ..problem })
}

/// Where the policy says so.
pub(super) fn place(subject: &Subject<'_>) -> String {
    match subject.here.namespace {
        "" => "here".to_owned(),
        name => format!("in namespace `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::field::Value;
    use crate::endpoint::policy::{AllowList, HostPattern, NamespacePattern, Policy};
    use crate::endpoint::url::Scheme;

    /// What is said to be outside of a list with one host, one scheme and one port.
    fn what_is_outside(url: &str) -> Option<String> {
        let mut policy = Policy::NONE;
        policy.allow.extend([AllowList {
            namespaces: vec![NamespacePattern::any()],
            hosts: HostPattern::parse("llm.example").into_iter().collect(),
            schemes: vec![Scheme::Https],
            ports: [443..=443].into_iter().collect(),
            ..AllowList::default()
        }]);
        let here = policy.here("");
        let subject = Subject { here: &here, ..Subject::new(Value::Text(url), Value::Absent, None) };
        let problem = outside(&subject, subject.url.text()?)?.problem;
        problem.strip_prefix("has ")?.split_once(", which the policy").map(|(what, _)| what.to_owned())
    }

    #[test]
    fn it_says_which_part_is_outside() {
        for (url, what) in [
            ("https://llm.example/v1", None),
            ("https://other.example/v1", Some("the host `other.example`")),
            ("https:///v1", Some("no readable host")),
            ("http://llm.example/v1", Some("the scheme `http`")),
            ("https://llm.example:8443/v1", Some("the port 8443")),
            ("https://llm.example:x/v1", Some("no readable port")),
        ] {
            assert_eq!(what_is_outside(url).as_deref(), what, "{url}");
        }
    }
}
