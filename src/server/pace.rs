//! What a connection waits for: the client's handshake, its next request, the rest of a head, a request that is being
//! answered, or the client to take the answer.
//!
//! The stream ([`Watched`]) and the HTTP service write it, and [`super::patrol`], which has the clock, reads it. A
//! request costs a few relaxed atomic stores, and neither a timer nor a lock.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

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
    /// For the body, or while the answer is made.
    Request,
    /// For the client to take the answer: the socket's buffer is full.
    Response,
    /// For the client to close the connection too.
    Close,
}

/// What a client has delivered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Delivered {
    /// The client has not sent a byte.
    Nothing,
    /// The client has sent bytes, but no request.
    Bytes,
    /// The client has sent requests, but none of the kind that the listener exists for.
    Other,
    /// At least one review.
    Reviews,
}

/// Whether the connection is to end, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
#[repr(u8)]
pub enum Leave {
    No,
    /// As soon as no request is under way.
    InGoodOrder,
    /// At once, because the client is no longer trusted. Only a request that is being answered gets its answer.
    Revoked,
}

/// The state of one connection. Only the connection's own task writes it, except for what [`super::patrol`] tells it,
/// so relaxed atomics are enough.
#[derive(Debug)]
pub struct Pace {
    waiting: AtomicU8,
    steps: AtomicU32,
    unwritten: AtomicBool,
    awaits_bytes: AtomicBool,
    delivered: AtomicU8,
    /// In seconds since 1970.
    trusted_until: AtomicU64,
    next_is_last: AtomicBool,
    leave: AtomicU8,
    task: AtomicWaker,
}

