use crate::endpoint::field::Field;
use crate::endpoint::placeholder;
use crate::endpoint::quote::{Named, Quoted, is_invisible};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "model-characters",
    field: Field::Model,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The model's name has white space at its start or end, or an invisible character.",
    reason: "A YAML block scalar made `gpt-5` with a line break at its end. The provider has no model of \
             that name, and answered every request with 404.",
    instead: "Write the name as the provider does, on one line. A block scalar (`|`, `>`) in YAML adds a \
              line break.",
    good: &[
        Example::model("moonshotai/Kimi-K2-Instruct"),
        Example::model("anthropic.claude-3-5-sonnet-20241022-v2:0"),
        Example::model("my model"),
    ],
    bad: &[
        Example::model("gpt-5\n"),
        Example::model(" gpt-5"),
        Example::model("gpt\n5"),
        Example::model("gpt-5\u{200b}"),
        Example::model("${MODEL}"),
        Example::model("{{ .model }}"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.modelHasPlaceholder",
            says: "contains a placeholder that was not filled in; render the template before you apply it",
        },
        Case {
            when: "variables.modelHasStrangeCharacter",
            says: "contains a character that is in no model's name; remove it, and in YAML write the name on one line",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let model = *subject.spec.model.text()?;
    if let Some(found) = placeholder::find(model) {
        let problem = format!("contains {}, a placeholder that was not filled in", Quoted(found));
        return Some(Problem::new(problem, "render the template before you apply it").at(found));
    }
    let at_edge = |c: &char| c.is_whitespace();
    let edges = [model.chars().next(), model.chars().next_back()];
    let strange = model.chars().find(|c| is_invisible(*c)).or(edges.into_iter().flatten().find(at_edge))?;
    let at = model.find(strange)?;
    let problem = Problem::new(
        format!("contains {}, which no model's name contains", Named(strange)),
        "remove it; in YAML, write the name on one line",
    );
    Some(Problem { part: model.get(at..at + strange.len_utf8()), ..problem })
}
