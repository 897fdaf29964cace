//! The output for people, which contains no secret.

use crate::workspace::{Run, Workspace, endpoint};

/// Everything but the summary of one file's findings.
fn findings(manifest: &str) -> String {
    let run = Workspace::with(&[("e.yaml", manifest)]).check(&["e.yaml"]);
    assert_eq!(run.err, "");
    run.out.rsplit_once("\n\n").map(|(findings, _)| findings.to_owned()).unwrap_or_default()
}

#[test]
fn the_part_that_is_wrong_is_underlined() {
    let manifest = endpoint("qwen", &["url: http://h.example:99999/v1  # the port", "rewritePath: /"]);
    assert_eq!(
        Workspace::with(&[("e.yaml", &manifest)]).check(&["e.yaml"]),
        Run::of(
            1,
            "\
error[url-port]: spec.url has the port `99999`, so Modelplane composes nothing for it
 --> e.yaml:7:25
  |
7 |   url: http://h.example:99999/v1  # the port
  |                         ^^^^^
  |
  = note: ModelEndpoint ml-team/qwen
  = help: write a port from 1 to 65535

1 ModelEndpoint in 1 file: 1 refused, 0 with warnings, 0 changed when stored; 0 other objects skipped
"
        )
    );
}

#[test]
fn a_manifest_that_is_fine_is_one_line() {
    let manifest = endpoint("qwen", &["url: https://api.example.com/v1", "rewritePath: /"]);
    assert_eq!(
        Workspace::with(&[("e.yaml", &manifest)]).check(&["e.yaml"]),
        Run::of(
            0,
            "1 ModelEndpoint in 1 file: 0 refused, 0 with warnings, 0 changed when stored; 0 other objects skipped\n"
        )
    );
}

#[test]
fn warnings_and_changes_are_no_failure_unless_asked() {
    let manifest = endpoint("qwen", &["url: http://h.example:443/v1"]);
    let workspace = Workspace::with(&[("e.yaml", &manifest)]);
    assert_eq!(workspace.check(&["e.yaml"]).code, Some(0));
    assert_eq!(workspace.check(&["--warnings-as-errors", "e.yaml"]).code, Some(1));
    let changed = endpoint("qwen", &["url: http://h.example/v1"]);
    let workspace = Workspace::with(&[("e.yaml", &changed)]);
    assert_eq!(workspace.check(&["--warnings-as-errors", "e.yaml"]).code, Some(0));
}

