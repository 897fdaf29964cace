use std::borrow::Cow;

use crate::endpoint::field::Field;
use crate::endpoint::host::{Family, Host};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::{Port, Url};

pub(crate) static RULE: Rule = Rule {
    id: "host-family-change",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "An update changes the host from one kind to another: DNS name, IPv4 or IPv6.",
    reason: "A server moved from 10.0.1.50 to llm.example.com, and the endpoint's url with it. The \
             EndpointSlice that Modelplane composes can't change its address type, so the gateway kept \
             sending to the old address, although the url named the new one.",
    instead: "Delete the endpoint and create it again with the new url, or create a second one under another \
              name. If Modelplane composed the endpoint, deleting it is enough: it comes back within \
              seconds, with the new url. An endpoint whose host changed before the webhook was installed is \
              stuck with its old EndpointSlice: delete it as well, or change the host back, which is \
              admitted while its condition `Synced` is `False` with the message `Unsynced resources: \
              endpointslice`. The message may name other resources too.",
    good: &[
        Example::update("http://10.0.1.50/v1", "http://10.0.1.51/v1"),
        Example::update("http://a.example.com/v1", "https://b.example.com/v1"),
    ],
    bad: &[
        Example::update("http://10.0.1.50/v1", "http://llm.example.com/v1"),
        Example::update("http://llm.example.com/v1", "http://[2001:db8::10]/v1"),
        Example::update("http://[2001:db8::10]/v1", "http://10.0.1.50/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlHostIsClear && variables.urlFamily != '' && variables.familyOfSlice != '' \
                   && variables.urlFamily != variables.familyOfSlice && !variables.sliceIsStuck",
        says: "changes its host from one kind (DNS name, IPv4, IPv6) to another, and its EndpointSlice \
               cannot follow: traffic would still go to the old host; delete the endpoint and create it \
               again; Modelplane itself recreates an endpoint that it composed",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let before = stored_family(subject.old?.url.text()?)?;
    let url = subject.url.text()?;
    let after = url.host?.family()?;
    // Where the slice is of another family already, no change of the url makes it worse, and one back heals it.
    if before == after || subject.is_slice_stuck {
        return None;
    }
    let problem = Problem::new(
        format!(
            "changes its host from {before} to {after}, and its EndpointSlice cannot follow: traffic would \
             still go to the old host"
        ),
        "delete the endpoint and create it again; Modelplane itself recreates an endpoint that it composed",
    );
    Some(problem.at(url.parts.host))
}

/// The address type of the EndpointSlice behind a url that was stored before; `None` where there is none,
/// because Modelplane composes none or the API server refuses it: then anything may come after.
fn stored_family(url: &str) -> Option<Family> {
    let url = as_python_reads(url);
    let parts = Url::split(&url);
    // Python takes `[v1.abc]`, an address of the future (RFC 3986), for the name between the brackets
    let future = parts.host.strip_prefix("[v").and_then(|rest| rest.strip_suffix(']')).map(|_| {
        let name = &parts.host[1..parts.host.len() - 1];
        (name, Host::classify(name))
    });
    let composes = !matches!(parts.classify_port(), Port::NotDecimal(_) | Port::TooLarge);
    let (text, host) = future.unwrap_or_else(|| (parts.host, parts.classify_host()));
    host.family().filter(|_| composes && host.is_taken_by_endpoint_slice(text))
}

/// Modelplane's `urlparse` passes over what stands in front, and over tabs and line breaks anywhere; it lowers the
/// Kelvin sign to a `k`. No rule admits these, but they may have been stored before there were rules.
fn as_python_reads(url: &str) -> Cow<'_, str> {
    const KELVIN: char = '\u{212a}';
    let url = url.trim_start_matches(|c: char| c <= ' ');
    if url.contains(['\t', '\r', '\n', KELVIN]) {
        url.replace(['\t', '\r', '\n'], "").replace(KELVIN, "k").into()
    } else {
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::field::Value;

    fn is_refused(before: &str, after: &str) -> bool {
        check(&Subject::new(Value::Text(after), Value::Absent, Some(before))).is_some()
    }

    #[test]
    fn what_stood_behind_no_endpoint_slice_may_become_anything() {
        for before in [
            "http://127.0.0.1:8000/v1",
            "http://169.254.169.254/",
            "http://[::1]/",
            "http://[2001:db8:0:0::10]/",
            "http://vllm:8000/v1",
            "http://a_b.example/",
            "http://10.0.1.50:99999/",
            "http://10.0.1.50:80a/",
            "http://[::1",
            "http://[v1.]/",
            "http://\u{212a}/",
            "10.0.1.50:8000",
            "",
        ] {
            assert!(!is_refused(before, "http://llm.example.com/"), "{before}");
            assert!(!is_refused(before, "http://10.0.1.50/"), "{before}");
        }
    }

    #[test]
    fn what_python_takes_for_a_name_is_one() {
        for before in ["http://[v1.abc]/", "http://\u{212a}8s.example.com/", "http://[vf.llm.example]:80/"] {
            assert!(is_refused(before, "http://10.0.1.50/"), "{before}");
            assert!(!is_refused(before, "http://llm.example.com/"), "{before}");
        }
    }

    #[test]
    fn what_was_stored_before_there_were_rules_is_read_as_modelplane_reads_it() {
        for before in [
            "http://10.0.1.50/v1\n",
            " http://10.0.1.50/v1",
            "ht\ttp://10.0.\r1.50:0/",
            "ftp://user@10.0.1.50:/?q#f",
            " //10.0.1.50",
            "https://10.0.1.50:8443/",
            "http://224.0.1.1/",
        ] {
            assert!(is_refused(before, "http://llm.example.com/"), "{before:?}");
            assert!(!is_refused(before, "http://10.0.1.51/"), "{before:?}");
        }
        assert!(is_refused("http://1.2.3/", "http://10.0.1.50/"));
        assert!(is_refused("http://h.42/", "http://10.0.1.50/"));
    }

    #[test]
    fn a_slice_that_is_stuck_holds_nothing_back() {
        let (before, after) = ("http://llm.example.com/", "http://10.0.1.50/");
        let mut subject = Subject::new(Value::Text(after), Value::Absent, Some(before));
        assert!(check(&subject).is_some());
        subject.is_slice_stuck = true;
        assert_eq!(check(&subject), None);
    }

    #[test]
    fn a_change_is_told_even_if_the_new_host_is_refused_as_well() {
        for after in
            ["http://vllm/", "http://[2001:db8:0:0::10]/", "http://[fe80::1%25eth0]/", "http://a_b.example/"]
        {
            assert!(is_refused("http://10.0.1.50/", after), "{after}");
        }
        for after in ["http://127.0.0.1/", "http:///", "http://[v1.abc]/", "http://[::1"] {
            assert!(!is_refused("http://10.0.1.50/", after), "{after}");
        }
    }
}
