//! What a connection waits for: the client's handshake, its next request, the rest of a head, or a
//! request that is being answered.
//!
//! Told by the bytes that come in ([`Watched`]) and by the service; read by [`super::patrol`], which has
//! the clock. A request costs two atomic stores each time, and neither a timer nor a lock.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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

/// Written by the connection's own task alone, but for the word to leave, so relaxed atomics are enough.
#[derive(Debug)]
pub struct Pace {
    waiting: AtomicU8,
    steps: AtomicU32,
    told_to_leave: AtomicBool,
    task: AtomicWaker,
}

impl Pace {
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: AtomicU8::new(Waiting::Handshake as u8),
            steps: AtomicU32::new(0),
            told_to_leave: AtomicBool::new(false),
            task: AtomicWaker::new(),
        })
    }

    pub fn now(&self, waiting: Waiting) {
        self.waiting.store(waiting as u8, Relaxed);
        self.steps.store(self.steps.load(Relaxed).wrapping_add(1), Relaxed);
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

    /// How often something else was waited for. While it stays the same, so does what is waited for.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps.load(Relaxed)
    }

    /// Asks the connection to end as soon as no request is under way.
    pub fn tell_to_leave(&self) {
        self.told_to_leave.store(true, Relaxed);
        self.task.wake();
    }

    /// Was the connection asked to end? If not, its task is woken when it is.
    pub fn is_told_to_leave(&self, context: &Context<'_>) -> bool {
        self.task.register(context.waker());
        self.told_to_leave.load(Relaxed)
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
