use crate::endpoint::field::Field;
use crate::endpoint::origin::second_separator;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-separator",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The origin has `://` twice.",
    reason: "`https://api.example.com://8080` passes the resource's schema, which does not look past the \
             second `://`. Modelplane's composition reads `//8080` as the port and fails, for every \
             ModelRoute that selects the endpoint: services that worked are frozen.",
    instead: "Write scheme, host and port once: `https://api.example.com:8080`.",
    good: &[Example::origin("https://api.example.com:8080")],
    bad: &[
        Example::origin("https://api.example.com://8080"),
        Example::origin("https://https://api.example.com"),
        Example::origin("https://api.example.com://"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.originHasSecondSeparator",
        says: "has `://` twice: Modelplane's composition fails on it, which freezes every ModelRoute that selects this endpoint; write scheme, host and port once",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let second = second_separator(subject.origin.text()?.parts.text)?;
    let problem = Problem::new(
        "has `://` twice: Modelplane's composition fails on it, which freezes every ModelRoute that selects \
         this endpoint",
        "write scheme, host and port once",
    );
    Some(problem.at(second.get(.."://".len())?))
}
