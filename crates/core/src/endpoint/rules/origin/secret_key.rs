use crate::endpoint::dns::LONGEST_NAME;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "secret-key",
    field: Field::SecretKey,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "No Secret can have this key.",
    reason: "The keys of a Secret's data have letters, digits, `-`, `_` and `.` only. The resource's schema \
             accepts any text, and the endpoint waits forever for a key that cannot exist.",
    instead: "Write the name that the API key has in the Secret's data. If you leave it out, it is `apiKey`.",
    good: &[
        Example::origin("https://api.example.com").with_secret("provider-key", "api-key"),
        Example::origin("https://api.example.com").with_secret("provider-key", "_"),
    ],
    bad: &[
        Example::origin("https://api.example.com").with_secret("provider-key", "a b"),
        Example::origin("https://api.example.com").with_secret("provider-key", "a/b"),
        Example::origin("https://api.example.com").with_secret("provider-key", ".."),
        Example::origin("https://api.example.com").with_secret("provider-key", "..x"),
        Example::origin("https://api.example.com").with_secret("provider-key", "clé"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "!variables.secretKeyIsKey",
        says: "is not a valid key in a Secret, so the endpoint would never become ready; write the name of the key in the Secret, not the API key itself",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let key = *subject.spec.secret_key.text()?;
    // what can't be a key's name may be the API key itself: it is not repeated
    (!is_config_map_key(key)).then(|| {
        Problem::new(
            "is not a valid key in a Secret, so the endpoint would never become ready",
            "write the name of the key in the Secret, not the API key itself",
        )
    })
}

/// `IsConfigMapKey` of Kubernetes.
fn is_config_map_key(key: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !key.is_empty()
        && key.len() <= LONGEST_NAME
        && key.bytes().all(is_taken)
        && key != "."
        && !key.starts_with("..")
}
