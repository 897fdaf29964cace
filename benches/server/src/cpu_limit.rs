//! A container's CPU limit, without a container: a cgroup with a quota, of version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::Context;

/// It goes when this is dropped, if its processes are gone by then.
pub struct CpuLimit {
    directory: PathBuf,
}

/// What the kubelet sets, in microseconds.
const PERIOD: u32 = 100_000;

impl CpuLimit {
    /// As `resources.limits.cpu`, in thousandths of a CPU.
    pub fn millis(millis: u32) -> anyhow::Result<Self> {
        let v1 = Path::new("/sys/fs/cgroup/cpu");
        let is_v1 = v1.join("cpu.cfs_quota_us").exists();
        let root = if is_v1 { v1 } else { Path::new("/sys/fs/cgroup") };
        let limit = Self { directory: root.join(format!("bench-server-{}-{millis}m", process::id())) };
        fs::create_dir(&limit.directory).context("no cgroup could be made: that needs root")?;
        let quota = PERIOD / 1_000 * millis;
        if is_v1 {
            limit.write("cpu.cfs_period_us", &PERIOD.to_string())?;
            limit.write("cpu.cfs_quota_us", &quota.to_string())?;
        } else {
            limit.write("cpu.max", &format!("{quota} {PERIOD}"))?;
        }
        Ok(limit)
    }

    /// A command that runs the program within the limit from its first instruction on.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]);
        command.arg(self.directory.join("cgroup.procs")).arg(program);
        command
    }

    /// In how many periods its processes had to wait for the next one.
    pub fn throttled(&self) -> anyhow::Result<u32> {
        let stat = fs::read_to_string(self.directory.join("cpu.stat"))?;
        let line = stat.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        Ok(line.context("nr_throttled")?.parse()?)
    }

    fn write(&self, file: &str, value: &str) -> anyhow::Result<()> {
        fs::write(self.directory.join(file), value).with_context(|| format!("{file} can't be set"))
    }
}

impl Drop for CpuLimit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}
