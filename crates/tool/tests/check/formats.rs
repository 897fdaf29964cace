//! The output for programs.

use modelendpoint_core::endpoint::quote::is_invisible;
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
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/check.schema.json")).expect("a schema");
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
            "fixed": 0,
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
    // In the schema of OASIS, the pattern of a language is not a valid regular expression.
    for owner in ["run", "toolComponent"] {
        let language = schema["definitions"][owner]["properties"]["language"].as_object_mut();
        assert!(language.and_then(|language| language.remove("pattern")).is_some());
    }
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    let result = &document["runs"][0]["results"][0];
    let rule = result["ruleIndex"].as_u64().and_then(|at| usize::try_from(at).ok()).expect("an index");
    let rule = &document["runs"][0]["tool"]["driver"]["rules"][rule];
    let page = "https://modelplane.github.io/modelendpoint-webhook/rules/url-syntax.html";
    assert_eq!([&rule["id"], &rule["helpUri"]], ["url-syntax", page]);
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
        "::error title=url-syntax,file=a b%25%2C%3A.yaml,line=7,endLine=7,col=8,endColumn=32::spec.url has \
         no scheme, so Modelplane composes nothing for it; write `http://` or `https://` in front"
    );
    assert!(
        lines[1].starts_with(
            "::error title=broken-manifest,file=broken.yaml,line=1,endLine=1,col=4,endColumn=4::"
        )
    );
}

/// A name that tries to end a line, begin a workflow command, and reverse the text after it.
const FORGED: &str = "a\n::error file=x::y\r\u{1b}[2K\u{202e}\u{200b},%.yaml";

#[test]
fn no_format_shows_what_a_file_name_hides() {
    let manifest = endpoint("qwen", &["url: h.example/v1", "rewritePath: /"]);
    let workspace = Workspace::with(&[(FORGED, &manifest)]);
    for args in [
        &["--format", "text"][..],
        &["--format", "json"],
        &["--format", "sarif"],
        &["--format", "github"],
        &["--diff", "--unsafe-fixes"],
    ] {
        let run = workspace.check(&[args, &["."]].concat());
        let shown = run.out + &run.err;
        assert!(shown.contains(".yaml"), "{args:?}: {shown}");
        assert_eq!(shown.chars().find(|shown| *shown != '\n' && is_invisible(*shown)), None, "{args:?}");
        let forged = shown.lines().find(|line| line.trim_start().starts_with("::error file="));
        assert_eq!(forged, None, "{args:?}");
    }
}

#[test]
fn programs_get_the_name_as_it_is_and_people_by_code_points() {
    let manifest = endpoint("qwen", &["url: h.example/v1", "rewritePath: /"]);
    let workspace = Workspace::with(&[(FORGED, &manifest)]);
    let json: Value =
        serde_json::from_str(&workspace.check(&["--format", "json", FORGED]).out).expect("JSON");
    assert_eq!(json["findings"][0]["file"], FORGED);
    let sarif: Value =
        serde_json::from_str(&workspace.check(&["--format", "sarif", FORGED]).out).expect("JSON");
    assert_eq!(
        sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "a%0A%3A%3Aerror%20file%3Dx%3A%3Ay%0D%1B%5B2K%E2%80%AE%E2%80%8B%2C%25.yaml"
    );
    let github = workspace.check(&["--format", "github", FORGED]).out;
    assert!(
        github.contains(
            ",file=a%0A%3A%3Aerror file=x%3A%3Ay%0D<U+001B>[2K<U+202E><U+200B>%2C%25.yaml,line=7,endLine=7,"
        ),
        "{github}"
    );
    let text = workspace.check(&[FORGED]).out;
    let seen = "a<U+000A>::error file=x::y<U+000D><U+001B>[2K<U+202E><U+200B>,%.yaml";
    assert!(text.contains(&format!("--> {seen}:7:8\n")), "{text}");
    let diff = workspace.check(&["--diff", "--unsafe-fixes", FORGED]).out;
    let quoted = r"a\012::error file=x::y\015\033[2K\342\200\256\342\200\213,%.yaml";
    assert!(diff.starts_with(&format!("--- \"a/{quoted}\"\n+++ \"b/{quoted}\"\n@@ ")), "{diff}");
}

#[test]
fn errors_show_what_a_file_name_hides() {
    let workspace = Workspace::with(&[("p\n.yaml", "\"a\\n::error::\": 1\n")]);
    let run = workspace.check(&["a\n::error file=x::y"]);
    assert_eq!(
        run.err,
        "error: cannot read a<U+000A>::error file=x::y: No such file or directory (os error 2)\n"
    );
    let run = workspace.check(&["--policy", "a\n::error::", "p\n.yaml"]);
    assert_eq!(
        run.err,
        "error: cannot read --policy a<U+000A>::error::: No such file or directory (os error 2); give a file \
         that exists\n"
    );
    let run = workspace.check(&["--policy", "p\n.yaml", "p\n.yaml"]);
    assert_eq!(
        run.err,
        "error: the policy can't be used:\np<U+000A>.yaml:1:1: `a<U+000A>::error::` is not a known key here; \
         the known keys are rules, overrides, allow, clusterLabelUsers\n"
    );
}
