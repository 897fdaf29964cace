//! The destination, the colours and the amount of output, and the exit code.

use std::process::{Command, Stdio};

use crate::workspace::{Run, Workspace, endpoint};

fn refused() -> String {
    endpoint("q", &["url: http://h.example:0/", "rewritePath: /"])
}

fn warned() -> String {
    endpoint("q", &["url: http://h.example:443/", "rewritePath: /"])
}

fn fine() -> String {
    endpoint("q", &["url: http://h.example/", "rewritePath: /"])
}

#[test]
fn the_exit_code_says_what_the_help_says() {
    let workspace =
        Workspace::with(&[("fine.yaml", &fine()), ("warned.yaml", &warned()), ("refused.yaml", &refused())]);
    workspace.write("slash.yaml", endpoint("q", &["url: http://h.example/", "rewritePath: /a"]));
    workspace.write("broken.yaml", "a: [");
    for (args, code) in [
        (&["fine.yaml"][..], 0),
        (&["--diff", "slash.yaml"], 0),
        (&["--fix", "slash.yaml"], 0),
        (&["warned.yaml"], 0),
        (&["--warnings-as-errors", "warned.yaml"], 1),
        (&["--warnings-as-errors", "fine.yaml"], 0),
        (&["refused.yaml", "fine.yaml"], 1),
        (&["--quiet", "refused.yaml"], 1),
        (&["--diff", "refused.yaml"], 1),
        (&["broken.yaml"], 1),
        (&["missing.yaml"], 2),
        (&["refused.yaml", "missing.yaml"], 2),
        (&["--output", "missing/out", "fine.yaml"], 2),
        (&["--policy", "missing", "fine.yaml"], 2),
        (&["--colour", "never", "fine.yaml"], 2),
        (&["--quiet", "--verbose", "fine.yaml"], 2),
        (&[], 2),
    ] {
        assert_eq!(workspace.check(args).code, Some(code), "{args:?}");
    }
    let help = workspace.check(&["--help"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    let codes = "Exit codes: 0 nothing would be refused; 1 something would be refused or, with --warnings-as-errors, admitted \
                 with a warning; 2 something can't be read or written, or a flag is wrong.";
    assert!(help.contains(codes), "{help}");
}

#[test]
fn colours_are_where_they_are_wanted() {
    let workspace = Workspace::with(&[("refused.yaml", &refused())]);
    let is_coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let run = workspace.check_with(&[args, &["refused.yaml"]].concat(), variables);
        (run.out + &run.err).contains('\u{1b}')
    };
    for (args, variables, coloured) in [
        (&[][..], &[][..], false),
        (&["--color=auto"], &[("CLICOLOR_FORCE", "1")], true),
        (&["--color=auto"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["--color=always"], &[("NO_COLOR", "1")], true),
        (&["--color=never"], &[("CLICOLOR_FORCE", "1")], false),
        (&[], &[("MODELENDPOINT_WEBHOOK_COLOR", "always")], true),
        (&["--color=always", "--format=json"], &[], false),
    ] {
        assert_eq!(is_coloured(args, variables), coloured, "{args:?} {variables:?}");
    }
    let piped = workspace.check_input(&["--fix", "--color=always", "-"], &refused());
    assert_eq!(piped.out, refused());
    assert!(piped.err.contains('\u{1b}'), "{}", piped.err);
}

#[test]
fn quiet_tells_of_findings_and_errors_only() {
    let workspace = Workspace::with(&[("fine.yaml", &fine()), ("refused.yaml", &refused())]);
    assert_eq!(workspace.check(&["-q", "fine.yaml"]), Run::of(0, ""));
    let all = workspace.check(&["refused.yaml"]).out;
    let (findings, _) = all.split_once("1 ModelEndpoint in 1 file").expect("a summary");
    assert_eq!(workspace.check(&["-q", "refused.yaml"]), Run::of(1, findings));
    let run = workspace.check(&["-q", "missing.yaml"]);
    let error = "error: cannot read missing.yaml: No such file or directory (os error 2)\n";
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(2), "", error));
    let piped = workspace.check_input(&["-q", "--fix", "-"], &fine());
    assert_eq!(piped, Run::of(0, &fine()));
    assert_eq!(workspace.check(&["-q", "--diff", "fine.yaml"]), Run::of(0, ""));
}

#[test]
fn a_file_gets_what_would_go_to_standard_output() {
    let workspace = || {
        Workspace::with(&[
            ("m/e.yaml", &refused()),
            ("slash.yaml", &endpoint("q", &["url: http://h.example/", "rewritePath: /a"])),
        ])
    };
    for args in
        [&["m"][..], &["--format", "json", "m"], &["--format", "sarif", "m"], &["--diff", "slash.yaml"]]
    {
        let printed = workspace().check(args);
        let workspace = workspace();
        workspace.write("out", "what was there before, and is longer than what comes after: ".repeat(1000));
        let written = workspace.check(&[args, &["-o", "out"]].concat());
        assert_eq!(workspace.read("out"), printed.out, "{args:?}");
        assert_eq!(written, Run { out: String::new(), ..printed }, "{args:?}");
    }
    let workspace = workspace();
    let piped = workspace.check_input(&["--fix", "--output", "out", "-"], &fine());
    assert_eq!((workspace.read("out"), piped.out), (fine(), String::new()));
    // The output file is not checked in the next run.
    for _ in 0..2 {
        workspace.check(&["--format", "json", "-o", "m/check.json", "m"]);
        let json: serde_json::Value = serde_json::from_str(&workspace.read("m/check.json")).expect("JSON");
        assert_eq!((&json["files"], &json["skipped"]), (&1.into(), &0.into()));
    }
    let run = workspace.check(&["-o", "missing/out", "m"]);
    let error = "error: cannot write --output missing/out: No such file or directory (os error 2)\n";
    assert_eq!((run.code, run.err.as_str()), (Some(2), error));
}

/// A reader such as `head`, or a pager that was quit.
#[test]
fn a_reader_that_has_seen_enough_changes_no_exit_code() {
    let workspace = Workspace::with(&[("refused.yaml", &refused())]);
    for (args, code) in
        [(&["check", "refused.yaml"][..], 1), (&["rules"], 0), (&["providers"], 0), (&["policies"], 0)]
    {
        let mut child = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
            .args(args)
            .current_dir(workspace.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the binary ends");
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
            (Some(code), ""),
            "{args:?}"
        );
    }
}
