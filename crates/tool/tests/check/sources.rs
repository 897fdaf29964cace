//! The files and objects that are checked, and those that are skipped.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, mknodat};

use crate::workspace::{Run, Workspace, endpoint};

fn bad(name: &str) -> String {
    endpoint(name, &["url: http://h.example:0/", "rewritePath: /"])
}

/// The endpoints with findings, in order.
fn names(run: &Run) -> Vec<&str> {
    run.out.lines().filter_map(|line| line.trim().strip_prefix("= note: ModelEndpoint ml-team/")).collect()
}

fn summary(run: &Run) -> &str {
    run.out.lines().last().unwrap_or_default()
}

#[test]
fn directories_are_searched_in_the_order_of_names() {
    let workspace = Workspace::with(&[
        ("m/b.yml", &bad("b")),
        ("m/a/c.yaml", &bad("c")),
        ("m/d.JSON", &bad("d")),
        ("m/readme.txt", "[unread"),
        ("m/.git/x.yaml", "[unread"),
    ]);
    let run = workspace.check(&["m"]);
    assert_eq!((run.code, names(&run)), (Some(1), vec!["c", "b", "d"]));
    // A named file is read, whatever its name.
    let run = workspace.check(&["m/readme.txt", "m/b.yml"]);
    assert_eq!((run.code, names(&run)), (Some(1), vec!["b"]));
}

#[test]
fn an_endpoint_in_another_case_is_refused_as_the_webhook_refuses_it() {
    for (api_version, kind) in
        [("ModelPlane.ai/v1alpha1", "ModelEndpoint"), ("modelplane.ai/v1alpha1", "modelendpoint")]
    {
        let manifest = format!("apiVersion: {api_version}\nkind: {kind}\nspec:\n  url: http://h.example/\n");
        let run = Workspace::with(&[]).check_input(&["-"], &manifest);
        let title = format!(
            "error[unknown-version]: this `{kind}` of `{api_version}` is not checked: no cluster has this \
             kind"
        );
        let help = "help: write `kind: ModelEndpoint` and `apiVersion: modelplane.ai/v1alpha1`, upper and \
                    lower case as here";
        assert!(run.out.starts_with(&title) && run.out.contains(help), "{}", run.out);
        assert_eq!(run.code, Some(1));
    }
}

#[test]
fn lists_and_streams_are_taken_apart_and_other_kinds_counted() {
    let item = |name: &str| {
        format!(
            "- apiVersion: modelplane.ai/v1alpha1\n  kind: ModelEndpoint\n  metadata: {{name: {name}, \
             namespace: ml-team}}\n  spec: {{url: 'http://h.example:0/', rewritePath: /}}\n"
        )
    };
    let stream = format!(
        "# nothing but a comment\n---\nkind: List\napiVersion: v1\nitems:\n{}- kind: Secret\n  apiVersion: \
         v1\n---\n{}---\nkind: ModelEndpoint\napiVersion: modelplane.ai/v1beta1\n---\nkind: \
         ModelEndpoint\napiVersion: other.io/v1\n---\n- 1\n",
        item("a"),
        bad("b")
    );
    let run = Workspace::with(&[]).check_input(&["-"], &stream);
    assert_eq!((run.code, names(&run)), (Some(1), vec!["a", "b"]));
    assert!(
        run.out.contains("error[unknown-version]: this ModelEndpoint of `modelplane.ai/v1beta1`"),
        "{}",
        run.out
    );
    assert_eq!(
        summary(&run),
        "2 ModelEndpoints in 1 file: 2 refused, 0 with warnings, 0 changed when stored; 3 other objects \
         skipped"
    );
}

#[test]
fn a_broken_document_is_one_finding_and_the_rest_is_checked() {
    let workspace = Workspace::with(&[("b.yaml", &bad("b"))]);
    workspace.write("a.yaml", format!("x: [1\n---\n{}", bad("a")));
    workspace.write("latin.yaml", b"a: \xff");
    workspace.write("utf16.yaml", b"\xff\xfea\0");
    let run = workspace.check(&["."]);
    assert_eq!((run.code, names(&run)), (Some(1), vec!["a", "b"]));
    let broken: Vec<_> = run.out.lines().filter(|line| line.contains("broken-manifest")).collect();
    assert_eq!(
        broken,
        [
            "error[broken-manifest]: the document can't be read: unclosed bracket '['",
            "error[broken-manifest]: the file can't be read: it is not UTF-8",
            "error[broken-manifest]: the file can't be read: it is UTF-16",
        ]
    );
    assert!(run.out.contains("--> ./a.yaml:1:4\n"), "{}", run.out);
}

