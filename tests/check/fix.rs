//! `--fix` writes what would be stored, and touches nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::workspace::{Run, Workspace, endpoint};

/// What `--fix` makes of a manifest; a second run changes nothing.
fn fixed(manifest: &str) -> String {
    let workspace = Workspace::with(&[("e.yaml", manifest)]);
    workspace.check(&["--fix", "e.yaml"]);
    let once = workspace.read("e.yaml");
    let again = workspace.check(&["--fix", "e.yaml"]);
    assert_eq!(workspace.read("e.yaml"), once, "{}", again.out);
    once
}

fn spec(lines: &[&str]) -> String {
    endpoint("q", lines)
}

#[test]
fn only_what_has_to_change_is_changed() {
    for (before, after) in [
        // a default, behind the url and written like it
        (
            &["url: http://h.example/a/v1   # the url", "other:   {a: 1}  # é"][..],
            &["url: http://h.example/a/v1   # the url", "rewritePath: /a/", "other:   {a: 1}  # é"][..],
        ),
        (&["url: 'http://h.example/a/v1'"], &["url: 'http://h.example/a/v1'", "rewritePath: '/a/'"]),
        (&["\"url\": \"http://h.example/\""], &["\"url\": \"http://h.example/\"", "\"rewritePath\": \"/\""]),
        (
            &["url: |-", "  http://h.example/a", "# end"],
            &["url: |-", "  http://h.example/a", "rewritePath: /a/", "# end"],
        ),
        // a value in its place
        (
            &["rewritePath: \"/a\"  # a", "url: http://h.example/"],
            &["rewritePath: \"/a/\"  # a", "url: http://h.example/"],
        ),
        (
            &["url: http://h.example/", "rewritePath:  # none"],
            &["url: http://h.example/", "rewritePath: /  # none"],
        ),
        (&["url: http://h.example/", "rewritePath: null"], &["url: http://h.example/", "rewritePath: /"]),
        (&["url: http://h.example/", "rewritePath: ''"], &["url: http://h.example/", "rewritePath: '/'"]),
        // what a rule knows
        (
            &["url: api.example.com/openai/v1", "rewritePath: openai"],
            &["url: https://api.example.com/openai/v1", "rewritePath: /openai/"],
        ),
        (
            &["url: |  # block", "  http://h.example/", "rewritePath: /"],
            &["url: http://h.example/", "rewritePath: /"],
        ),
        (
            &["url: !!str &u http://2001:db8::1/", "rewritePath: /"],
            &["url: !!str &u http://[2001:db8::1]/", "rewritePath: /"],
        ),
        // flow mappings
        (&["{url: http://h.example/a}"], &["{url: http://h.example/a, rewritePath: /a/}"]),
        (
            &["{", "  \"url\": \"http://h.example/a\"", "}"],
            &["{", "  \"url\": \"http://h.example/a\",", "  \"rewritePath\": \"/a/\"", "}"],
        ),
    ] {
        assert_eq!(fixed(&spec(before)), spec(after));
        let crlf = |lines| spec(lines).replace('\n', "\r\n");
        assert_eq!(fixed(&crlf(before)), crlf(after), "with CRLF");
        let open = |lines| spec(lines).trim_end().to_owned();
        assert_eq!(fixed(&open(before)), open(after), "without a last line break");
    }
}

#[test]
fn an_anchor_changes_only_if_all_who_use_it_want_the_same() {
    let two = |first: &str, second: &str| {
        format!("{}---\n{}", spec(&["url: http://h.example/", first, second]), "a: b\n")
    };
    // everybody who uses it wants /a/
    let list = |path: &str, alias: &str| {
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: modelplane.ai/v1alpha1\n  kind: ModelEndpoint\n  spec: {{url: http://h.example/, \
             rewritePath: {path}}}\n- apiVersion: modelplane.ai/v1alpha1\n  kind: ModelEndpoint\n  spec: {{url: http://h.example/, rewritePath: {alias}}}\n"
        )
    };
    assert_eq!(fixed(&list("&p /a", "*p")), list("&p /a/", "*p"));
    // somebody else uses it too, so it stays
    assert_eq!(fixed(&two("rewritePath: &p /a", "label: *p")), two("rewritePath: &p /a", "label: *p"));
    // and who uses it from elsewhere gets a value of their own
    assert_eq!(fixed(&two("label: &p /a", "rewritePath: *p")), two("label: &p /a", "rewritePath: /a/"));
}

#[test]
fn a_link_is_followed_and_permissions_stay() {
    let workspace = Workspace::with(&[("real/e.yaml", &spec(&["url: http://h.example/"]))]);
    let (real, link) = (workspace.path("real/e.yaml"), workspace.path("e.yaml"));
    symlink("real/e.yaml", &link).expect("a link");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("permissions");
    assert_eq!(workspace.check(&["--fix", "e.yaml"]).code, Some(0));
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(workspace.read("real/e.yaml"), spec(&["url: http://h.example/", "rewritePath: /"]));
    assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(workspace.path("real")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_diff_shows_it_and_writes_nothing() {
    let before = spec(&["url: http://h.example/"]);
    let workspace = Workspace::with(&[("e.yaml", &before)]);
    assert_eq!(
        workspace.check(&["--diff", "e.yaml"]),
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
            err: "1 ModelEndpoint in 1 file: 0 refused, 0 with warnings, 1 changed when stored; 0 other objects skipped\n"
                .to_owned(),
        }
    );
    assert_eq!(workspace.read("e.yaml"), before);
}

#[test]
fn what_is_piped_in_comes_out_fixed_and_findings_go_beside_it() {
    let workspace = Workspace::with(&[]);
    let other = "apiVersion: v1\nkind: Secret\n---\n";
    let input = format!("{other}{}", spec(&["url: http://h.example/"]));
    let output = format!("{other}{}", spec(&["url: http://h.example/", "rewritePath: /"]));
    let run = workspace.check_input(&["--fix", "-"], &input);
    assert_eq!((run.code, run.out), (Some(0), output.clone()));
    assert!(run.err.starts_with("1 ModelEndpoint in 1 file"), "{}", run.err);
    assert_eq!(workspace.check_input(&["--fix", "-"], &output).out, output);
}
