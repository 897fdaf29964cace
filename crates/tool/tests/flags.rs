//! Completions and manual pages are generated from the definition of the flags.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use clap::CommandFactory;
use modelendpoint::cli::Cli;

fn run(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_modelendpoint")).args(args).output();
    let output = output.expect("the binary starts");
    assert!(output.status.success(), "{args:?}: {output:?}");
    output.stdout
}

/// Every long flag, by its command.
fn flags() -> Vec<(String, String)> {
    let command = Cli::command();
    let of = |command: &clap::Command| {
        let name = command.get_name().to_owned();
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        flags.map(|flag| (name.clone(), format!("--{flag}"))).collect::<Vec<_>>()
    };
    command.get_subcommands().flat_map(of).collect()
}

#[test]
fn every_shell_completes_every_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(run(&["completions", shell])).expect("UTF-8");
        for (command, flag) in flags() {
            let known = script.contains(&flag) || script.contains(flag.trim_start_matches("--"));
            assert!(known, "{shell}: {command} {flag}");
        }
    }
}

#[test]
fn bash_completes_every_flag_of_every_command() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = directory.path().join("completions");
    fs::write(&script, run(&["completions", "bash"])).expect("a file");
    // As bash calls it, with the program, the word to complete, and the word before it.
    let ask = r#"
        source "$0"
        COMP_WORDS=(modelendpoint $1 --) COMP_CWORD=2
        $(complete -p modelendpoint | grep -o -- '-F [^ ]*' | cut -c4-) modelendpoint -- $1
        echo "${COMPREPLY[@]}""#;
    let completed = |command: &str| {
        let output = Command::new("bash").args(["-c", ask]).arg(&script).arg(command).output().expect("bash");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let mut known = BTreeMap::new();
    for (command, flag) in flags() {
        let offered = known.entry(command.clone()).or_insert_with(|| completed(&command));
        assert!(offered.split_whitespace().any(|word| word == flag), "{command} {flag}: {offered}");
    }
}

