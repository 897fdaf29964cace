//! What a connection waits for, and since when: the client's handshake, its next request, the rest
//! of a head, or a request that is being answered.
//!
//! Told by the bytes that come in ([`Watched`]) and by the service; read by the connection's own
//! alarm. Only the connection's task writes, so relaxed atomics are enough.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Waiting {
    /// For the TLS handshake.
    Handshake,
    /// For the first byte of the first request.
    Fresh,
    /// For the first byte of another request.
    Idle,
    /// For the rest of a head.
    Head,
    /// For the body, and for the answer to be made.
    Request,
    /// For the connection to close.
    Close,
}

#[derive(Debug)]
pub struct Pace {
    opened: Instant,
    waiting: AtomicU8,
    since_micros: AtomicU64,
}

impl Pace {
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            waiting: AtomicU8::new(Waiting::Handshake as u8),
            since_micros: AtomicU64::new(0),
        })
    }

    pub fn now(&self, waiting: Waiting) {
        let since = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.since_micros.store(since, Relaxed);
        self.waiting.store(waiting as u8, Relaxed);
    }

    #[must_use]
    pub fn waiting(&self) -> Waiting {
        const ALL: [Waiting; 6] = [
            Waiting::Handshake,
            Waiting::Fresh,
            Waiting::Idle,
            Waiting::Head,
            Waiting::Request,
            Waiting::Close,
        ];
        ALL[usize::from(self.waiting.load(Relaxed))]
    }

    fn since(&self) -> Instant {
        self.opened + Duration::from_micros(self.since_micros.load(Relaxed))
    }

    /// When patience with this client ends.
    #[must_use]
    pub fn deadline(&self, limits: &Limits) -> Instant {
        self.since()
            + match self.waiting() {
                Waiting::Handshake => limits.handshake,
                Waiting::Fresh | Waiting::Idle => limits.idle,
                Waiting::Head => limits.head,
                Waiting::Request => limits.request,
                Waiting::Close => limits.patience,
            }
    }

    /// Has the client kept us waiting for longer than `patience`?
    #[must_use]
    pub fn is_slow(&self, patience: Duration) -> bool {
        self.since().elapsed() > patience
    }
}

/// A stream that tells [`Pace`] of the first byte of each request.
#[derive(Debug)]
pub struct Watched<Stream> {
    stream: Stream,
    pace: Arc<Pace>,
}

impl<Stream> Watched<Stream> {
    pub fn new(stream: Stream, pace: Arc<Pace>) -> Self {
        Self { stream, pace }
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Watched<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let idle = matches!(self.pace.waiting(), Waiting::Fresh | Waiting::Idle);
        if idle && buffer.filled().len() > before {
            self.pace.now(Waiting::Head);
        }
        polled
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Watched<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
