//! What programs read.

use serde_json::{Value, json};

use crate::workspace::{Run, Workspace, endpoint};

fn workspace() -> Workspace {
    let manifest = endpoint("qwen", &["url: api.example.com:70000/v1"]);
    Workspace::with(&[("a b%,:.yaml", &manifest), ("broken.yaml", "a: [\n")])
}

fn printed(format: &str) -> Run {
    workspace().check(&["--format", format, "a b%,:.yaml", "broken.yaml"])
}

#[test]
fn json_is_what_the_schema_says() {
    let run = printed("json");
    let document: Value = serde_json::from_str(&run.out).expect("JSON");
    let schema: Value = serde_json::from_str(include_str!("../../docs/check.schema.json")).expect("a schema");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    assert_eq!(run.code, Some(1));
    assert_eq!(
        document,
        json!({
            "version": 1,
            "files": 2,
            "endpoints": 1,
            "refused": 1,
            "warned": 0,
            "changed": 0,
            "skipped": 0,
            "findings": [
                {
                    "rule": "url-syntax",
                    "severity": "deny",
                    "file": "a b%,:.yaml",
                    "line": 7,
                    "column": 8,
                    "endLine": 7,
                    "endColumn": 32,
                    "field": "spec.url",
                    "namespace": "ml-team",
                    "name": "qwen",
                    "message": "has no scheme, so Modelplane composes nothing for it",
                    "instead": "write `http://` or `https://` in front",
                },
                {
                    "rule": "broken-manifest",
                    "severity": "deny",
                    "file": "broken.yaml",
                    "line": 1,
                    "column": 4,
                    "endLine": 1,
                    "endColumn": 4,
                    "message": document["findings"][1]["message"].clone(),
                },
            ],
        })
    );
}

#[test]
fn sarif_is_what_its_schema_says() {
    let run = printed("sarif");
    let document: Value = serde_json::from_str(&run.out).expect("JSON");
    let mut schema: Value = serde_json::from_str(include_str!("sarif-schema-2.1.0.json")).expect("a schema");
    // as OASIS publishes it, the pattern of a language is no regular expression
    for owner in ["run", "toolComponent"] {
        let language = schema["definitions"][owner]["properties"]["language"].as_object_mut();
        assert!(language.and_then(|language| language.remove("pattern")).is_some());
    }
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    let result = &document["runs"][0]["results"][0];
    let rule = result["ruleIndex"].as_u64().and_then(|at| usize::try_from(at).ok()).expect("an index");
    assert_eq!(document["runs"][0]["tool"]["driver"]["rules"][rule]["id"], "url-syntax");
    assert_eq!(
        result["locations"][0]["physicalLocation"],
        json!({
            "artifactLocation": { "uri": "a%20b%25%2C%3A.yaml" },
            "region": { "startLine": 7, "startColumn": 8, "endLine": 7, "endColumn": 32 },
        })
    );
}

#[test]
fn github_commands_are_escaped() {
    let run = printed("github");
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.out);
    assert_eq!(
        lines[0],
        "::error title=url-syntax,file=a b%25%2C%3A.yaml,line=7,endLine=7,col=8,endColumn=32::spec.url has no scheme, so \
         Modelplane composes nothing for it; write `http://` or `https://` in front"
    );
    assert!(
        lines[1].starts_with(
            "::error title=broken-manifest,file=broken.yaml,line=1,endLine=1,col=4,endColumn=4::"
        )
    );
}