#[test]
fn no_secret_is_ever_shown() {
    let anchored = "x: &u http://user:s3cret@h.example/v1?key=s3cret#s3cret\n".to_owned()
        + &endpoint("qwen", &["url: *u", "rewritePath: http://user:s3cret@h.example/?key=s3cret"]);
    let json = r#"{"apiVersion":"modelplane.ai/v1alpha1","kind":"ModelEndpoint","metadata":{"name":"q"},"spec":{"url":"https:\/\/user:s3cret@h.example:0/?s3cret","rewritePath":"/?s3cret"}}"#;
    let block = endpoint("qwen", &["url: >-", "  http://user:s3cret@h.example/?s3cret"]);
    let broken = "apiVersion: v1\nstringData: {password: s3cret, other: [s3cret\n";
    let hidden = endpoint("qwen", &["url: ftp://user:s3/cret@h.example/", "rewritePath: user:s3cret@h/a"]);
    for manifest in [anchored.as_str(), json, &block, broken, &hidden] {
        let workspace = Workspace::with(&[("e.yaml", manifest)]);
        for format in ["text", "json", "sarif", "github"] {
            for fix in [None, Some("--diff"), Some("--fix")] {
                let args = [Some("--format"), Some(format), fix, Some("e.yaml")];
                workspace.write("e.yaml", manifest);
                let run = workspace.check(&args.into_iter().flatten().collect::<Vec<_>>());
                for text in [&run.out, &run.err] {
                    assert!(
                        !text.contains("s3cret") && !text.contains("s3/cret"),
                        "{format} {fix:?}: {text}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_value_is_found_wherever_it_is_written() {
    let underlined = |manifest: &str| {
        let all = findings(manifest);
        // An anchor at the top is in an unknown field.
        let text = all.split("\n\n").find(|text| !text.contains("[unknown-field]")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let at = lines.iter().position(|line| line.contains('^')).unwrap_or_else(|| panic!("{text}"));
        let bar = lines[at].find('|').expect("a bar");
        let marks = lines[at].char_indices().filter(|(_, mark)| *mark == '^').map(|(at, _)| at);
        let columns: Vec<_> = marks.collect();
        let source: String = lines[at - 1].chars().collect();
        let shown = source.get(columns[0]..=columns[columns.len() - 1]).unwrap_or_default();
        assert!(columns[0] > bar);
        (lines[1].trim().to_owned(), shown.to_owned())
    };
    let at = |place: &str, shown: &str| (format!("--> e.yaml:{place}"), shown.to_owned());
    for (manifest, place) in [
        (endpoint("q", &["url: 'http://h.example:0/'", "rewritePath: /"]), at("7:26", "0")),
        (endpoint("q", &["rewritePath: /", "url: |-", "  http://h.example:0/"]), at("9:22", "0")),
        (endpoint("q", &["url: \"http://h.\\", "  example:0/\"", "rewritePath: /"]), at("8:13", "0")),
        (
            endpoint("q", &["url: http://h.example:0/", "rewritePath: /"]).replace('\n', "\r\n"),
            at("7:25", "0"),
        ),
        (
            "x: &u http://h.example:0/\n".to_owned() + &endpoint("q", &["url: *u", "rewritePath: /"]),
            at("1:24", "0"),
        ),
        (
            "x: &s {url: 'http://h.example:0/', rewritePath: /}\n".to_owned() + &endpoint("q", &["<<: *s"]),
            at("1:31", "0"),
        ),
        (
            format!("\u{feff}# é\n{}", endpoint("q", &["url: http://h.example/", "rewritePath: /a?b/"])),
            at("9:18", "?"),
        ),
        (endpoint("q", &["url: http://h.example/", "rewritePath: /a/../b/"]), at("8:19", "..")),
    ] {
        assert_eq!(underlined(&manifest), place, "{manifest}");
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    let two = "url: http://h.example/";
    let part = |part: &str| endpoint("q", &[two, "rewritePath: /"]) + part;
    for (manifest, title, place) in [
        (endpoint("q", &["url: http://i.example/", two, "rewritePath: /"]), "spec.url", "8:8"),
        // For kubectl, a `<<` after a field overrides it.
        (endpoint("q", &[two, "<<: {url: 'http://i.example/'}", "rewritePath: /"]), "spec.url", "8:14"),
        (part("spec: {url: 'http://i.example/', rewritePath: /}\n"), "`spec`", "9:1"),
        (part("metadata: {name: r}\n"), "`metadata`", "9:1"),
    ] {
        let text = findings(&manifest);
        let title = format!(
            "error[duplicate-field]: {title} appears twice, and which one counts depends on the parser\n --> e.yaml:{place}\n"
        );
        assert!(text.starts_with(&title), "{text}");
    }
    let merged = endpoint("q", &["<<: {url: 'http://i.example:0/'}", two, "rewritePath: /"]);
    assert_eq!(findings(&merged), "", "a field behind a `<<` is its own");
}

#[test]
fn the_last_one_counts_as_for_kubectl() {
    for (spec, is_refused) in [
        (["url: http://h.example/", "<<: {url: 'http://h.example:0/'}"], true),
        (["<<: {url: 'http://h.example:0/'}", "url: http://h.example/"], false),
        (["<<: [{url: 'http://h.example:0/'}, {url: 'http://h.example/'}]", ""], true),
        (["'<<': {url: 'http://h.example:0/'}", ""], false),
    ] {
        let text = findings(&endpoint("q", &[spec[0], spec[1], "rewritePath: /"]));
        assert_eq!(text.contains("error[url-port]"), is_refused, "{spec:?}: {text}");
    }
}

#[test]
fn a_name_is_shown_without_what_a_terminal_or_a_ci_system_obeys() {
    let manifest = endpoint("\"q\\n::add-mask::x\\e[31m\"", &["url: ftp://h.example/", "rewritePath: /"]);
    let text = findings(&manifest);
    let note = "= note: ModelEndpoint ml-team/q<U+000A>::add-mask::x<U+001B>[31m\n";
    assert!(text.contains(note), "{text}");
}

#[test]
fn nothing_hides_in_what_is_shown_or_turns_it_around() {
    let hidden = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{e0041}".contains(c));
    let manifest = endpoint(
        "\"q\u{202e}\\u200b\"",
        &["url: ftp://h.example/ # \u{202e}\u{200b}\u{e0041}", "rewritePath: /"],
    );
    let text = findings(&manifest);
    assert!(text.contains("= note: ModelEndpoint ml-team/q<U+202E><U+200B>\n"), "{text}");
    assert_eq!(text.chars().find(|c| hidden(*c)), None, "{text:?}");

    // YAML forbids control characters, so the document can't be read.
    let text = findings(&endpoint("q", &["url: ftp://h.example/ # \u{1b}[2K", "rewritePath: /"]));
    assert!(text.contains("error[broken-manifest]"), "{text}");
    assert_eq!(text.chars().find(|c| hidden(*c)), None, "{text:?}");
}

#[test]
fn what_is_being_deleted_is_judged_like_anything_else() {
    let manifest = endpoint("q", &["url: ftp://h.example/", "rewritePath: /"])
        .replace("metadata:\n", "metadata:\n  deletionTimestamp: \"2026-01-01T00:00:00Z\"\n");
    let text = findings(&manifest);
    assert!(text.contains("error[url-scheme]"), "{text}");
}
