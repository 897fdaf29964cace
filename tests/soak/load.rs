//! Clients of every kind, each in a loop until the time is up. An unexpected answer is a failure.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use test_support::client::{Client, FINE, MALFORMED, create, json_request};

const SLOW_CLIENTS: usize = 50;
/// Requests over one connection.
const KEPT_FOR: usize = 100;

#[derive(Clone)]
pub struct Load {
    pub until: Instant,
    /// The instance that runs from the start to the end.
    pub steady: Client,
    /// The instance that gets the traffic now, and that is replaced.
    pub current: watch::Receiver<Client>,
    pub tally: Arc<Tally>,
}

#[derive(Default)]
pub struct Tally {
    answered: AtomicU64,
    cut: AtomicU64,
    rotated: AtomicU64,
    replaced: AtomicU64,
    failures: AtomicU64,
    first_failures: Mutex<Vec<String>>,
}

impl Load {
    /// Until the time is up.
    pub async fn run(&self) {
        let mut clients = JoinSet::new();
        for kind in [fine, denied, not_json, huge, too_large] {
            clients.spawn(self.clone().keep_sending(kind, false));
        }
        for kind in [fine, denied] {
            clients.spawn(self.clone().keep_sending(kind, true));
        }
        for _ in 0..SLOW_CLIENTS {
            clients.spawn(self.clone().keep_dribbling());
        }
        clients.join_all().await;
    }

    async fn keep_sending(self, kind: fn() -> Expected, to_current: bool) {
        while Instant::now() < self.until {
            let client = if to_current { self.current.borrow().clone() } else { self.steady.clone() };
            let mut connection = match client.try_connect().await {
                Ok(connection) => connection,
                Err(error) => {
                    self.tally.failed(format!("connecting: {error}"));
                    continue;
                }
            };
            for _ in 0..KEPT_FOR {
                let Expected { request, status, part } = kind();
                match connection.send(request).await {
                    Ok(reply) if reply.status == status && reply.body.contains(part) => {
                        self.tally.answered.fetch_add(1, Relaxed);
                        if reply.headers.iter().any(|(name, _)| name == "connection") {
                            break;
                        }
                    }
                    Ok(reply) => {
                        self.tally.failed(format!("{} {}", reply.status, reply.body));
                        break;
                    }
                    Err(error) => {
                        self.tally.failed(format!("a request: {error:?}"));
                        break;
                    }
                }
                if Instant::now() >= self.until {
                    return;
                }
            }
        }
    }

    /// Sends a head that never ends, a byte at a time, until the server closes the connection.
    async fn keep_dribbling(self) {
        while Instant::now() < self.until {
            let Ok(mut stream) = self.steady.stream().await else {
                self.tally.failed("connecting slowly".to_owned());
                continue;
            };
            while Instant::now() < self.until && stream.write_all(b"P").await.is_ok() {
                sleep(Duration::from_millis(500)).await;
            }
            self.tally.cut.fetch_add(1, Relaxed);
        }
    }
}

/// A request, and the expected status of its answer.
struct Expected {
    request: Request<Body>,
    status: u16,
    part: &'static str,
}

fn fine() -> Expected {
    let request = json_request("/validate", create("u", FINE).to_string());
    Expected { request, status: 200, part: r#""allowed":true"# }
}

fn denied() -> Expected {
    let request = json_request("/validate", create("u", MALFORMED).to_string());
    Expected { request, status: 200, part: "[url-syntax]" }
}

fn not_json() -> Expected {
    Expected { request: json_request("/mutate", "{\"request\":"), status: 400, part: "" }
}

fn huge() -> Expected {
    let mut review = create("u", FINE);
    review["request"]["object"]["spec"]["padding"] = json!("x".repeat(6 * 1024 * 1024));
    Expected { request: json_request("/mutate", review.to_string()), status: 200, part: r#""allowed":true"# }
}

fn too_large() -> Expected {
    Expected {
        request: json_request("/mutate", vec![b' '; 8 * 1024 * 1024]),
        status: 413,
        part: "larger than",
    }
}

impl Tally {
    pub fn rotated(&self) {
        self.rotated.fetch_add(1, Relaxed);
    }

    pub fn replaced(&self) {
        self.replaced.fetch_add(1, Relaxed);
    }

    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    fn failed(&self, what: String) {
        self.failures.fetch_add(1, Relaxed);
        let mut first = self.first_failures.lock().expect("nobody panics");
        if first.len() < 10 {
            first.push(what);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = |counter: &AtomicU64| counter.load(Relaxed);
        writeln!(to, "requests answered as they should be: {}", figure(&self.answered))?;
        writeln!(to, "slow clients cut: {}", figure(&self.cut))?;
        writeln!(to, "certificates rotated: {}", figure(&self.rotated))?;
        writeln!(to, "instances replaced: {}", figure(&self.replaced))?;
        write!(to, "failures: {}", figure(&self.failures))?;
        for failure in self.first_failures.lock().expect("nobody panics").iter() {
            write!(to, "\n  {failure}")?;
        }
        Ok(())
    }
}
