//! `--diff` shows what `--fix` would write, as a patch that can be applied.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::workspace::{Run, Workspace, endpoint};

pub(crate) const COMMANDS: [&[&str]; 2] = [&["git", "apply", "-"], &["patch", "--binary", "-p1"]];

pub(crate) fn apply(workspace: &Workspace, command: &[&str], diff: &str) {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .current_dir(workspace.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("a pipe").write_all(diff.as_bytes()).expect("a reader");
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{command:?}: {diff}");
    // `patch` reports if it had to ignore lines around a change.
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!told.contains("fuzz") && !told.contains("offset"), "{told}: {diff}");
}

fn spec(lines: &[&str]) -> String {
    endpoint("q", lines)
}

#[test]
fn a_diff_shows_it_and_writes_nothing() {
    let before = spec(&["url: http://h.example/"]);
    let workspace = Workspace::with(&[("e.yaml", &before)]);
    assert_eq!(
        workspace.check(&["--diff", "--fix-defaults", "e.yaml"]),
        Run {
            code: Some(0),
            out: "\
--- a/e.yaml
+++ b/e.yaml
@@ -5,3 +5,4 @@
   namespace: ml-team
 spec:
   url: http://h.example/
+  rewritePath: /
"
            .to_owned(),
            err: "1 ModelEndpoint in 1 file: 0 refused, 0 with warnings, 1 changed when stored; 0 other objects skipped\n\
                  would fix 1\n"
                .to_owned(),
        }
    );
    assert_eq!(workspace.read("e.yaml"), before);
}