/// The completions in bash for a word.
fn completed(words: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = directory.path().join("completions");
    fs::write(&script, run(&["completions", "bash"])).expect("a file");
    let ask = r#"
        source "$0"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        $(complete -p modelendpoint | grep -o -- '-F [^ ]*' | cut -c4-) modelendpoint "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["-c", ask]).arg(&script).args(words).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

#[test]
fn shells_complete_the_ids_of_rules_and_the_names_of_providers() {
    assert_eq!(completed(&["modelendpoint", "rules", "url-tls"]), ["url-tls-port"]);
    assert_eq!(completed(&["modelendpoint", "rules", "default-rew"]), ["default-rewrite-path"]);
    let providers = completed(&["modelendpoint", "providers", "a"]);
    for name in ["azure-openai", "amazon-bedrock-mantle", "ai21"] {
        assert!(providers.iter().any(|offered| offered == name), "{name}: {providers:?}");
    }
    // Every offered name finds its provider, and so does the name as it is written.
    let names = completed(&["modelendpoint", "providers", ""]);
    let names: Vec<_> = names.iter().filter(|name| !name.starts_with('-')).collect();
    let catalogue: Vec<serde_json::Value> =
        serde_json::from_slice(&run(&["providers", "--format", "json"])).expect("JSON");
    assert_eq!(names.len(), catalogue.len(), "{names:?}");
    for (name, provider) in names.iter().zip(&catalogue) {
        for asked in [name.as_str(), provider["name"].as_str().expect("a name")] {
            let found = String::from_utf8(run(&["providers", asked, "--format", "json"])).expect("UTF-8");
            assert!(found.contains(&format!("\"name\": {}", provider["name"])), "{asked}: {found}");
        }
    }
    // Another text is not a usage error, but an unknown provider.
    let unknown = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
        .args(["rules", "url-prt"])
        .output()
        .expect("it ends");
    let told = String::from_utf8(unknown.stderr).expect("UTF-8");
    assert_eq!(told, "error: there is no rule `url-prt`; `modelendpoint rules` lists them all\n");
}

#[test]
fn help_is_in_groups_with_examples_and_fits_on_a_terminal() {
    for (command, groups) in [
        (
            "check",
            &["Arguments:", "Options:", "Search:", "Judging:", "Fixes:", "Cluster:", "Output:", "Examples:"]
                [..],
        ),
        ("migrate", &["Arguments:", "Options:", "Search:", "Output:", "Examples:"]),
        ("audit", &["Options:", "Judging:", "Cluster:", "Reports:", "Metrics and log:", "Examples:"]),
        ("rules", &["Arguments:", "Options:"]),
    ] {
        for (flag, terminal, most) in [("-h", "80", 80), ("--help", "80", 80), ("--help", "200", 100)] {
            let output = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
                .args([command, flag])
                .env("COLUMNS", terminal)
                .output()
                .expect("it ends");
            let help = String::from_utf8(output.stdout).expect("UTF-8");
            let found: Vec<_> =
                help.lines().filter(|line| line.ends_with(':') && !line.starts_with(' ')).collect();
            assert_eq!(found, groups, "{command} {flag}");
            let widest = help.lines().map(|line| line.chars().count()).max();
            assert!(
                widest.is_some_and(|widest| widest <= most && widest > most - 15),
                "{command} {flag}: {widest:?}"
            );
            // No example continues in the next line.
            let examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
            assert_eq!(examples.filter(|line| !line.contains("modelendpoint")).collect::<Vec<_>>(), [""; 0]);
        }
    }
}

/// Asserts that each example is an existing command.
#[test]
fn examples_in_the_help_can_be_parsed() {
    let command = Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let examples: Vec<_> =
        commands.filter_map(clap::Command::get_after_help).map(ToString::to_string).collect();
    assert_eq!(examples.len(), 5, "{examples:?}");
    for example in examples.iter().flat_map(|help| help.lines()).filter(|line| line.starts_with("  ")) {
        assert!(example.len() < 80, "{example}");
        let (_, call) = example.rsplit_once("modelendpoint ").expect("the program");
        let call = call.split(" | ").next().and_then(|call| call.split("  ").next()).expect("a command");
        if let Some(topic) = call.strip_prefix("help ") {
            assert!(command.find_subcommand(topic).is_some(), "{example}");
            continue;
        }
        let words = std::iter::once("modelendpoint").chain(call.split_whitespace());
        if let Err(error) = Cli::command().try_get_matches_from(words) {
            panic!("{example}: {error}");
        }
    }
}

#[test]
fn every_command_has_a_page_with_its_flags_and_their_variables() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let out = directory.path().join("man1");
    run(&["man", "--out", out.to_str().expect("a path in UTF-8")]);
    let page = |command: &str| {
        let text = fs::read_to_string(out.join(format!("modelendpoint-{command}.1")));
        text.unwrap_or_else(|error| panic!("{command}: {error}")).replace('\\', "")
    };
    for (command, flag) in flags() {
        assert!(page(&command).contains(&flag), "{command} {flag}");
    }
    assert!(page("check").contains("MODELENDPOINT_WEBHOOK_CHECK_POLICY"));
    assert!(out.join("modelendpoint.1").exists());
}

#[test]
fn as_a_plugin_of_kubectl_it_is_called_as_people_type_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plugin = directory.path().join("kubectl-modelendpoint");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_modelendpoint"), &plugin).expect("a link");
    let usage = |program: &std::path::Path| {
        let output = Command::new(program).args(["check", "--help"]).output().expect("it starts");
        let help = String::from_utf8(output.stdout).expect("UTF-8");
        help.lines().find(|line| line.starts_with("Usage: ")).map(str::to_owned)
    };
    let expected = |program: &str| Some(format!("Usage: {program} check [OPTIONS] [FILE|DIR|-]..."));
    assert_eq!(usage(&plugin), expected("kubectl modelendpoint"));
    assert_eq!(usage(env!("CARGO_BIN_EXE_modelendpoint").as_ref()), expected("modelendpoint"));
}
