//! The scripts that the release workflow runs before and after it builds the tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether it succeeds, and its output on both streams.
fn run(directory: &Path, script: &str, args: &[&str]) -> (bool, String, String) {
    let output = Command::new(directory.join(script)).args(args).output().expect("bash");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_file_names_the_released_version() {
    const FILES: [&str; 9] = [
        ".ci/same-version",
        ".pre-commit-hooks.yaml",
        "Cargo.toml",
        "action.yml",
        "crates/tool/Cargo.toml",
        "deploy/base/kustomization.yaml",
        "deploy/chart/Chart.yaml",
        "deploy/components/audit/kustomization.yaml",
        "deploy/examples/audit-cron-job/kustomization.yaml",
    ];
    let version = env!("CARGO_PKG_VERSION");
    let check = |changed: &str| {
        let copy = tempfile::tempdir().expect("a temporary directory");
        for file in FILES {
            let to = copy.path().join(file);
            fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
            fs::copy(root().join(file), &to).expect("a file");
            if file == changed {
                let text = fs::read_to_string(&to).expect("a file");
                assert!(text.contains(version), "{file}");
                fs::write(&to, text.replace(version, "9.9.9")).expect("a file");
            }
        }
        run(copy.path(), ".ci/same-version", &[version])
    };
    assert_eq!(check(""), (true, String::new(), String::new()));
    for file in &FILES[1..] {
        let (succeeded, _, told) = check(file);
        assert!(!succeeded && told.starts_with(&format!("error: {file} ")), "{file}: {told}");
    }
}

#[test]
fn krew_gets_an_archive_for_each_platform_that_is_built() {
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yaml")).expect("a workflow");
    let (_, tool) = workflow.split_once("\n  tool:\n").expect("the job");
    let (matrix, _) = tool.split_once("\n    runs-on:").expect("its matrix");
    let mut built: Vec<_> =
        matrix.lines().filter_map(|line| line.split_once("name: ")?.1.strip_suffix(" }")).collect();
    built.sort_unstable();
    assert_eq!(built, ["darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64"]);

    let archives = tempfile::tempdir().expect("a temporary directory");
    for platform in &built {
        fs::write(archives.path().join(format!("modelendpoint-{platform}.tar.gz")), platform)
            .expect("a file");
    }
    let directory = archives.path().to_str().expect("UTF-8");
    let (succeeded, manifest, told) = run(&root(), ".ci/krew-manifest", &["1.2.3", directory]);
    assert!(succeeded, "{told}");
    let mut named: Vec<_> = manifest
        .lines()
        .filter_map(|line| line.rsplit_once("/v1.2.3/modelendpoint-")?.1.strip_suffix(".tar.gz"))
        .collect();
    named.sort_unstable();
    assert_eq!(named, built);
    let action = fs::read_to_string(root().join("action.yml")).expect("an action");
    for platform in built {
        assert!(action.contains(&format!("platform={platform} ;;")), "{platform}");
    }
}
