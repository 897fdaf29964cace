use super::{Example, Rule, Severity, Subject};
use crate::endpoint::field::Field;
use crate::endpoint::host::Host;
use crate::endpoint::url::Url;

pub(super) static RULE: Rule = Rule {
    id: "host-family-change",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "An update changes the host from one kind to another: DNS name, IPv4 or IPv6.",
    reason: "A server moved from 10.0.1.50 to llm.example.com, and the endpoint's url with it. The EndpointSlice \
             that Modelplane composes can't change its address type, so the gateway went on sending to the old \
             address, for ever, while the url said otherwise.",
    instead: "Delete the endpoint and create it again with the new url, or create a second one under another name.",
    good: &[
        Example::update("http://10.0.1.50/v1", "http://10.0.1.51/v1"),
        Example::update("http://a.example.com/v1", "https://b.example.com/v1"),
    ],
    bad: &[
        Example::update("http://10.0.1.50/v1", "http://llm.example.com/v1"),
        Example::update("http://llm.example.com/v1", "http://[2001:db8::10]/v1"),
        Example::update("http://[2001:db8::10]/v1", "http://10.0.1.50/v1"),
    ],
    part: |subject| Some(subject.url.text()?.parts.host),
    check,
};

fn check(subject: &Subject<'_>) -> Option<String> {
    let before = Host::classify(Url::split(subject.previous_url?).host).family()?;
    let after = subject.url.text()?.host?.family()?;
    if before == after {
        return None;
    }
    Some(format!(
        "changes its host from {before} to {after}, and the EndpointSlice behind it cannot follow: traffic would go on \
         to the old host; delete the endpoint and create it again"
    ))
}
