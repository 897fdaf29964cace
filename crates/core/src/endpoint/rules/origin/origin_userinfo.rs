use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-userinfo",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The origin contains a user name or a password.",
    reason: "`https://sk-123@api.openai.com` stored an API key in clear text, for everyone who may read \
             ModelEndpoints. It never reached the provider: the Backend that Modelplane composes is refused, \
             and requests are answered with 500.",
    instead: "Leave out everything up to the `@`. Put the key into a Secret and name it in \
             `credential.apiKey.secretRef`. If a real key was applied, treat it as leaked and replace it.",
    good: &[Example::origin("https://api.example.com").with_secret("provider-key", "apiKey")],
    bad: &[
        Example::origin("https://token@api.example.com"),
        Example::origin("https://user@api.example.com:443"),
        Example::origin("https://@api.example.com"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlAuthority.contains('@')",
        says: "contains a user name or a password before an `@`: it is stored in clear text and never sent; leave it out, and name a Secret in `credential.apiKey.secretRef`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let userinfo = subject.origin.text()?.parts.userinfo?;
    let problem = Problem::new(
        "contains a user name or a password before an `@`: it is stored in clear text and never sent",
        "leave it out, and name a Secret in `credential.apiKey.secretRef`",
    );
    Some(problem.at(userinfo))
}
