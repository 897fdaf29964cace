use crate::endpoint::field::{Field, Value};
use crate::endpoint::rewrite_path::RewritePath;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};
use crate::endpoint::url::Url;

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-left-behind",
    field: Field::RewritePath,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "An update changes the url, and leaves a rewritePath that belongs to the old one.",
    reason: "`kubectl patch` moved an endpoint from `https://api.groq.com/openai/v1` to \
             `https://api.openai.com/v1`. Its rewritePath stayed `/openai/`, because a field manager owned \
             it, and OpenAI answered 404. A Helm chart with `rewritePath: \"\"` owns it in the same way.",
    instead: "Change rewritePath together with the url. If you remove it from the manifest and nobody else \
              owns it, it follows the url.",
    good: &[
        Example::update_of("http://10.0.1.50/a/v1", "http://10.0.1.51/a/v1", "/a/"),
        Example::update_of("http://10.0.1.50/a/v1", "http://10.0.1.51/v1", "/mine/"),
    ],
    bad: &[Example::update_of("https://api.groq.com/openai/v1", "https://api.openai.com/v1", "/openai/")],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let written = subject.rewrite_path.text()?;
    let path = written.text;
    let old = subject.old?;
    let former = RewritePath::derive(&Url::split(old.url.text()?))?;
    let default = subject.default_path.as_ref()?;
    let stayed = old.rewrite_path == Value::Text(path) && former.as_str() == path;
    if !stayed || default.as_str() == path {
        return None;
    }
    let problem = Problem::new(
        format!("is still {}, from the old url", written.show(path)),
        "change it together with \
                                                                                    the url",
    );
    Some(problem.meaning(Some(default.as_str().to_owned())))
}
