//! What kubectl would refuse before the webhook is called.

use crate::workspace::{Workspace, endpoint};

/// The titles of the findings for a manifest, with the exit code.
fn found(manifest: &str) -> (Option<i32>, Vec<String>) {
    let run = Workspace::with(&[("e.yaml", manifest)]).check(&["e.yaml"]);
    let titles = run.out.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning["));
    (run.code, titles.map(str::to_owned).collect())
}

#[test]
fn what_is_missing_or_misspelled_is_told_as_strict_validation_would() {
    let head = "apiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata: {name: q}\n";
    let unknown = |field: &str| {
        format!(
            "error[unknown-field]: has the field `{field}`, which the resource does not have, so kubectl \
             refuses it"
        )
    };
    for (manifest, title) in [
        (head.to_owned(), "error[missing-url]: has no `spec`".to_owned()),
        (format!("{head}spec: {{}}\n"), "error[missing-url]: has no `url` in its `spec`".to_owned()),
        (
            format!("{head}spec: {{rewritePath: /}}\n"),
            "error[missing-url]: has no `url` in its `spec`".to_owned(),
        ),
        (format!("{head}spec: {{URL: https://h.example/v1}}\n"), unknown("URL")),
        (format!("{head}sepc: {{url: https://h.example/v1}}\n"), unknown("sepc")),
        (endpoint("q", &["url: https://h.example/v1", "rewritepath: /"]), unknown("rewritepath")),
    ] {
        assert_eq!(found(&manifest), (Some(1), vec![title]), "{manifest}");
    }
    assert_eq!(found(&endpoint("q", &["url: https://h.example/v1", "crossplane: {}"])), (Some(0), vec![]));
}

#[test]
fn an_endpoint_without_its_api_version_is_told_of() {
    let manifest = "kind: ModelEndpoint\nmetadata: {name: q}\nspec: {url: https://h.example/v1}\n";
    let (code, titles) = found(manifest);
    assert_eq!(code, Some(1));
    assert!(titles[0].starts_with("error[unknown-version]"), "{titles:?}");
}

#[test]
fn a_template_that_was_not_rendered_is_told_of() {
    let run =
        Workspace::with(&[("e.yaml", "spec:\n  url: {{ .Values.url }}\n  x: {{ a }\n")]).check(&["e.yaml"]);
    assert!(run.out.contains("render the template first"), "{}", run.out);
}
