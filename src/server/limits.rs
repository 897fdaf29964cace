//! How much, and for how long. Every wait on a client has an end, and what clients can make the
//! server hold has a bound: `connections x (head_bytes + small_body_bytes) + large_bodies_bytes +`
//! [`MOST_KEPT`](super::buffers::MOST_KEPT), and some 64 KiB for each connection to read them by, with what TLS
//! needs.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// For the first bytes of a body; what comes later has to come at `body_rate`.
    pub body_start: Duration,
    /// Bytes of a body each second, at least.
    pub body_rate: usize,
    /// A large body that gets nothing new for this long makes way when others wait for room.
    pub stall: Duration,
    /// Between requests. Longer than the 90 s after which a Go client closes an idle connection: a
    /// server that closes first now and then cuts a request that is just under way.
    pub idle: Duration,
    /// A client that keeps us waiting for longer than this gives way when all connections are taken.
    pub patience: Duration,
    /// For a request as a whole, and for closing a connection.
    pub request: Duration,
    /// For what still runs when the listener has closed.
    pub finish: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a body. An object may be 3 MiB, and an UPDATE carries two.
    pub body_bytes: usize,
    /// Bytes of a body that need no room in `large_bodies_bytes`.
    pub small_body_bytes: usize,
    /// Bytes that all bodies together may take beyond `small_body_bytes` each.
    pub large_bodies_bytes: usize,
}

impl Limits {
    #[must_use]
    pub fn new(connections: usize) -> Self {
        Self {
            connections,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            body_start: Duration::from_secs(5),
            body_rate: 128 * 1024,
            stall: Duration::from_millis(500),
            idle: Duration::from_mins(2),
            patience: Duration::from_secs(1),
            request: Duration::from_secs(45),
            finish: Duration::from_secs(15),
            head_bytes: 16 * 1024,
            body_bytes: 7 * 1024 * 1024,
            small_body_bytes: 32 * 1024,
            large_bodies_bytes: 24 * 1024 * 1024,
        }
    }

    /// For probes and scrapes: few connections, and none of them idle for long.
    #[must_use]
    pub fn for_operators(&self) -> Self {
        Self { connections: Self::OPS_CONNECTIONS, ..self.clone() }
    }

    pub const OPS_CONNECTIONS: usize = 64;
}
