//! Forwards TCP from one port to others, as kube-proxy does for a Service, and breaks connections, as a network can.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Ends when it is dropped.
pub(crate) struct Relay {
    port: u16,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    targets: Vec<Target>,
    connections: JoinSet<()>,
    line: Line,
}

/// What happens to connections.
#[derive(Default, Clone, Copy)]
enum Line {
    #[default]
    Sound,
    /// It is closed at once.
    Cut,
    /// It is accepted, and never answered.
    Silent,
}

#[derive(Clone, Copy)]
struct Target {
    address: SocketAddr,
    /// Where to ask whether it is ready.
    ops: Option<SocketAddr>,
}

impl Relay {
    /// Forwards to nobody, until a replica is [added](Self::add_replica).
    pub(crate) async fn to_ready_replicas() -> Result<Self> {
        Self::start(Vec::new()).await
    }

    pub(crate) async fn to(address: SocketAddr) -> Result<Self> {
        Self::start(vec![Target { address, ops: None }]).await
    }

    async fn start(targets: Vec<Target>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(Mutex::new(State { targets, ..State::default() }));
        Ok(Self { port, accepting: tokio::spawn(accept(listener, Arc::clone(&state))), state })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on, new connections can go to this replica while it is ready.
    pub(crate) fn add_replica(&self, address: SocketAddr, ops: SocketAddr) {
        self.lock().targets.push(Target { address, ops: Some(ops) });
    }

    /// Ends every connection and lets no new one through.
    pub(crate) fn cut(&self) {
        let mut state = self.lock();
        state.line = Line::Cut;
        state.connections.abort_all();
    }

    /// New connections are accepted and never answered, even after the relay is repaired.
    pub(crate) fn fall_silent(&self) {
        self.lock().line = Line::Silent;
    }

    pub(crate) fn mend(&self) {
        self.lock().line = Line::Sound;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the lock")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.lock().connections.abort_all();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut next = 0;
    while let Ok((mut from, _)) = listener.accept().await {
        let mut state = state.lock().expect("nobody panics with the lock");
        let mut targets = match state.line {
            Line::Sound if !state.targets.is_empty() => state.targets.clone(),
            Line::Sound | Line::Cut => continue,
            Line::Silent => {
                state.connections.spawn(async move {
                    let _held = from;
                    pending::<()>().await;
                });
                continue;
            }
        };
        next += 1;
        let turn = next % targets.len();
        targets.rotate_left(turn);
        let connection = async move {
            for target in targets {
                if let Some(ops) = target.ops
                    && !is_ready(ops).await
                {
                    continue;
                }
                if let Ok(mut to) = TcpStream::connect(target.address).await {
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                    return;
                }
            }
        };
        state.connections.spawn(connection);
    }
}

/// As the kubelet asks.
pub(crate) async fn is_ready(ops: SocketAddr) -> bool {
    let asked = timeout(Duration::from_secs(2), async {
        let mut stream = TcpStream::connect(ops).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: kubelet\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    });
    matches!(asked.await, Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200 "))
}
