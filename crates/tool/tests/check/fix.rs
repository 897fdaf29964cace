//! `--fix` writes what would be stored, and changes nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::workspace::{Workspace, endpoint};

/// The result of `--fix` for a manifest. Asserts that a second run changes nothing.
fn fixed(manifest: &str) -> String {
    let workspace = Workspace::with(&[("e.yaml", manifest)]);
    let all = ["--fix", "--unsafe-fixes", "--fix-defaults", "e.yaml"];
    workspace.check(&all);
    let once = workspace.read("e.yaml");
    let again = workspace.check(&all);
    assert_eq!(workspace.read("e.yaml"), once, "{}", again.out);
    once
}

fn spec(lines: &[&str]) -> String {
    endpoint("q", lines)
}

#[test]
fn only_what_has_to_change_is_changed() {
    for (before, after) in [
        // a default, after the url and in the same style
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
        // a replaced value
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
        // a value that a rule suggests
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
fn the_fields_of_modelplane_0_5_are_fixed_where_they_are() {
    for (before, after) in [
        // stored in lower case
        (&["origin: https://API.Example.com  # mine"][..], &["origin: https://api.example.com  # mine"][..]),
        (
            &["api: {schema: openai, prefix: v1}", "origin: https://h.example.com.", "model: |", "  gpt-5"],
            &["api: {schema: OpenAI, prefix: /v1}", "origin: https://h.example.com", "model: gpt-5"],
        ),
        (
            &["origin: 'https://h.example.com'", "api:", "  prefix: \"/openai//v1\" # two"],
            &["origin: 'https://h.example.com'", "api:", "  prefix: \"/openai/v1\" # two"],
        ),
        // a prefix that was left out
        (
            &["origin: https://api.groq.com  # fast", "model: llama"],
            &["origin: https://api.groq.com  # fast", "api:", "  prefix: /openai/v1", "model: llama"],
        ),
        (
            &["origin: https://api.groq.com", "api:", "  schema: OpenAI # theirs"],
            &["origin: https://api.groq.com", "api:", "  schema: OpenAI # theirs", "  prefix: /openai/v1"],
        ),
        (
            &["origin: https://api.groq.com", "api: {schema: OpenAI}"],
            &["origin: https://api.groq.com", "api: {schema: OpenAI, prefix: /openai/v1}"],
        ),
        (
            &["origin: https://api.openai.com", "api: {schema: Anthropic}"],
            &["origin: https://api.openai.com", "api: {schema: OpenAI}"],
        ),
        // nowhere to put it
        (&["origin: https://api.groq.com", "api: {}"], &["origin: https://api.groq.com", "api: {}"]),
    ] {
        assert_eq!(fixed(&spec(before)), spec(after));
    }
    let in_flow = fixed(&spec(&["{origin: https://api.groq.com}"]).replace("spec:\n  {", "spec: {"));
    assert!(in_flow.contains("spec: {origin: https://api.groq.com, api: {prefix: /openai/v1}}"), "{in_flow}");
}

#[test]
fn only_what_means_the_same_is_fixed_of_an_origin_by_itself() {
    let workspace =
        Workspace::with(&[("e.yaml", &spec(&["origin: https://api.groq.com.", "api: {prefix: v1}"]))]);
    workspace.check(&["--fix", "e.yaml"]);
    let certain = spec(&["origin: https://api.groq.com", "api: {prefix: v1}"]);
    assert_eq!(workspace.read("e.yaml"), certain);
    workspace.check(&["--fix", "--unsafe-fixes", "e.yaml"]);
    let all = spec(&["origin: https://api.groq.com", "api: {prefix: /openai/v1}"]);
    assert_eq!(workspace.read("e.yaml"), all);
}

#[test]
fn an_anchor_changes_only_if_all_who_use_it_want_the_same() {
    let two = |first: &str, second: &str| {
        format!("{}---\n{}", spec(&["url: http://h.example/", first, second]), "a: b\n")
    };
    // All users of the anchor want /a/.
    let list = |path: &str, alias: &str| {
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: modelplane.ai/v1alpha1\n  kind: \
             ModelEndpoint\n  spec: {{url: http://h.example/, rewritePath: {path}}}\n- apiVersion: \
             modelplane.ai/v1alpha1\n  kind: ModelEndpoint\n  spec: {{url: http://h.example/, rewritePath: \
             {alias}}}\n"
        )
    };
    assert_eq!(fixed(&list("&p /a", "*p")), list("&p /a/", "*p"));
    // Another object uses it too, so it stays.
    assert_eq!(fixed(&two("rewritePath: &p /a", "label: *p")), two("rewritePath: &p /a", "label: *p"));
    // An endpoint that uses an anchor of another object gets its own value.
    assert_eq!(fixed(&two("label: &p /a", "rewritePath: *p")), two("label: &p /a", "rewritePath: /a/"));
}

#[test]
fn a_spec_that_is_anchored_changes_only_if_it_is_nothing_but_specs() {
    let list = |items: &str| format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    let item =
        |spec: &str| format!("- apiVersion: modelplane.ai/v1alpha1\n  kind: ModelEndpoint\n  spec: {spec}\n");
    let (before, after) = ("&s {url: http://h.example/a}", "&s {url: http://h.example/a, rewritePath: /a/}");
    assert_eq!(fixed(&list(&(item(before) + &item("*s")))), list(&(item(after) + &item("*s"))));
    let others = list(&format!("{}- kind: ConfigMap\n  data: *s\n", item(before)));
    assert_eq!(fixed(&others), others);
    // one endpoint, listed twice
    let twice = |spec: &str| list(&format!("{}- *e\n", item(spec).replacen("- ", "- &e\n  ", 1)));
    assert_eq!(
        fixed(&twice("{url: http://h.example/a}")),
        twice("{url: http://h.example/a, rewritePath: /a/}")
    );
}

#[test]
fn a_value_of_its_own_leaves_its_anchor_to_be_corrected() {
    let spec = |url: &str, path: &str| spec(&[url, path]);
    assert_eq!(
        fixed(&spec("url: &u http://h.example/#f", "rewritePath: *u")),
        spec("url: &u http://h.example/", "rewritePath: /")
    );
}

#[test]
fn a_link_is_followed_and_permissions_stay() {
    let workspace = Workspace::with(&[("real/e.yaml", &spec(&["url: http://h.example/"]))]);
    let (real, link) = (workspace.path("real/e.yaml"), workspace.path("e.yaml"));
    symlink("real/e.yaml", &link).expect("a link");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("permissions");
    assert_eq!(workspace.check(&["--fix", "--fix-defaults", "e.yaml"]).code, Some(0));
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(workspace.read("real/e.yaml"), spec(&["url: http://h.example/", "rewritePath: /"]));
    assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(workspace.path("real")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn what_is_piped_in_comes_out_fixed_and_findings_go_beside_it() {
    let workspace = Workspace::with(&[]);
    let other = "apiVersion: v1\nkind: Secret\n---\n";
    let input = format!("{other}{}", spec(&["url: http://h.example/"]));
    let output = format!("{other}{}", spec(&["url: http://h.example/", "rewritePath: /"]));
    let run = workspace.check_input(&["--fix", "--fix-defaults", "-"], &input);
    assert_eq!((run.code, run.out), (Some(0), output.clone()));
    assert!(run.err.starts_with("1 ModelEndpoint in 1 file"), "{}", run.err);
    assert_eq!(workspace.check_input(&["--fix", "--fix-defaults", "-"], &output).out, output);
    // Findings do not go to standard output, even if there is no manifest to write.
    workspace.write("latin.yaml", b"a: \xff");
    let latin = std::process::Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
        .args(["check", "--fix", "-"])
        .stdin(fs::File::open(workspace.path("latin.yaml")).expect("a file"))
        .output()
        .expect("the binary ends");
    assert_eq!((latin.status.code(), latin.stdout), (Some(1), Vec::new()));
}

#[test]
fn a_link_that_leads_out_of_a_directory_is_checked_and_its_target_left_alone() {
    let before = spec(&["url: http://h.example/"]);
    let after = spec(&["url: http://h.example/", "rewritePath: /"]);
    let workspace = || {
        let workspace = Workspace::with(&[("m/a.yaml", &before), ("out/e.yaml", &before)]);
        symlink("../out/e.yaml", workspace.path("m/link.yaml")).expect("a link");
        workspace
    };
    let refused = "error: cannot write m/link.yaml: it links to a file outside the paths given; give that \
                   path too\n";
    for flag in ["--fix", "--diff"] {
        let workspace = workspace();
        let run = workspace.check(&[flag, "--fix-defaults", "m"]);
        assert_eq!(run.code, Some(2), "{flag}: {run:?}");
        assert!(run.err.ends_with(refused), "{flag}: {}", run.err);
        assert!(!run.out.contains("link.yaml"), "{flag}: {}", run.out);
        assert_eq!(workspace.read("out/e.yaml"), before, "{flag}");
        assert_eq!(workspace.read("m/a.yaml") == after, flag == "--fix");
    }
    assert_eq!(workspace().check(&["m"]).code, Some(0), "it is checked");
    // A named file may be written, by any of its names.
    for args in [
        &["--fix", "--fix-defaults", "m", "m/link.yaml"][..],
        &["--fix", "--fix-defaults", "m", "out/e.yaml"],
        &["--fix", "--fix-defaults", "m", "out"],
    ] {
        let workspace = workspace();
        assert_eq!(workspace.check(args).code, Some(0), "{args:?}");
        assert_eq!(
            (workspace.read("m/a.yaml"), workspace.read("out/e.yaml")),
            (after.clone(), after.clone())
        );
        assert!(fs::symlink_metadata(workspace.path("m/link.yaml")).expect("a link").is_symlink());
    }
}

#[test]
fn a_file_gets_a_new_one_in_its_place_so_that_its_other_names_keep_the_old_content() {
    let before = spec(&["url: http://h.example/"]);
    let workspace = Workspace::with(&[("e.yaml", &before)]);
    fs::hard_link(workspace.path("e.yaml"), workspace.path("other")).expect("a link");
    assert_eq!(workspace.check(&["--fix", "--fix-defaults", "e.yaml"]).code, Some(0));
    assert_eq!(workspace.read("e.yaml"), spec(&["url: http://h.example/", "rewritePath: /"]));
    assert_eq!(workspace.read("other"), before);
}

#[test]
fn a_pipe_is_not_written() {
    let workspace = Workspace::with(&[("e.yaml", &spec(&["url: http://h.example/"]))]);
    let script = format!("{} check --fix --fix-defaults <(cat e.yaml)", env!("CARGO_BIN_EXE_modelendpoint"));
    let mut bash = std::process::Command::new("bash");
    let output = bash.args(["-c", &script]).current_dir(workspace.path("")).output().expect("bash");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(error, "error: cannot write /dev/fd/63: it is a pipe, not a regular file\n");
}

#[test]
fn only_what_is_certain_is_fixed_unless_more_is_asked_for() {
    let written = ["url: ' http://h.example/a/v1 '", "rewritePath: openai"];
    let guessed = ["url: h.example/a/v1"];
    let last_lines = |manifest: &[&str], args: &[&str]| {
        let workspace = Workspace::with(&[("e.yaml", &spec(manifest))]);
        let run = workspace.check(&[args, &["e.yaml"]].concat());
        let told: Vec<_> = run
            .out
            .lines()
            .skip_while(|line| !line.starts_with("1 ModelEndpoint in"))
            .skip(1)
            .map(str::to_owned)
            .collect();
        (workspace.read("e.yaml"), told)
    };
    let more = |count: usize| vec![format!("{count} can be fixed with --fix --unsafe-fixes, which guesses")];
    assert_eq!(
        last_lines(&["url: 'http://h.example '"], &["--fix"]),
        (spec(&["url: 'http://h.example'"]), vec!["fixed 1".to_owned()])
    );
    assert_eq!(last_lines(&guessed, &["--fix"]), (spec(&guessed), more(1)));
    assert_eq!(
        last_lines(&guessed, &["--fix", "--unsafe-fixes"]),
        (spec(&["url: https://h.example/a/v1"]), vec!["fixed 1".to_owned()])
    );
    let (fixed, _) = last_lines(&written, &["--fix"]);
    assert!(fixed.contains("url: 'http://h.example/a/v1'"), "{fixed}");
    let alone = Workspace::with(&[("e.yaml", &spec(&guessed))]).check(&["--unsafe-fixes", "e.yaml"]);
    assert_eq!((alone.code, alone.out.as_str()), (Some(2), ""), "{}", alone.err);
}
