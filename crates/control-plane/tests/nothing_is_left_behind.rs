//! A process that is killed leaves no other process and no data behind.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use control_plane::{ControlPlane, WebhookCertificates};

/// Set in the process that is going to be killed.
const HOLDER: &str = "CONTROL_PLANE_HOLDER";

#[test]
fn a_killed_holder_leaves_nothing_behind() {
    if env::var_os(HOLDER).is_some() {
        hold();
    }
    let temporary = tempfile::TempDir::new().unwrap();
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_killed_holder_leaves_nothing_behind", "--nocapture"])
        .env(HOLDER, "")
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ready = BufReader::new(holder.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains(READY));
    assert!(ready, "the holder ended early");
    let in_use = || (processes_of(&temporary), directories_in(&temporary));
    // Each server with the two processes of its supervisor, and the one that
    // removes the certificates.
    let (processes, directories) = in_use();
    assert_eq!((processes.len(), directories.len()), (7, 3));

    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while in_use() != (vec![], vec![]) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(in_use(), (vec![], vec![]));
}

const READY: &str = "the control plane is ready";

fn hold() -> ! {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _control_plane = runtime.block_on(ControlPlane::start()).unwrap();
    let _certificates = WebhookCertificates::new(&[]).unwrap();
    println!("{READY}");
    loop {
        thread::park();
    }
}

/// The command lines that contain the temporary directory of the killed process.
fn processes_of(temporary: &tempfile::TempDir) -> Vec<String> {
    let all = Command::new("ps").args(["-A", "-o", "args"]).output().unwrap();
    let directory = temporary.path().to_str().unwrap();
    String::from_utf8_lossy(&all.stdout)
        .lines()
        .filter(|command| command.contains(directory))
        .map(str::to_owned)
        .collect()
}

fn directories_in(temporary: &tempfile::TempDir) -> Vec<PathBuf> {
    let entries = temporary.path().read_dir().unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
