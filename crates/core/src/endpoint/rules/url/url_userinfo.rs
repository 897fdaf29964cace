use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-userinfo",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The url contains a user name or a password.",
    reason: "An API token in the url was stored in clear text, for everyone who may read ModelEndpoints, and \
             never reached the provider, because Modelplane drops it. A user name can also look like the \
             host (`https://api.openai.com@evil.example`).",
    instead: "Leave out everything up to the `@`. Credentials belong in a Secret and in the gateway's \
              configuration. If a real password was applied, treat it as leaked and replace it.",
    good: &[Example::url("https://api.example.com/v1"), Example::url("https://api.example.com/@me/v1")],
    bad: &[
        Example::url("https://user:secret@api.example.com/v1"),
        Example::url("https://token@10.0.1.50/v1"),
        Example::url("https://@api.example.com/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlAuthority.contains('@')",
        says: "contains a user name or a password before an `@`: it is stored in clear text and never sent; \
                   leave it out, and keep credentials in a Secret",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let userinfo = subject.url.text()?.parts.userinfo?;
    let problem = Problem::new(
        "contains a user name or a password before an `@`: it is stored in clear text and never sent",
        "leave it out, and keep credentials in a Secret",
    );
    Some(problem.at(userinfo))
}