impl Pace {
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: AtomicU8::new(Waiting::Handshake as u8),
            steps: AtomicU32::new(0),
            unwritten: AtomicBool::new(false),
            awaits_bytes: AtomicBool::new(true),
            delivered: AtomicU8::new(Delivered::Nothing as u8),
            trusted_until: AtomicU64::new(u64::MAX),
            next_is_last: AtomicBool::new(false),
            leave: AtomicU8::new(Leave::No as u8),
            task: AtomicWaker::new(),
        })
    }

    pub fn now(&self, waiting: Waiting) {
        self.waiting.store(waiting as u8, Relaxed);
        self.step();
    }

    fn step(&self) {
        self.steps.store(self.steps.load(Relaxed).wrapping_add(1), Relaxed);
    }

    #[must_use]
    pub fn waiting(&self) -> Waiting {
        const ALL: [Waiting; 7] = [
            Waiting::Handshake,
            Waiting::Fresh,
            Waiting::Idle,
            Waiting::Head,
            Waiting::Request,
            Waiting::Response,
            Waiting::Close,
        ];
        if self.unwritten.load(Relaxed) {
            return Waiting::Response;
        }
        ALL[usize::from(self.waiting.load(Relaxed))]
    }

    /// Counts the changes of what the connection waits for.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps.load(Relaxed)
    }

    /// Records whether the client is late in taking an answer. Its next request waits meanwhile.
    pub fn unwritten(&self, unwritten: bool) {
        self.unwritten.store(unwritten, Relaxed);
        self.step();
    }

    /// Returns when the client has taken the answers to its earlier requests.
    pub async fn written(&self) {
        // `Watched` wakes the task then.
        poll_fn(|_| if self.unwritten.load(Relaxed) { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// Whether the server waits for bytes from the client, and not for memory for them.
    #[must_use]
    pub fn awaits_bytes(&self) -> bool {
        self.awaits_bytes.load(Relaxed)
    }

    /// Records what the client has delivered. A useful connection stays useful.
    pub fn delivered(&self, delivered: Delivered) {
        if self.delivered.load(Relaxed) < delivered as u8 {
            self.delivered.store(delivered as u8, Relaxed);
        }
    }

    #[must_use]
    pub fn has_delivered(&self) -> Delivered {
        match self.delivered.load(Relaxed) {
            0 => Delivered::Nothing,
            1 => Delivered::Bytes,
            2 => Delivered::Other,
            _ => Delivered::Reviews,
        }
    }

    /// Records when the client's certificate expires.
    pub fn trust_until(&self, end: SystemTime) {
        let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.trusted_until.store(end.as_secs(), Relaxed);
    }

    /// Whether the client's certificate is valid then.
    #[must_use]
    pub fn is_trusted_at(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.as_secs() <= self.trusted_until.load(Relaxed)
    }

    /// Asks for the next answer to be the last one. It tells the client so, and nothing is cut.
    pub fn make_next_the_last(&self) {
        self.next_is_last.store(true, Relaxed);
    }

    #[must_use]
    pub fn next_is_last(&self) -> bool {
        self.next_is_last.load(Relaxed)
    }

    /// Asks the connection to end. A later, weaker request does not replace a stronger one.
    pub fn tell_to_leave(&self, how: Leave) {
        self.leave.fetch_max(how as u8, Relaxed);
        self.task.wake();
    }

    /// How the connection was asked to end. Its task is woken when that changes.
    pub fn is_told_to_leave(&self, context: &Context<'_>) -> Leave {
        self.task.register(context.waker());
        self.leave()
    }

    #[must_use]
    pub fn leave(&self) -> Leave {
        match self.leave.load(Relaxed) {
            0 => Leave::No,
            1 => Leave::InGoodOrder,
            _ => Leave::Revoked,
        }
    }
}

/// A stream that tells [`Pace`] about the first byte of each request, and about answers that the client does not take.
/// While there is such an answer it reads nothing, so that a client cannot queue any number of them.
#[derive(Debug)]
pub struct Watched<Stream> {
    stream: Stream,
    pace: Arc<Pace>,
    /// Whether the socket's buffer was full at the last write.
    unwritten: bool,
    awaits_bytes: bool,
    closing: Closing,
}

/// How far a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// The client is being told.
    Begun,
    /// The client was told, and must close its side too.
    Told,
}

impl<Stream> Watched<Stream> {
    pub fn new(stream: Stream, pace: Arc<Pace>) -> Self {
        let awaits_bytes = pace.awaits_bytes();
        Self { stream, pace, unwritten: false, awaits_bytes, closing: Closing::No }
    }

    fn awaits_bytes(&mut self, awaits: bool) {
        if self.awaits_bytes != awaits {
            self.awaits_bytes = awaits;
            self.pace.awaits_bytes.store(awaits, Relaxed);
        }
    }

    /// Records and returns the result of a write.
    fn wrote<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() && !self.unwritten {
            self.unwritten = true;
            self.pace.unwritten(true);
        }
        polled
    }

    /// Records and returns the result of a flush.
    fn flushed<T>(&mut self, polled: Poll<T>, context: &Context<'_>) -> Poll<T> {
        if polled.is_ready() && self.unwritten {
            self.unwritten = false;
            self.pace.unwritten(false);
            // The next request waits for this, in the service or in the socket.
            context.waker().wake_by_ref();
        }
        self.wrote(polled)
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Watched<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unwritten {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.awaits_bytes(polled.is_pending());
        let idle = matches!(self.pace.waiting(), Waiting::Fresh | Waiting::Idle);
        if idle && buffer.filled().len() > before {
            self.pace.delivered(Delivered::Bytes);
            self.pace.now(Waiting::Head);
        }
        polled
    }
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.flushed(polled, context)
    }

    /// Waits for the client to close the connection too. If it does not, the patrol cuts the connection, so that the
    /// kernel does not keep what the client has not taken.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::No {
            self.closing = Closing::Begun;
            self.pace.now(Waiting::Close);
        }
        if self.closing == Closing::Begun {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.closing = Closing::Told;
        }
        let mut rest = [0; 1024];
        loop {
            let mut rest = ReadBuf::new(&mut rest);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut rest));
            // The client closed its side, or the connection broke.
            if read.is_err() || rest.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
