use std::net::Ipv4Addr;

use crate::endpoint::endpoint_url::EndpointUrl;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-ip-typo",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The host would be an IPv4 address if a letter in it were a digit.",
    reason: "`http://10.0.1.5O/v1` ends in a letter O. It is a valid DNS name, so the endpoint was stored, \
             but the name never resolved.",
    instead: "Write the address with digits only.",
    good: &[Example::url("http://10.0.1.50/v1"), Example::url("http://10.0.1.5.nip.io/v1")],
    bad: &[Example::url("http://10.0.1.5O/v1"), Example::url("http://10.0.1.l0:8000/v1")],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let address = meant(url)?;
    let parts = url.parts;
    let behind = parts.text.split_once(parts.host).map_or("", |(_, behind)| behind);
    let value = format!("{}://{address}{behind}", parts.scheme?);
    let problem = Problem::new(
        format!("has the host {}, with a letter in place of a digit", url.show(parts.host)),
        "write the digit",
    );
    Some(problem.at(parts.host).meaning(Some(value)))
}

/// The address, if letters that look like digits are taken for these.
fn meant(url: &EndpointUrl<'_>) -> Option<Ipv4Addr> {
    let name = url.name()?;
    // a name of real labels, such as `lo.o.io.oil`, has hardly a digit
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).count();
    if digits < 2 || letters > 2 || name.len() > MOST {
        return None;
    }
    let digit = |c: char| match c {
        'O' | 'o' => '0',
        'I' | 'i' | 'l' | 'L' => '1',
        other => other,
    };
    name.chars().map(digit).collect::<String>().parse().ok()
}

/// `255.255.255.255`
const MOST: usize = 15;
