use crate::endpoint::field::Field;
use crate::endpoint::quote::{Named, NamedList};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-characters",
    field: Field::RewritePath,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The rewritePath contains a character that corrupts the request or blocks the HTTPRoute.",
    reason: "`/models%2Fllama/` reached the provider as `/models%252Fllama/`: the gateway escapes what it is \
             given, so an escape is escaped again, and `?` and `#` become part of the path. A control \
             character makes the API server refuse the HTTPRoute, and then the whole ModelService is stuck, \
             with all its endpoints. White space or an invisible character at a segment's edge is a copying \
             error that nobody can see.",
    instead: "Write the path as it is before any escaping, without query and fragment, and without white \
              space around a segment.",
    good: &[Example::rewrite_path("https://api.example.com/v1", "/models/llama 3/é/")],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/models%2Fllama/"),
        Example::rewrite_path("https://api.example.com/v1", "/openai?api-version=1"),
        Example::rewrite_path("https://api.example.com/v1", "/openai/#chat"),
        Example::rewrite_path("https://api.example.com/v1", "/a\\b/"),
        Example::rewrite_path("https://api.example.com/v1", "/a\n/"),
        Example::rewrite_path("https://api.example.com/v1", "/a\u{9b}/"),
        Example::rewrite_path("https://api.example.com/v1", "/a\u{fffe}/"),
        Example::rewrite_path("https://api.example.com/v1", "/a /"),
        Example::rewrite_path("https://api.example.com/v1", "/a\u{200b}/"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.pathHasRefusedCharacter",
            says: "contains a character that would corrupt the request or block the HTTPRoute of every \
                   service that selects this endpoint; remove it",
        },
        Case {
            when: "variables.pathHasUnseenEdge",
            says: "has white space or an invisible character at the edge of a segment, which becomes part \
                   of the request's path; remove it",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = subject.rewrite_path.text()?;
    let found = NamedList(&path.faults.characters);
    let problem = match (path.faults.characters.as_slice(), path.faults.edge) {
        (['%'], _) => Problem::new(
            "contains `%`, which the gateway escapes again, so the server sees `%25`",
            "write the character itself, unescaped",
        ),
        ([], None) => return None,
        ([], Some(edge)) => Problem::new(
            format!("has {} at the edge of a segment, which becomes part of the request's path", Named(edge)),
            "remove it",
        ),
        _ => Problem::new(
            format!(
                "contains {found}, which would corrupt the request or block the HTTPRoute of every service \
                 that selects this endpoint"
            ),
            "remove it",
        ),
    };
    Some(Problem { part: path.refused_character(), ..problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::field::Value;

    #[test]
    fn a_lone_percent_sign_is_told_from_others() {
        for (path, beginning) in [
            ("/a%2Fb/", "contains `%`, which the gateway escapes again"),
            ("/a%2Fb/?", "contains `%` and `?`, which would corrupt"),
            ("/a?/", "contains `?`, which would corrupt"),
            ("/a /", "has a space (U+0020) at the edge"),
        ] {
            let subject = Subject::new(Value::Text("http://h.example/"), Value::Text(path), None);
            let problem = check(&subject).expect("a problem").problem;
            assert!(problem.starts_with(beginning), "{path}: {problem}");
        }
    }
}
