//! A container's CPU limit, without a container: a cgroup with a quota, of version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::Context;

/// It goes when this is dropped, if its processes are gone by then.
pub(crate) struct CpuLimit {
    directory: PathBuf,
}

/// What the kubelet sets, in microseconds. The weight is the highest that there is, so that the limit is
/// what is measured and not who else wants the CPU.
const PERIOD: u32 = 100_000;

impl CpuLimit {
    /// As `resources.limits.cpu`, in thousandths of a CPU.
    pub(crate) fn millis(millis: u32) -> anyhow::Result<Self> {
        let v1 = Path::new("/sys/fs/cgroup/cpu");
        let is_v1 = v1.join("cpu.cfs_quota_us").exists();
        let root = if is_v1 { v1 } else { Path::new("/sys/fs/cgroup") };
        let limit = Self { directory: root.join(format!("bench-server-{}-{millis}m", process::id())) };
        fs::create_dir(&limit.directory).context("no cgroup could be made: that needs root")?;
        let quota = PERIOD / 1_000 * millis;
        if is_v1 {
            limit.write("cpu.cfs_period_us", &PERIOD.to_string())?;
            limit.write("cpu.cfs_quota_us", &quota.to_string())?;
            limit.write("cpu.shares", "262144")?;
        } else {
            limit.write("cpu.max", &format!("{quota} {PERIOD}"))?;
            limit.write("cpu.weight", "10000")?;
        }
        Ok(limit)
    }

    /// A command that runs the program within the limit from its first instruction on.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]);
        command.arg(self.directory.join("cgroup.procs")).arg(program);
        command
    }

    /// The periods so far in which its processes ran, and in how many of these they had to wait for the
    /// next one.
    pub(crate) fn periods(&self) -> anyhow::Result<(u32, u32)> {
        let stat = fs::read_to_string(self.directory.join("cpu.stat"))?;
        let count = |name: &str| {
            let count = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            anyhow::Ok(count.with_context(|| format!("{name} in cpu.stat"))?.parse()?)
        };
        Ok((count("nr_periods")?, count("nr_throttled")?))
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
