//! Questions in `PromQL` in, series out, by a real Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A line of a panel.
pub(super) struct Series {
    pub name: String,
    /// Seconds from the beginning, and the value.
    pub points: Vec<(f64, f64)>,
}

pub(super) struct Prometheus {
    url: String,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    pub(super) fn scraping(targets: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let targets: Vec<_> = targets
            .iter()
            .map(|(pod, address)| {
                let labels = json!({ "pod": pod, "namespace": "modelendpoint-webhook", "cluster": "one" });
                json!({ "targets": [address], "labels": labels })
            })
            .collect();
        let job = json!({ "job_name": "modelendpoint-webhook", "static_configs": targets });
        let config = json!({ "global": { "scrape_interval": "2s" }, "scrape_configs": [job] });
        let file = folder.path().join("prometheus.yml");
        // JSON is YAML
        fs::write(&file, config.to_string())?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", Path::join(folder.path(), "data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("prometheus is missing")?;
        let prometheus = Prometheus { url: format!("http://127.0.0.1:{port}"), child, _folder: folder };
        let began = Instant::now();
        while prometheus.ask("query", &[("query", "1")]).is_err() {
            ensure!(began.elapsed() < Duration::from_secs(30), "prometheus does not start");
            sleep(Duration::from_millis(200));
        }
        Ok(prometheus)
    }

    /// What a query said during so long a time until now.
    pub(super) fn answer(&self, expression: &str, legend: &str, during: Duration) -> Result<Vec<Series>> {
        let end = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let start = end - during.as_secs();
        let (start_text, end) = (start.to_string(), end.to_string());
        let parameters = [("query", expression), ("start", &start_text), ("end", &end), ("step", "2")];
        let answer = self.ask("query_range", &parameters).with_context(|| expression.to_owned())?;
        let result = answer["data"]["result"].as_array().context("series")?;
        let begin = Duration::from_secs(start).as_secs_f64();
        let point = |value: &Value| Some((value[0].as_f64()? - begin, value[1].as_str()?.parse().ok()?));
        Ok(result
            .iter()
            .map(|series| Series {
                name: name(legend, &series["metric"]),
                points: series["values"].as_array().into_iter().flatten().filter_map(point).collect(),
            })
            .collect())
    }

    fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail-with-body", "--max-time", "20", "--get"]);
        for (name, value) in parameters {
            curl.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        let output = curl.arg(format!("{}/api/v1/{what}", self.url)).output().context("curl is missing")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "prometheus: {text}");
        serde_json::from_str(&text).context("no JSON")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A legend with `{{label}}` filled in.
fn name(legend: &str, labels: &Value) -> String {
    let labels: BTreeMap<_, _> = labels.as_object().into_iter().flatten().collect();
    labels.into_iter().fold(legend.to_owned(), |text, (label, value)| {
        text.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default())
    })
}
