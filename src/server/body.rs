//! Reads the body of a request. It refuses a body that is larger than the limit or slower than the minimum rate, and
//! one for which the other bodies leave no memory.

use std::future::poll_fn;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use futures_util::future::poll_immediate;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::buffers::{Buffer, Buffers};
use super::limits::Limits;
use super::metrics::Shed;
use super::refusal::Refusal;
use super::room::{Room, Share};

/// The limits and the shared memory for reading the body of one request.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub limits: &'a Limits,
    pub room: &'a Room,
    pub buffers: &'a Buffers,
    /// When the head was complete.
    pub received: Instant,
    /// When the answer has to be sent.
    pub deadline: Instant,
}

impl<'a> Reading<'a> {
    /// Reads to the end.
    ///
    /// # Errors
    /// Why the body can't be read. [`Refusal::TooLarge`] comes before anything is read if the client declares a length.
    pub(super) async fn read<Body>(&self, body: &mut Body) -> Result<Whole<'a>, Refusal>
    where
        Body: HttpBody<Data = Bytes> + Unpin,
    {
        let expected = length(body, self.limits)?;
        let Some(first) = self.next(body, None, 0).await? else {
            return Ok(Whole::OnePiece(Bytes::new()));
        };
        let Some(second) = self.next(body, None, first.len()).await? else {
            return Ok(Whole::OnePiece(first));
        };
        let mut pieces = Pieces { bytes: self.buffers.take(expected), share: None };
        self.add(&mut pieces, &first, expected).await?;
        self.add(&mut pieces, &second, expected).await?;
        while let Some(data) = self.next(body, pieces.share.as_ref(), pieces.bytes.len()).await? {
            self.add(&mut pieces, &data, expected).await?;
        }
        Ok(Whole::Pieces(pieces))
    }

    /// The next bytes after those that `arrived`.
    async fn next<Body>(
        &self,
        body: &mut Body,
        share: Option<&Share<'_>>,
        arrived: usize,
    ) -> Result<Option<Bytes>, Refusal>
    where
        Body: HttpBody<Data = Bytes> + Unpin,
    {
        let until = || self.until(arrived, share.map_or(Duration::ZERO, Share::waited));
        loop {
            let frame = poll_fn(|context| {
                if let Some(share) = share
                    && let Poll::Ready(refusal) = share.poll_cut(context)
                {
                    return Poll::Ready(Err(refusal));
                }
                Pin::new(&mut *body).poll_frame(context).map(Ok)
            });
            let frame = within(until, frame).await.unwrap_or_else(|| Err(self.too_late()))?;
            let Some(frame) = frame else { return Ok(None) };
            // A frame without data contains trailers, which are ignored.
            let Ok(data) = frame.map_err(|_| Refusal::Cut)?.into_data() else { continue };
            if arrived + data.len() > self.limits.body_bytes {
                return Err(Refusal::TooLarge(self.limits.body_bytes));
            }
            return Ok(Some(data));
        }
    }

    /// Appends the bytes when there is room for them.
    async fn add(&self, pieces: &mut Pieces<'a>, data: &[u8], expected: usize) -> Result<(), Refusal> {
        let Pieces { bytes, share } = pieces;
        let needed = bytes.len() + data.len();
        if needed > bytes.capacity() {
            let capacity = self.next_capacity(bytes, needed, expected);
            let taken = capacity.saturating_sub(self.limits.small_body_bytes);
            if taken > 0 && !bytes.is_kept_with(capacity) {
                let share = share.get_or_insert_with(|| self.room.enter(self.received, needed));
                let patience = || self.deadline.min(self.received + self.limits.body);
                let no_room = || Err(Refusal::Shed(Shed::Memory));
                within(patience, share.grow(taken)).await.unwrap_or_else(no_room)?;
            }
            let more = capacity - bytes.len();
            bytes.reserve_exact(more);
        }
        bytes.extend_from_slice(data);
        if let Some(share) = share {
            share.arrived(data.len());
        }
        Ok(())
    }

    /// The capacity grows fourfold in each step: a length that is only declared must not take memory, and smaller steps
    /// would fragment the allocator more.
    fn next_capacity(&self, bytes: &Buffer<'_>, needed: usize, expected: usize) -> usize {
        let most = expected.max(needed);
        if most <= self.limits.small_body_bytes || bytes.is_kept_with(most) {
            return most;
        }
        needed.max(bytes.capacity() * 4).max(self.limits.small_body_bytes).min(most)
    }

    /// When the next bytes must have arrived.
    fn until(&self, arrived: usize, waited: Duration) -> Instant {
        let Limits { body, body_start, body_rate, .. } = *self.limits;
        let milliseconds = arrived.saturating_mul(1000) / body_rate.max(1);
        let at_the_least_rate = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX));
        self.deadline.min(self.received + body.min(body_start + at_the_least_rate + waited))
    }

    fn too_late(&self) -> Refusal {
        if self.deadline <= Instant::now() { Refusal::Shed(Shed::Deadline) } else { Refusal::Slow }
    }
}

