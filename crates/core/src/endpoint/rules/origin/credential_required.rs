use crate::endpoint::field::Field;
use crate::endpoint::policy::Outside;
use crate::endpoint::rules::allow_lists::place;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "credential-required",
    field: Field::Credential,
    severity: Severity::Deny,
    cause: "FieldValueRequired",
    summary: "The policy requires a credential in the namespace, and the endpoint has none.",
    reason: "An endpoint without a credential pointed to a model server that somebody had opened to everybody. Without \
             a policy no credential is required.",
    instead: "Put the server's key into a Secret, and name that in `credential.apiKey.secretRef`.",
    good: &[Example::origin("https://llm.example.com")
        .with_secret("llm-key", "apiKey")
        .under_policy("*.example.com")
        .with_required_credential()],
    bad: &[Example::origin("https://llm.example.com")
        .under_policy("*.example.com")
        .with_required_credential()],
    check,
    cel: Cel::IfLists(Case {
        when: "variables.listsAllowSchema && !variables.listsAllowCredential",
        says: "is missing, and the policy requires one in this namespace; name the Secret of the server's key",
    }),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let (_, outside) = subject.outside()?;
    (outside == Outside::Credential).then(|| {
        Problem::new(
            format!("is missing, and the policy requires one {}", place(subject)),
            "name the Secret of the server's key",
        )
    })
}