#[test]
fn a_diff_is_what_git_and_patch_apply() {
    let secret = "apiVersion: v1\nkind: Secret\nstringData:\n  a: s3cret\n";
    let files = [
        ("m/plain.yaml", spec(&["url: http://h.example/a"])),
        ("m/a b.yaml", spec(&["url: http://h.example/a", "crossplane: {}"])),
        ("m/a\n\"\\\u{202e}é.yaml", spec(&["url: http://h.example/a"])),
        ("m/open.yaml", spec(&["url: http://h.example/a"]).trim_end().to_owned()),
        ("m/crlf.yaml", spec(&["url: http://h.example/a"]).replace('\n', "\r\n")),
        (
            "m/helm.yaml",
            format!("---\n{secret}---\n{}---\n# Source: c\n{secret}", spec(&["url: http://h.example/a"])),
        ),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let diff = Workspace::with(&files).check(&["--diff", "--fix-defaults", "./m"]).out;
    assert!(!diff.contains("s3cret"), "{diff}");
    let by_fix = Workspace::with(&files);
    assert_eq!(by_fix.check(&["--fix", "--fix-defaults", "m"]).code, Some(0));
    for command in COMMANDS {
        let workspace = Workspace::with(&files);
        apply(&workspace, command, &diff);
        for (name, _) in &files {
            assert_eq!(workspace.read(name), by_fix.read(name), "{command:?} {name}");
        }
    }
}

const GOOD: &str = "url: http://h.example/";
const SPACED: &str = "url: 'http://h.example/ '";
/// A value that --unsafe-fixes corrects too.
const SECRET: &str = "url: http://u:s3cret@h.example/";
const PATH: &str = "rewritePath: /a";
const SLASHED: &str = "rewritePath: /a/";
const MORE: &str = "crossplane: {a: 'http://u:s3cret@h.example/'}";

/// The text from line 7 on, the result of the patch, and the lines that are left out.
const SPECS: [(&[&str], &[&str], &[usize]); 8] = [
    (&[GOOD, PATH], &[GOOD, SLASHED], &[]),
    (&[PATH, GOOD], &[SLASHED, GOOD], &[]),
    (&[SPACED, PATH], &["url: 'http://h.example/'", SLASHED], &[]),
    (&[SECRET, PATH], &[SECRET, SLASHED], &[7]),
    (&[PATH, SECRET], &[PATH, SECRET], &[7, 8]),
    (&[GOOD, PATH, MORE], &[GOOD, PATH, MORE], &[8]),
    (&[MORE, GOOD, PATH], &[MORE, GOOD, SLASHED], &[]),
    // On one side nothing may be shown, and on the other side everything.
    (&[MORE, PATH, "# a", "# b", GOOD], &[MORE, SLASHED, "# a", "# b", GOOD], &[]),
];

const WAYS: [&str; 5] = ["alone", "open", "before", "after", "listed"];

/// An endpoint and a Secret in one file, and the number of lines before the endpoint.
fn beside_a_secret(way: &str, text: &str) -> (usize, String) {
    const OTHER: &str = "apiVersion: v1\nkind: Secret\nstringData:\n  a: s3cret\n";
    match way {
        "alone" => (0, text.to_owned()),
        "open" => (0, text.trim_end().to_owned()),
        "before" => (0, format!("{text}---\n{OTHER}")),
        "after" => (5, format!("{OTHER}---\n{text}")),
        _ => {
            let item = text.trim_end().replace('\n', "\n  ");
            (
                3,
                format!(
                    "apiVersion: v1\nkind: List\nitems:\n- {item}\n- kind: Secret\n  stringData: {{a: s3cret}}\n"
                ),
            )
        }
    }
}

/// Whatever is around a change, it is either applied or left out and reported.
#[test]
fn a_diff_applies_whatever_could_be_a_secret_near_a_change() {
    let (mut files, mut expected, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (before, after, left_out)) in SPECS.iter().enumerate() {
        for way in WAYS {
            let name = format!("{number}-{way}.yaml");
            let (mut after, mut left_out) = (after.to_vec(), left_out.to_vec());
            // If another object follows directly, nothing of it may be shown.
            let end = before.len() - 1;
            if way == "listed" && before[end] != after[end] {
                after[end] = before[end];
                left_out.push(7 + end);
            }
            let (lines_before, text) = beside_a_secret(way, &spec(before));
            expected.push((name.clone(), beside_a_secret(way, &spec(&after)).1));
            if !left_out.is_empty() {
                let lines: Vec<_> = left_out.iter().map(|line| (line + lines_before).to_string()).collect();
                let plural = if lines.len() == 1 { "" } else { "s" };
                told.push(format!(
                    "note: the diff leaves out line{plural} {} of {name}, because a secret could be there or in the next \
                     line; use --fix to write the change",
                    lines.join(", ")
                ));
            }
            files.push((name, text));
        }
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    let run = Workspace::with(&files).check(&[&["--diff", "--unsafe-fixes"][..], &names].concat());
    assert!(!run.out.contains("s3cret"), "{}", run.out);
    for command in COMMANDS {
        let workspace = Workspace::with(&files);
        apply(&workspace, command, &run.out);
        for (name, text) in &expected {
            assert_eq!(&workspace.read(name), text, "{command:?} {name}: {}", run.out);
        }
    }
    let notes: Vec<_> = run.err.lines().filter(|line| line.starts_with("note: ")).collect();
    assert_eq!(notes, told);
}

/// In JSON on one line, or in a flow mapping, other values are on the line of a change.
#[test]
fn a_line_that_an_endpoint_shares_with_a_secret_is_left_out() {
    let endpoint = r#"{"apiVersion": "modelplane.ai/v1alpha1", "kind": "ModelEndpoint", "spec": {"url": "http://h.example/", "rewritePath": "/a"}}"#;
    let secret = r#"{"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "s3cret"}}"#;
    for items in
        [format!("{endpoint}, {secret}"), format!("{secret}, {endpoint}"), format!("{secret}, {endpoint},\n")]
    {
        let workspace =
            Workspace::with(&[("e.yaml", &format!("{{\"kind\": \"List\", \"items\": [{items}]}}\n"))]);
        let run = workspace.check(&["--diff", "e.yaml"]);
        assert_eq!((run.code, run.out.as_str()), (Some(0), ""));
        assert!(run.err.contains("note: the diff leaves out line 1 of e.yaml, "), "{}", run.err);
    }
    let alone = Workspace::with(&[("e.yaml", endpoint)]);
    let run = alone.check(&["--diff", "e.yaml"]);
    apply(&alone, COMMANDS[0], &run.out);
    assert_eq!(alone.read("e.yaml"), endpoint.replace("\"/a\"", "\"/a/\""));
}

#[test]
fn a_file_is_named_as_it_is_below_the_working_directory() {
    let before = spec(&["url: http://h.example/", "rewritePath: /a"]);
    let after = spec(&["url: http://h.example/", "rewritePath: /a/"]);
    let workspace = || {
        let workspace = Workspace::with(&[("real/e.yaml", &before)]);
        symlink("real/e.yaml", workspace.path("link.yaml")).expect("a link");
        symlink("real", workspace.path("linked")).expect("a link");
        workspace
    };
    for name in [
        "real/e.yaml",
        "./real//e.yaml",
        "real/../real/e.yaml",
        "link.yaml",
        "linked/e.yaml",
        "linked",
        "absolute",
    ] {
        for command in COMMANDS {
            let workspace = workspace();
            let absolute = workspace.path("real/e.yaml");
            let named = if name == "absolute" { absolute.to_str().expect("UTF-8") } else { name };
            let run = workspace.check(&["--diff", named]);
            assert_eq!(run.err.lines().filter(|line| line.starts_with("note: ")).count(), 0, "{}", run.err);
            apply(&workspace, command, &run.out);
            assert_eq!(workspace.read("real/e.yaml"), after, "{command:?} {name}");
        }
    }
    // For a file elsewhere, a note says where to apply the diff.
    let workspace = workspace();
    let outside = Workspace::with(&[("e.yaml", &before)]);
    let path = outside.path("e.yaml");
    let run = workspace.check(&["--diff", path.to_str().expect("UTF-8")]);
    let real = std::fs::canonicalize(&path).expect("a file");
    assert!(run.out.starts_with(&format!("--- a{}\n", real.display())), "{}", run.out);
    let note = format!(
        "note: {} is outside of the working directory; apply its part of the diff in /",
        path.display()
    );
    assert_eq!(run.err.lines().last(), Some(note.as_str()));
}

/// A line break in YAML, but not in Git.
#[test]
fn a_carriage_return_alone_ends_no_line_of_a_diff() {
    let before = spec(&["url: http://h.example/ # a\r  # b", "rewritePath: /a"]);
    let workspace = Workspace::with(&[("e.yaml", &before)]);
    let run = workspace.check(&["--diff", "e.yaml"]);
    assert!(run.out.contains("+  rewritePath: /a/\n"), "{run:?}");
    apply(&workspace, COMMANDS[0], &run.out);
    assert_eq!(workspace.read("e.yaml"), before.replace("/a\n", "/a/\n"));
}