/// The length that the client declares, or else the limit.
fn length(body: &impl HttpBody, limits: &Limits) -> Result<usize, Refusal> {
    let size = body.size_hint();
    let declared = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    if declared(size.lower()) > limits.body_bytes {
        return Err(Refusal::TooLarge(limits.body_bytes));
    }
    Ok(size.exact().map_or(limits.body_bytes, declared))
}

/// The output of `work`, or `None` if it is not ready by then. It starts a timer only if `work` is not ready at once.
async fn within<T>(until: impl FnOnce() -> Instant, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    match poll_immediate(work.as_mut()).await {
        Some(done) => Some(done),
        None => timeout_at(until(), work).await.ok(),
    }
}

/// Reads the rest of a body for a while and discards it: a client that is still sending when the connection closes never
/// sees the answer.
pub(super) async fn discard(mut body: impl HttpBody<Data = Bytes> + Unpin, limits: Limits) {
    let mut left = limits.body_bytes.saturating_mul(4);
    let discarding = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Whatever the result, the connection is closed now.
    let _ = timeout(Duration::from_secs(2), discarding).await;
}

/// The bytes of a body. Most bodies arrive in one piece, which is not copied.
#[derive(Debug)]
pub(super) enum Whole<'a> {
    OnePiece(Bytes),
    Pieces(Pieces<'a>),
}

/// The bytes are dropped before their share of the room, so that the room never counts too little.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    bytes: Buffer<'a>,
    share: Option<Share<'a>>,
}

impl Deref for Whole<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::OnePiece(bytes) => bytes,
            Self::Pieces(pieces) => &pieces.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    const KIB: usize = 1024;

    fn limits() -> Limits {
        Limits { body_bytes: 8 * KIB, small_body_bytes: KIB, ..Limits::new(1) }
    }

    /// Without a declared length.
    fn pieces(number: usize) -> Body {
        Body::from_stream(stream::iter((0..number).map(|_| Ok::<_, std::io::Error>(vec![b'x'; KIB]))))
    }

    async fn read(mut body: Body) -> Result<Vec<u8>, Refusal> {
        let limits = limits();
        let (room, buffers) = (Room::new(&limits), Buffers::default());
        let received = Instant::now();
        let deadline = received + Duration::from_secs(5);
        let reading = Reading { limits: &limits, room: &room, buffers: &buffers, received, deadline };
        let whole = reading.read(&mut body).await;
        whole.map(|whole| whole.to_vec())
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_or_to_the_limit() {
        for number in [0, 1, 2, 8] {
            assert_eq!(read(pieces(number)).await, Ok(vec![b'x'; number * KIB]));
        }
        assert_eq!(read(pieces(9)).await, Err(Refusal::TooLarge(8 * KIB)));
        assert_eq!(read(Body::from(vec![b'x'; 8 * KIB + 1])).await, Err(Refusal::TooLarge(8 * KIB)));
    }

    #[tokio::test]
    async fn a_body_that_comes_too_slowly_is_given_up_and_so_is_one_that_comes_too_late() {
        let (soon, later) = (Duration::from_millis(50), Duration::from_mins(1));
        for (start, deadline, refusal) in
            [(soon, later, Refusal::Slow), (later, soon, Refusal::Shed(Shed::Deadline))]
        {
            let limits = Limits { body_start: start, body: later, ..limits() };
            let (room, buffers) = (Room::new(&limits), Buffers::default());
            let received = Instant::now();
            let deadline = received + deadline;
            let reading = Reading { limits: &limits, room: &room, buffers: &buffers, received, deadline };
            let mut stalled = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
            assert_eq!(reading.read(&mut stalled).await.err(), Some(refusal));
            assert!(received.elapsed() >= soon);
        }
    }

    #[test]
    fn a_buffer_grows_in_steps_unless_memory_for_all_of_it_is_set_aside() {
        let limits = Limits::new(1);
        let (room, buffers) = (Room::new(&limits), Buffers::default());
        let received = Instant::now();
        let reading =
            Reading { limits: &limits, room: &room, buffers: &buffers, received, deadline: received };
        let kept = buffers.take(1_000 * KIB);
        let none_left = buffers.take(1_000 * KIB);
        let of_its_own = buffers.take(1_000 * KIB);
        assert_eq!(reading.next_capacity(&kept, 16 * KIB, 1_000 * KIB), 1_000 * KIB);
        assert_eq!(reading.next_capacity(&none_left, 16 * KIB, 3_000 * KIB), 32 * KIB);
        assert_eq!(reading.next_capacity(&of_its_own, 16 * KIB, 1_000 * KIB), 32 * KIB);
        assert_eq!(reading.next_capacity(&of_its_own, 33 * KIB, 1_000 * KIB), 33 * KIB);
        assert_eq!(reading.next_capacity(&of_its_own, 20 * KIB, 20 * KIB), 20 * KIB);
    }
}
