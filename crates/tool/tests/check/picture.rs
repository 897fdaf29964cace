//! The picture of `check` in the README shows what it prints.

use std::fs;
use std::process::Command;

use test_support::picture::Session;

/// The same endpoint as in the picture of kubectl.
const ENDPOINT: &str = "\
apiVersion: modelplane.ai/v1alpha1
kind: ModelEndpoint
metadata:
  name: qwen-72b
  namespace: chat
spec:
  url: https://qwen.example.com:8443/v1
  rewritePath: openai
";

#[test]
fn the_picture_of_check_shows_what_it_prints() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("endpoint.yaml"), ENDPOINT).expect("a file");
    let mut session = Session::default();
    for arguments in [&["check", "endpoint.yaml"][..], &["check", "--diff", "endpoint.yaml"]] {
        session.typed(&format!("modelendpoint {}", arguments.join(" ")));
        let output = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("NO_COLOR")
            .env("CLICOLOR_FORCE", "1")
            .output()
            .expect("the tool runs");
        session.printed(
            &(String::from_utf8(output.stdout).expect("UTF-8") + &String::from_utf8_lossy(&output.stderr)),
        );
    }
    session.must_be("check.svg");
}
