//! What a person does in a browser in, what the browser shows out: headless Chromium, by the `DevTools` protocol.
//!
//! The protocol runs over a pipe (`--remote-debugging-pipe`), so there is no port and no WebSocket.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// By their names in Debian, and on GitHub's runners.
const PROGRAMS: [&str; 3] = ["chromium-headless-shell", "chromium", "google-chrome"];

/// Longer than any page takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: BufReader<ChildStdout>,
    last_id: u64,
    session: Option<String>,
    _profile: TempDir,
}

impl Browser {
    /// # Errors
    /// When there is no Chromium, or it does not start.
    pub fn start() -> Result<Self> {
        let is_there = |name: &&str| {
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        let program = PROGRAMS
            .into_iter()
            .find(is_there)
            .context("there is no Chromium: install chromium-headless-shell")?;
        let profile = tempfile::tempdir()?;
        // the protocol's pipes are the descriptors 3 and 4
        let mut child = Command::new("sh")
            .args(["-c", "exec timeout 600 \"$0\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1", program])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--allow-file-access-from-files"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = child.stdin.take().context("a pipe")?;
        let messages = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut browser = Browser { child, commands, messages, last_id: 0, session: None, _profile: profile };
        let target =
            browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?["targetId"].clone();
        let attached =
            browser.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }))?;
        browser.session = attached["sessionId"].as_str().map(ToOwned::to_owned);
        Ok(browser)
    }

    /// Calls a method of the protocol, and gives its result.
    ///
    /// # Errors
    /// What the browser says is wrong.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        write!(self.commands, "{command}\0")?;
        self.commands.flush()?;
        loop {
            let mut message = Vec::new();
            self.messages.read_until(0, &mut message)?;
            ensure!(message.pop() == Some(0), "the browser ended during {method}");
            let mut message: Value = serde_json::from_slice(&message)?;
            if message["id"] == self.last_id {
                ensure!(message["error"].is_null(), "{method}: {}", message["error"]);
                return Ok(message["result"].take());
            }
        }
    }

    /// Opens a file, and waits until its scripts ran.
    ///
    /// # Errors
    /// When it can't be loaded.
    pub fn open(&mut self, file: &Path, fragment: &str) -> Result<()> {
        let file = fs::canonicalize(file)?;
        // another document, so that a fragment alone loads anew too
        self.call("Page.navigate", &json!({ "url": "about:blank" }))?;
        self.wait("location.href === 'about:blank'")?;
        self.call("Page.navigate", &json!({ "url": format!("file://{}{fragment}", file.display()) }))?;
        self.wait("location.protocol === 'file:' && document.readyState === 'complete'")
    }

    /// The value of an expression, which may be a promise.
    ///
    /// # Errors
    /// What it threw.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &parameters)?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// When it does not become so.
    pub fn wait(&mut self, expression: &str) -> Result<()> {
        let began = Instant::now();
        while self.evaluate(expression)? != true {
            if began.elapsed() > PATIENCE {
                bail!("it does not come to this: {expression}");
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Sets the size of the window, in CSS pixels, and whether the person prefers dark colours.
    ///
    /// # Errors
    /// What the browser says is wrong.
    pub fn look(&mut self, width: u32, height: u32, dark: bool) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        self.call("Emulation.setEmulatedMedia", &json!({ "features": [scheme] }))?;
        Ok(())
    }

    /// Types text where the focus is.
    ///
    /// # Errors
    /// What the browser says is wrong.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", &json!({ "text": text })).map(drop)
    }

    /// Presses a key by its name and code, such as `Tab`, 9.
    ///
    /// # Errors
    /// What the browser says is wrong.
    pub fn press(&mut self, key: &str, code: u32) -> Result<()> {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// Writes the whole page as a PNG.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn picture(&mut self, file: &Path) -> Result<()> {
        let size = self.call("Page.getLayoutMetrics", &json!({}))?["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let answer =
            self.call("Page.captureScreenshot", &json!({ "captureBeyondViewport": true, "clip": clip }))?;
        let bytes = BASE64_STANDARD.decode(answer["data"].as_str().context("a picture")?)?;
        fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
