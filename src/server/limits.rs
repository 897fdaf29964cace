//! The limits for clients. Every wait for a client ends, and the memory that clients can make the server use is
//! limited to `connections x (head_bytes + small_body_bytes) + large_bodies_bytes`, 4 MiB of kept
//! [buffers](super::buffers), and about 64 KiB for each connection for read buffers and TLS. The kernel uses twice
//! [`Limits::RECEIVE_BUFFER`] and [`Limits::SEND_BUFFER`] for each connection, and the socket itself.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections. When all are taken, one of them gives way to a new one.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// For the first bytes of a body. The rest has to arrive at `body_rate`.
    pub body_start: Duration,
    /// Bytes of a body each second, at least.
    pub body_rate: usize,
    /// A large body that receives nothing for this long makes way when others wait for room.
    pub stall: Duration,
    /// Between requests. Longer than the 90 s after which a Go client closes an idle connection: a server that closes
    /// first sometimes cuts a request that is on its way.
    pub idle: Duration,
    /// A client that keeps the server waiting for longer than this gives way first when all connections are taken. Also
    /// the time for the client to close a connection that the server has closed.
    pub patience: Duration,
    /// For a request as a whole.
    pub request: Duration,
    /// For the client to take an answer.
    pub response: Duration,
    /// For a connection as a whole, plus up to a fifth, so that not all end at once. After that, the next answer asks the
    /// client to open another connection, which may lead to another replica.
    pub age: Duration,
    /// For the connections that are still open when the listener has closed.
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
            response: Duration::from_secs(5),
            age: Duration::from_mins(10),
            finish: Duration::from_secs(15),
            head_bytes: 16 * 1024,
            body_bytes: 7 * 1024 * 1024,
            small_body_bytes: 32 * 1024,
            large_bodies_bytes: 24 * 1024 * 1024,
        }
    }

    /// How many connections one source may have. The share is large, because several API servers can have one address:
    /// behind konnectivity, or behind SNAT.
    #[must_use]
    pub fn connections_by_source(&self) -> usize {
        self.connections - self.connections / 4
    }

    /// For probes and scrapes: few connections.
    #[must_use]
    pub fn for_operators(&self) -> Self {
        Self { connections: Self::OPS_CONNECTIONS, ..self.clone() }
    }

    pub const OPS_CONNECTIONS: usize = 64;

    /// How many bytes the kernel may keep that a client has sent and the server has not read yet. The kernel doubles
    /// this for its own overhead. Both buffers are fixed, because the kernel would otherwise let them grow to
    /// megabytes. If this one were smaller, clients with large bodies would often find it full and wait for a window
    /// update.
    pub const RECEIVE_BUFFER: u32 = 80 * 1024;
    /// The same for what the server has written and the client has not taken.
    pub const SEND_BUFFER: u32 = 16 * 1024;
}