#[test]
fn what_can_not_be_read_is_told_and_the_rest_is_checked() {
    let workspace = Workspace::with(&[("b.yaml", &bad("b"))]);
    let run = workspace.check(&["a.yaml", "b.yaml"]);
    assert_eq!((run.code, names(&run)), (Some(2), vec!["b"]));
    assert_eq!(run.err, "error: cannot read a.yaml: No such file or directory (os error 2)\n");
}

#[test]
fn a_namespace_that_is_not_written_is_the_one_given() {
    let manifest = bad("b").replace("  namespace: ml-team\n", "");
    let workspace = Workspace::with(&[("b.yaml", &manifest)]);
    let name =
        |run: Run| run.out.lines().find_map(|line| Some(line.split_once("ModelEndpoint ")?.1.to_owned()));
    assert_eq!(name(workspace.check(&["b.yaml"])), Some("default/b".to_owned()));
    assert_eq!(name(workspace.check(&["-n", "team-a", "b.yaml"])), Some("team-a/b".to_owned()));
}

#[test]
fn json_values_in_a_row_are_documents() {
    let value = |name: &str| {
        format!(
            r#"{{"apiVersion":"modelplane.ai/v1alpha1","kind":"ModelEndpoint","metadata":{{"name":"{name}","namespace":"ml-team"}},"spec":{{"url":"http://h.example:0/","rewritePath":"/"}}}}"#
        )
    };
    for between in ["", "\n", " \n\t", "\n---\n"] {
        let stream = format!("\u{feff}{}{between}{}\n", value("a"), value("b"));
        let run = Workspace::with(&[]).check_input(&["-"], &stream);
        assert_eq!((run.code, names(&run)), (Some(1), vec!["a", "b"]), "{between:?}: {}", run.out);
    }
    let run = Workspace::with(&[]).check_input(&["-"], &format!("{}\n{{\"a\": [1\n", value("a")));
    assert_eq!((run.code, names(&run)), (Some(1), vec!["a"]), "{}", run.out);
    assert!(run.out.contains("error[broken-manifest]") && run.out.contains("--> -:2:7\n"), "{}", run.out);
}

#[test]
fn a_file_that_is_found_on_several_ways_is_checked_once() {
    let workspace = Workspace::with(&[("m/b.yaml", &bad("b"))]);
    symlink("b.yaml", workspace.path("m/a.yaml")).expect("a link");
    symlink(".", workspace.path("m/again")).expect("a link");
    for args in [&["m"][..], &["m/b.yaml", "m"], &["m", "./m/b.yaml", "m/again"]] {
        assert_eq!(names(&workspace.check(args)), ["b"], "{args:?}");
    }
}

#[test]
fn links_that_lead_nowhere_are_told() {
    let workspace = Workspace::with(&[("m/b.yaml", &bad("b"))]);
    symlink("c.yaml", workspace.path("m/a.yaml")).expect("a link");
    symlink("a.yaml", workspace.path("m/c.yaml")).expect("a link");
    let run = workspace.check(&["m"]);
    assert_eq!((run.code, names(&run)), (Some(2), vec!["b"]));
    assert_eq!(run.err.lines().filter(|line| line.starts_with("error: cannot read m/")).count(), 2);
}

