//! Newcomers paste what `--self-signed` prints, so each line must work as it is.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use test_support::webhook::binary;

/// Starts a server and runs every `curl` line that it prints, in the root of the repository.
async fn answers_to_the_printed_lines(flags: &[&str]) -> Vec<Value> {
    let mut server = Command::new(binary())
        .args(["serve", "--self-signed", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut printed = BufReader::new(server.stdout.take().expect("stdout is piped")).lines();
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let line = printed.next_line().await.expect("text").expect("two lines to paste");
        if line.starts_with("curl ") {
            let pasted = Command::new("sh")
                .args(["-c", &line])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .await
                .expect("a shell");
            let answer = serde_json::from_slice(&pasted.stdout);
            answers.push(answer.unwrap_or_else(|error| panic!("{error}: {line}: {pasted:?}")));
        }
    }
    answers
}

fn shows_a_patch_and_a_denial(answers: &[Value]) {
    let [patch, denial] = answers else { panic!("two answers") };
    assert_eq!(patch["response"]["patchType"], "JSONPatch", "{patch:#}");
    assert_eq!(denial["response"]["status"]["reason"], "Invalid", "{denial:#}");
}

#[tokio::test]
async fn the_printed_lines_show_a_patch_and_a_denial() {
    shows_a_patch_and_a_denial(&answers_to_the_printed_lines(&[]).await);
}

#[tokio::test]
async fn the_printed_lines_check_the_ca_that_was_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca = directory.path().join("a CA.crt");
    let ca = ca.to_str().expect("UTF-8");
    shows_a_patch_and_a_denial(&answers_to_the_printed_lines(&["--write-ca", ca]).await);
}
