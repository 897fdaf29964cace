//! Manifests in a temporary directory, and the binary that checks them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory that is removed after the test.
pub(crate) struct Workspace(TempDir);

/// Exit code, standard output, standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Workspace {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let workspace = Self(tempfile::tempdir().expect("a temporary directory"));
        for (name, content) in files {
            workspace.write(name, content);
        }
        workspace
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        fs::write(path, content).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// `check` with these arguments, in this directory.
    pub(crate) fn check(&self, args: &[&str]) -> Run {
        self.check_input(args, "")
    }

    pub(crate) fn check_input(&self, args: &[&str], input: &str) -> Run {
        self.run(args, &[], input)
    }

    /// With these environment variables.
    pub(crate) fn check_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        self.run(args, variables, "")
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)], input: &str) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
            .arg("check")
            .args(args)
            .envs(variables.iter().copied())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // A process that does not read its input may close it.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the binary ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Run {
    pub(crate) fn of(code: i32, out: &str) -> Self {
        Run { code: Some(code), out: out.to_owned(), err: String::new() }
    }
}

/// A ModelEndpoint with these lines in its spec.
pub(crate) fn endpoint(name: &str, spec: &[&str]) -> String {
    let head = format!(
        "apiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata:\n  name: {name}\n  namespace: ml-team\nspec:\n"
    );
    spec.iter().fold(head, |text, line| format!("{text}  {line}\n"))
}
