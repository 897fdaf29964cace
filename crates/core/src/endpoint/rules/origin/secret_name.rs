use crate::endpoint::dns::LONGEST_NAME;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "secret-name",
    field: Field::SecretName,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "No Secret can have this name.",
    reason: "Kubernetes names are lower-case DNS names. The resource's schema accepts any text, and the \
             endpoint waits forever for a Secret that cannot exist. A key that somebody pasted here is \
             stored in clear text, for everyone who may read ModelEndpoints.",
    instead: "Write the name of a Secret in the endpoint's namespace: lower-case letters, digits, `-` and \
              `.`. If you pasted a key, treat it as leaked and replace it.",
    good: &[
        Example::origin("https://api.example.com").with_secret("provider-key", "apiKey"),
        Example::origin("https://api.example.com").with_secret("1.2.3.4", "apiKey"),
    ],
    bad: &[
        Example::origin("https://api.example.com").with_secret("My_Key", "apiKey"),
        Example::origin("https://api.example.com").with_secret("my/key", "apiKey"),
        Example::origin("https://api.example.com").with_secret("key.", "apiKey"),
        Example::origin("https://api.example.com").with_secret("-key", "apiKey"),
        Example::origin("https://api.example.com").with_secret("a..b", "apiKey"),
        Example::origin("https://api.example.com").with_secret("sk-proj-AbCdEfGhIjKl", "apiKey"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "!variables.secretNameIsSubdomain",
        says: "is not a valid name of a Secret, so the endpoint would never become ready; write a Secret's name, in lower case, and if you pasted a key here, replace that key",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let name = *subject.spec.secret_name.text()?;
    // what can't be a name may be the key itself: it is not repeated
    (!is_subdomain(name)).then(|| {
        Problem::new(
            "is not a valid name of a Secret, so the endpoint would never become ready",
            "write a Secret's name, in lower case; if you pasted a key here, replace that key",
        )
    })
}

/// `IsDNS1123Subdomain` of Kubernetes, which has no limit for a label.
fn is_subdomain(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= LONGEST_NAME && name.split('.').all(is_label)
}
