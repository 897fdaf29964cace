//! What kube-apiserver says of itself, and what the kernel says that it used.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};
use control_plane::ControlPlane;
use kube::Client;

use crate::variants::Variant;

pub(crate) struct Server {
    client: Client,
    process: String,
}

impl Server {
    pub(crate) fn of(control_plane: &ControlPlane) -> anyhow::Result<Self> {
        let (_, port) = control_plane.api_server_url().rsplit_once(':').context("a port")?;
        let flag = format!("--secure-port={port}");
        for process in fs::read_dir("/proc")? {
            let process = process?.path();
            let Ok(command) = fs::read_to_string(process.join("cmdline")) else { continue };
            let mut arguments = command.split('\0');
            let is_server = arguments.next().is_some_and(|program| program.ends_with("kube-apiserver"));
            if is_server && arguments.any(|argument| argument == flag) {
                return Ok(Self { client: control_plane.client(), process: process.display().to_string() });
            }
        }
        bail!("there is no kube-apiserver with {flag}")
    }

    /// CPU time of all threads so far, user and kernel.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("{}/task", self.process))? {
            // a thread may end while this is read
            let Ok(schedstat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += schedstat.split(' ').next().context("a figure")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// How often a webhook of this variant was called so far.
    pub(crate) async fn calls(&self, variant: &Variant) -> anyhow::Result<u32> {
        self.count("apiserver_admission_webhook_request_total", variant).await
    }

    /// How often matchConditions of this variant kept a webhook from being called.
    pub(crate) async fn exclusions(&self, variant: &Variant) -> anyhow::Result<u32> {
        self.count("apiserver_admission_match_condition_exclusions_total", variant).await
    }

    async fn count(&self, metric: &str, variant: &Variant) -> anyhow::Result<u32> {
        let metrics = self.client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
        let name = format!(".{}.modelendpoints.modelplane.ai\"", variant.namespace);
        let samples = metrics.lines().filter(|line| line.starts_with(metric) && line.contains(&name));
        samples.map(|line| Ok(line.rsplit_once(' ').context("a sample")?.1.parse::<u32>()?)).sum()
    }
}