#[test]
fn all_namespaces_are_those_of_a_cluster() {
    let run = Workspace::with(&[("b.yaml", &bad("b"))]).check(&["-A", "b.yaml"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{}", run.err);
}

#[test]
fn anchors_that_hold_themselves_come_to_an_end() {
    let many = |alias: &str| vec![alias; 100].join(", ");
    let list = format!("&l\nkind: List\napiVersion: v1\nitems: [{}]\n", many("*l"));
    let merge = endpoint("q", &[&format!("<<: &m {{<<: [{}]}}", many("*m"))]);
    let bomb =
        "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n";
    let run = Workspace::with(&[]).check_input(&["-"], &format!("{list}---\n{merge}---\n{bomb}"));
    assert_eq!(run.code, Some(1), "{run:?}");
}

fn pipe(workspace: &Workspace, name: &str) {
    mknodat(CWD, workspace.path(name), FileType::Fifo, 0o600.into(), 0).expect("a pipe");
}

#[test]
fn special_files_in_a_directory_are_skipped() {
    let workspace = Workspace::with(&[("m/b.yaml", &bad("b"))]);
    pipe(&workspace, "m/a.yaml");
    let _socket = UnixListener::bind(workspace.path("m/c.yaml")).expect("a socket");
    symlink("a.yaml", workspace.path("m/d.yaml")).expect("a link");
    symlink("/dev/zero", workspace.path("m/e.yaml")).expect("a link");
    let run = workspace.check(&["m"]);
    assert_eq!((run.code, names(&run), run.err.as_str()), (Some(1), vec!["b"], ""));
    assert!(summary(&run).starts_with("1 ModelEndpoint in 1 file:"), "{}", summary(&run));
}

#[test]
fn a_pipe_is_read_if_it_is_named() {
    let workspace = Workspace::with(&[("policy.yaml", "rules: {url-port: warn}"), ("b.yaml", &bad("b"))]);
    let program = env!("CARGO_BIN_EXE_modelendpoint");
    let script = format!("{program} check <(cat b.yaml); {program} check --policy <(cat policy.yaml) b.yaml");
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(workspace.path(""))
        .output()
        .expect("bash");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let found: Vec<_> = text.lines().filter_map(|line| Some(line.split_once("]:")?.0)).collect();
    assert_eq!(found, ["error[url-port", "warning[url-port"], "{text}");

    pipe(&workspace, "pipe");
    let path = workspace.path("pipe");
    let writer = std::thread::spawn(move || std::fs::write(path, bad("b")));
    let run = workspace.check(&["pipe"]);
    writer.join().expect("no panic").expect("a reader");
    assert_eq!((run.code, names(&run)), (Some(1), vec!["b"]));
}

#[test]
fn what_is_too_large_is_told_and_the_rest_is_checked() {
    let workspace = Workspace::with(&[("b.yaml", &bad("b"))]);
    let large = std::fs::File::create(workspace.path("large.yaml")).expect("a file");
    large.set_len((32 << 20) + 1).expect("room");
    let run = workspace.check(&["large.yaml", "b.yaml", "/dev/zero"]);
    assert_eq!((run.code, names(&run)), (Some(2), vec!["b"]));
    assert_eq!(
        run.err,
        "error: cannot read large.yaml: it is larger than 32 MiB, which is the limit\n\
         error: cannot read /dev/zero: it is larger than 32 MiB, which is the limit\n"
    );
    let run = workspace.check(&["--policy", "/dev/zero", "b.yaml"]);
    assert_eq!(
        (run.code, run.err.as_str()),
        (Some(2), "error: cannot read --policy /dev/zero: it is larger than 1 MiB, which is the limit\n")
    );
    let endless = std::process::Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
        .args(["check", "-"])
        .stdin(std::fs::File::open("/dev/zero").expect("a device"))
        .output()
        .expect("the binary ends");
    assert_eq!(
        (endless.status.code(), String::from_utf8_lossy(&endless.stderr).as_ref()),
        (Some(2), "error: cannot read standard input: it is larger than 32 MiB, which is the limit\n")
    );
}

/// kubectl decodes tagged values, so it sends another value than is written.
#[test]
fn a_tag_that_changes_what_kubectl_reads_is_an_error() {
    let manifest = |kind: &str, url: &str| {
        format!("apiVersion: modelplane.ai/v1alpha1\nkind: {kind}\nspec:\n  {url}\n  rewritePath: /\n")
    };
    let tagged = [
        manifest("!!binary TW9kZWxFbmRwb2ludA==", "url: http://h.example/"),
        manifest("ModelEndpoint", "!!binary dXJs: http://h.example/"),
        manifest("ModelEndpoint", "url: !x ~"),
        manifest("ModelEndpoint", "url: ! null"),
        manifest("ModelEndpoint", "url: !http://h.example/"),
        manifest("ModelEndpoint", "url: !<tag:yaml.org,2002:null> http://h.example/"),
        manifest("ModelEndpoint", "url: !!timestamp 2024-01-01"),
        manifest("ModelEndpoint", "url: !str http://h.example/"),
    ];
    for manifest in tagged {
        let run = Workspace::with(&[]).check_input(&["-"], &manifest);
        let title = "error[yaml-tag]: this ModelEndpoint can't be checked: kubectl decodes the tagged value, \
                     so it may send something other than what is written";
        assert_eq!(run.out.lines().next(), Some(title), "{manifest}");
        assert_eq!(run.code, Some(1), "{manifest}");
        // --fix does not change it either.
        let workspace = Workspace::with(&[("m.yaml", &manifest)]);
        workspace.check(&["--fix", "m.yaml"]);
        assert_eq!(workspace.read("m.yaml"), manifest);
    }
    let fine = manifest("!!str ModelEndpoint", "url: !!str http://h.example/");
    let run = Workspace::with(&[]).check_input(&["-"], &fine);
    assert_eq!(
        (summary(&run), run.code),
        (
            "1 ModelEndpoint in 1 file: 0 refused, 0 with warnings, 0 changed when stored; 0 other objects \
             skipped",
            Some(0)
        )
    );
    // Tags in other kinds do not matter.
    let run = Workspace::with(&[]).check_input(&["-"], "Resources:\n  url: !Sub 'x'\n");
    assert_eq!(run.code, Some(0), "{}", run.out);
}

/// YAML 1.1, which kubectl reads, ends lines at characters that do not end lines in YAML 1.2.
#[test]
fn an_invisible_end_of_a_line_is_an_error() {
    for (end, code) in [("\u{85}", "0085"), ("\u{2028}", "2028"), ("\u{2029}", "2029")] {
        let manifest = endpoint(
            "a",
            &[&format!("url: http://h.example/ #{end}  url: http://127.0.0.1/"), "rewritePath: /"],
        );
        let run = Workspace::with(&[]).check_input(&["-"], &manifest);
        let title = format!(
            "error[broken-manifest]: the document can't be read: kubectl ends the line at the invisible \
             character U+{code}; delete it, or write it as \\u{code} in double quotes"
        );
        assert_eq!((run.out.lines().next(), run.code), (Some(title.as_str()), Some(1)));
        // JSON has no such line ends.
        let json = format!("{{\"kind\": \"ConfigMap\", \"data\": {{\"a\": \"b{end}c\"}}}}");
        let run = Workspace::with(&[]).check_input(&["-"], &json);
        assert_eq!(run.code, Some(0), "{}", run.out);
    }
}

/// As apimachinery reads it: every object with items is a list, and gives them its type.
#[test]
fn any_object_with_items_is_a_list() {
    let item = "metadata: {name: a, namespace: ml-team}, spec: {url: 'http://h.example:0/', rewritePath: /}";
    let typed = format!("apiVersion: modelplane.ai/v1alpha1, kind: ModelEndpoint, {item}");
    let lists = [
        format!("{{apiVersion: v1, kind: PodList, items: [{{{typed}}}]}}"),
        format!("{{apiVersion: v1, kind: LIST, items: [{{{typed}}}]}}"),
        format!("{{apiVersion: modelplane.ai/v1alpha1, kind: ModelEndpoint, items: [{{{typed}}}]}}"),
        format!("{{apiVersion: modelplane.ai/v1alpha1, kind: ModelEndpointList, items: [{{{item}}}]}}"),
    ];
    for list in lists {
        let run = Workspace::with(&[]).check_input(&["-"], &list);
        assert_eq!((run.code, names(&run)), (Some(1), vec!["a"]), "{list}\n{}", run.out);
    }
}

/// A repository with ignored files, in all the ways of Git.
fn repository() -> Workspace {
    let files = ["m/a.yaml", "m/made/b.yaml", "m/c.yaml", "m/d/e.yaml", "m/d/f.yaml", "m/.hidden/g.yaml"];
    let workspace = Workspace::with(&[]);
    for file in files {
        let name = file.rsplit_once('/').map_or(file, |(_, name)| name).trim_end_matches(".yaml");
        workspace.write(file, bad(name));
    }
    std::fs::create_dir(workspace.path(".git")).expect("a directory");
    workspace.write(".gitignore", "made/\n");
    workspace.write("m/d/.gitignore", "/f.yaml\n");
    workspace.write(".git/info/exclude", "c.yaml\n");
    // The ignore file of another tool.
    workspace.write(".ignore", "*.yaml\n");
    workspace
}

#[test]
fn what_git_ignores_is_left_out_unless_it_is_named() {
    let workspace = repository();
    for (args, found) in [
        (&["."][..], &["a", "e"][..]),
        (&["m"], &["a", "e"]),
        (&["m/d"], &["e"]),
        (&["m/d/f.yaml", "m/c.yaml"], &["f", "c"]),
        // A directory that is named is searched.
        (&["m/made"], &["b"]),
        (&["--no-ignore", "m"], &["a", "c", "e", "f", "b"]),
    ] {
        let run = workspace.check(args);
        assert_eq!((names(&run).as_slice(), run.err.as_str()), (found, ""), "{args:?}");
    }
    // Outside of a repository, Git's files have no effect.
    std::fs::rename(workspace.path(".git"), workspace.path("git")).expect("a directory");
    assert_eq!(names(&workspace.check(&["m"])), ["a", "c", "e", "f", "b"]);
    // Ignored files are not fixed either.
    let workspace = repository();
    let slashless = endpoint("b", &["url: http://h.example/", "rewritePath: /a"]);
    workspace.write("m/made/b.yaml", &slashless);
    workspace.check(&["--fix", "m"]);
    assert_eq!(workspace.read("m/made/b.yaml"), slashless);
}

#[test]
fn what_matches_a_pattern_is_left_out_unless_it_is_named() {
    let workspace = repository();
    let absolute = workspace.path("m");
    for (args, found) in [
        (&["--exclude", "d", "m"][..], &["a"][..]),
        (&["--exclude", "e.yaml", "m"], &["a"]),
        (&["--exclude", "m/a.yaml", "."], &["e"]),
        (&["--exclude", "/m/d/*.yaml", absolute.to_str().expect("UTF-8")], &["a"]),
        (&["--exclude", "{a,x}.yaml", "--exclude", "none", "m"], &["e"]),
        (&["--exclude", "a.yaml", "m/a.yaml"], &["a"]),
        (&["--exclude", "a.yaml", "--no-ignore", "m"], &["c", "e", "f", "b"]),
    ] {
        let run = workspace.check(args);
        assert_eq!((names(&run).as_slice(), run.err.as_str()), (found, ""), "{args:?}");
    }
    let run = workspace.check(&["--exclude", "[a", "m"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.err.starts_with("error: cannot use --exclude [a: "), "{}", run.err);
}

/// Excluding files does not change the paths of others.
#[test]
fn a_link_to_what_git_ignores_is_checked() {
    let workspace = repository();
    symlink("made/b.yaml", workspace.path("m/z.yaml")).expect("a link");
    symlink("made", workspace.path("m/y")).expect("a link");
    assert_eq!(names(&workspace.check(&["m"])), ["a", "e", "b"]);
}

#[test]
fn a_directory_without_endpoints_is_told() {
    let service = "apiVersion: v1\nkind: Service\n";
    let workspace =
        Workspace::with(&[("other/s.yaml", service), ("m/b.yaml", &bad("b")), ("broken/x.yaml", "a: [")]);
    std::fs::create_dir(workspace.path("empty")).expect("a directory");
    workspace.write(".git/HEAD", "");
    workspace.write("ignored/b.yaml", bad("b"));
    workspace.write("ignored/.gitignore", "*");
    let none = |directory: &str| {
        format!(
            "note: {directory} contains no .yaml, .yml or .json file; hidden files, and those that git ignores or \
             --exclude matches, are skipped\n"
        )
    };
    let no_endpoint = "note: other contains no ModelEndpoint\n".to_owned();
    for (args, code, told) in [
        (&["empty"][..], 0, none("empty")),
        (&["ignored"], 0, none("ignored")),
        (&["other"], 0, no_endpoint.clone()),
        (&["m", "other", "empty"], 1, no_endpoint.clone() + &none("empty")),
        (&["--format", "json", "other"], 0, no_endpoint.clone()),
        (
            &["--diff", "other"],
            0,
            format!(
                "{}\n{no_endpoint}",
                "0 ModelEndpoints in 1 file: 0 refused, 0 with warnings, 0 changed when stored; 1 other \
                 object skipped"
            ),
        ),
        // A file that can't be read may contain an endpoint.
        (&["broken"], 1, String::new()),
        // A file that is found by two paths is in both.
        (&["m/b.yaml", "./m"], 1, String::new()),
        (&["other/s.yaml"], 0, String::new()),
        (&["--quiet", "empty", "other"], 0, String::new()),
    ] {
        let run = workspace.check(args);
        assert_eq!((run.code, run.err), (Some(code), told), "{args:?}");
    }
}
