//! `migrate` as people run it: files in, files and what is left to do out.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn migrate(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelendpoint"));
    command.arg("migrate").args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn migrated(input: &str) -> String {
    let output = migrate(&["-"], input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

const HEAD: &str = "apiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata:\n  name: e\n";

#[test]
fn comments_and_order_stay() {
    let spec = |spec: &str| format!("# mine\n{HEAD}{spec}");
    for (old, new) in [
        (
            "spec:\n  # the provider\n  url: https://api.groq.com/openai/v1 # fast\n  rewritePath: /openai/ # path\n",
            "spec:\n  # the provider\n  origin: https://api.groq.com # fast\n  api:\n    prefix: /openai/v1 # path\n",
        ),
        (
            "spec:\n  rewritePath: '/'\n  crossplane: {}\n  url: \"https://API.openai.com/v1\"\n",
            "spec:\n  api:\n    prefix: '/v1'\n  crossplane: {}\n  origin: \"https://api.openai.com\"\n",
        ),
        ("spec:\n  url: https://api.openai.com/v1\n", "spec:\n  origin: https://api.openai.com\n"),
        (
            "spec:\n  url: https://api.groq.com/openai/v1 # fast\n  crossplane: {}\n",
            "spec:\n  origin: https://api.groq.com # fast\n  api:\n    prefix: /openai/v1\n  crossplane: {}\n",
        ),
        (
            "spec: {url: https://api.groq.com/openai/v1, rewritePath: /openai/}\n",
            "spec: {origin: https://api.groq.com, api: {prefix: /openai/v1}}\n",
        ),
        (
            "spec:\n  url: |-\n    https://h.example.com/v1\n  rewritePath: >-\n    /a/\n",
            "spec:\n  origin: https://h.example.com\n  api:\n    prefix: /a/v1\n",
        ),
        (
            "spec:\n  url: https://h.example.com/v1\n  rewritePath:\n",
            "spec:\n  origin: https://h.example.com\n  api:\n    prefix: /v1\n",
        ),
        ("spec:\n  origin: https://h.example.com\n", "spec:\n  origin: https://h.example.com\n"),
    ] {
        assert_eq!(migrated(&spec(old)), spec(new));
    }
    let json = r#"{"apiVersion":"modelplane.ai/v1alpha1","kind":"ModelEndpoint","spec":{"url":"https://a.example.com","rewritePath":"/x/"}}"#;
    let new = r#""spec":{"origin":"https://a.example.com","api": {"prefix": "/x/v1"}}"#;
    assert!(migrated(json).contains(new), "{}", migrated(json));
}

#[test]
fn what_can_not_be_mapped_is_left_alone_and_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("e.yaml");
    let address = "spec:\n  url: http://10.0.1.50/ml-team/r/\n  rewritePath: /ml-team/r/\n";
    let secret = "spec:\n  url: https://u:s3cret@h.example.com/v1\n";
    let sound = "spec:\n  url: https://h.example.com/v1\n";
    let source = [address, secret, sound].map(|spec| format!("{HEAD}{spec}")).join("---\n");
    fs::write(&file, &source).expect("written");
    let path = file.to_str().expect("UTF-8");

    let dry = migrate(&["--diff", path], "");
    assert_eq!(dry.status.code(), Some(1));
    let diff = String::from_utf8(dry.stdout).expect("UTF-8");
    assert!(diff.contains("-  url: https://h.example.com/v1\n+  origin: https://h.example.com\n"), "{diff}");
    assert_eq!(fs::read_to_string(&file).expect("read"), source);

    let output = migrate(&[path], "");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{told}");
    let new = source.replace("  url: https://h.example.com/v1", "  origin: https://h.example.com");
    assert_eq!(fs::read_to_string(&file).expect("read"), new);
    for part in [
        "error[migration]: spec.url has an IP address as its host",
        "error[migration]: spec.url contains a user name or a password",
        "warning[migration]: spec.url is migrated",
        "3 ModelEndpoints: 1 migrated, 2 to rewrite by hand; 0 other objects left alone",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_diff_shows_no_secret_and_says_what_it_leaves_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("e.yaml");
    let annotations = "  annotations:\n    docs: http://u:s3cret@docs.example/\n";
    let source = format!(
        "{HEAD}{annotations}spec:\n  url: https://h.example.com/v1\n  crossplane: {{a: 'http://u:s3cret@b.example/'}}\n"
    );
    fs::write(&file, &source).expect("written");
    let path = file.to_str().expect("UTF-8");
    let dry = migrate(&["--diff", path], "");
    let told = String::from_utf8(dry.stderr).expect("UTF-8");
    assert_eq!((dry.status.code(), String::from_utf8(dry.stdout).expect("UTF-8")), (Some(0), String::new()));
    let note = "note: the diff leaves out line 8 of ";
    assert!(told.contains(note) && told.ends_with("run it without --diff to write the change\n"), "{told}");

    fs::write(&file, source.replace("  crossplane: {a: 'http://u:s3cret@b.example/'}\n", ""))
        .expect("written");
    let dry = migrate(&["--diff", path], "");
    let diff = String::from_utf8(dry.stdout).expect("UTF-8");
    assert!(
        diff.contains("@@ -7,2 +7,2 @@\n spec:\n-  url: https://h.example.com/v1\n+  origin: "),
        "{diff}"
    );
    // There is nothing to migrate, so the diff is empty.
    let input = format!("{HEAD}spec:\n  origin: https://h.example.com\n");
    assert_eq!(migrate(&["--diff", "-"], &input).stdout, b"");
}

#[test]
fn what_git_ignores_or_a_pattern_matches_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = format!("{HEAD}spec:\n  url: https://h.example.com/v1\n");
    for name in ["a.yaml", "b.yaml", "c.yaml"] {
        fs::write(directory.path().join(name), &source).expect("written");
    }
    fs::create_dir(directory.path().join(".git")).expect("a directory");
    fs::write(directory.path().join(".gitignore"), "b.yaml\n").expect("written");
    let output = migrate(&["--exclude", "c.*", directory.path().to_str().expect("UTF-8")], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let is_migrated = ["a.yaml", "b.yaml", "c.yaml"]
        .map(|name| fs::read_to_string(directory.path().join(name)).expect("read") != source);
    assert_eq!(is_migrated, [true, false, false]);
}

#[test]
fn what_others_share_is_told_with_what_to_write() {
    let source = format!("{HEAD}spec:\n  url: &u https://h.example.com/a/v1\n  crossplane: {{x: *u}}\n");
    let output = migrate(&["-"], &source);
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).expect("UTF-8")), (Some(1), source));
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        told.contains("write `origin: https://h.example.com` and `prefix: /a/v1` under `api` by hand"),
        "{told}"
    );
}

#[test]
fn check_says_what_another_modelplane_drops() {
    let check = |modelplane: &str, spec: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelendpoint"));
        command.args(["check", "--modelplane", modelplane, "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the tool starts");
        let manifest = format!("{HEAD}spec:\n  {spec}\n");
        child.stdin.take().expect("a pipe").write_all(manifest.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let (url, origin) = ("url: https://api.groq.com/openai/v1", "origin: https://api.openai.com");
    for (modelplane, spec, code, told) in [
        ("0.3", url, 0, "1 ModelEndpoint in 1 file: 0 refused"),
        ("0.5", origin, 0, "1 ModelEndpoint in 1 file: 0 refused"),
        ("0.5", url, 1, "write `origin: https://api.groq.com` and `prefix: /openai/v1` under `api`"),
        ("0.3", origin, 1, "write `url: https://api.openai.com/v1`"),
    ] {
        let (exit, text) = check(modelplane, spec);
        assert!(exit == Some(code) && text.contains(told), "{modelplane} {spec}: {exit:?} {text}");
    }
}
