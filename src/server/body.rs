//! A request's body in, its bytes out: never more than the limit, and never more at a time over all
//! requests than there is room for.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::buffers::{Buffer, Buffers};
use super::limits::Limits;
use super::metrics::Shed;
use super::refusal::Refusal;

/// How long the body is, as the client says, or may be.
///
/// # Errors
/// [`Refusal::TooLarge`], before anything is read.
pub fn length(body: &impl HttpBody, limits: &Limits) -> Result<usize, Refusal> {
    let size = body.size_hint();
    let declared = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    if declared(size.lower()) > limits.body_bytes {
        return Err(Refusal::TooLarge(limits.body_bytes));
    }
    Ok(size.exact().map_or(limits.body_bytes, declared))
}

/// Reads to the end, or to the limit, what is `expected` to have so many bytes.
///
/// # Errors
/// [`Refusal::TooLarge`] or [`Refusal::Cut`].
pub async fn read<'a>(
    body: &mut (impl HttpBody<Data = Bytes> + Unpin),
    expected: usize,
    limits: &Limits,
    buffers: &'a Buffers,
) -> Result<Whole<'a>, Refusal> {
    let mut whole = Whole::OnePiece(Bytes::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Cut)?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > limits.body_bytes {
            return Err(Refusal::TooLarge(limits.body_bytes));
        }
        whole = match whole {
            Whole::OnePiece(first) if first.is_empty() => Whole::OnePiece(data),
            Whole::OnePiece(first) => {
                let mut pieces = buffers.take(expected.max(first.len() + data.len()));
                pieces.extend_from_slice(&first);
                pieces.extend_from_slice(&data);
                Whole::Pieces(pieces)
            }
            Whole::Pieces(mut pieces) => {
                pieces.extend_from_slice(&data);
                Whole::Pieces(pieces)
            }
        };
    }
    Ok(whole)
}

/// Reads on for a while and throws it away: a client that is still sending when the connection
/// closes never sees the answer.
pub async fn discard(mut body: impl HttpBody<Data = Bytes> + Unpin, limits: Limits) {
    let mut left = limits.body_bytes.saturating_mul(4);
    let discarding = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Either way the connection is closed now.
    let _ = timeout(Duration::from_secs(2), discarding).await;
}

/// A body's bytes. Most come in one piece, which is then taken without a copy.
#[derive(Debug)]
pub enum Whole<'a> {
    OnePiece(Bytes),
    Pieces(Buffer<'a>),
}

impl Deref for Whole<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::OnePiece(bytes) => bytes,
            Self::Pieces(bytes) => bytes,
        }
    }
}

/// Room for what bodies take beyond what every request may have anyway. Small requests, which is
/// nearly all of them, never depend on it.
#[derive(Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    all: usize,
}

/// A body's share of the room, until it is dropped.
#[derive(Debug)]
pub struct Share(#[expect(dead_code, reason = "held")] Option<OwnedSemaphorePermit>);

impl Room {
    const UNIT: usize = 1024;

    #[must_use]
    pub fn of(bytes: usize) -> Self {
        let all = bytes / Self::UNIT;
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    /// Waits until there is room for a body of `length` bytes. It is taken as a whole before anything is
    /// read, so that no two bodies wait for what the other one holds.
    ///
    /// # Errors
    /// [`Shed::Memory`] for what can never have room.
    pub async fn share(&self, length: usize, limits: &Limits) -> Result<Share, Refusal> {
        let units = length.saturating_sub(limits.small_body_bytes).div_ceil(Self::UNIT);
        if units == 0 {
            return Ok(Share(None));
        }
        let no_room = || Refusal::Shed(Shed::Memory);
        let units =
            u32::try_from(units).ok().filter(|units| *units as usize <= self.all).ok_or_else(no_room)?;
        let permit = Arc::clone(&self.free).acquire_many_owned(units).await;
        permit.map(|permit| Share(Some(permit))).map_err(|_| no_room())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::FutureExt;

    use super::*;

    fn limits() -> Limits {
        Limits { body_bytes: 8 * 1024, small_body_bytes: 1024, ..Limits::new(1) }
    }

    #[tokio::test]
    async fn a_large_body_waits_until_another_is_gone_and_a_small_one_does_not() {
        let room = Room::of(4 * 1024);
        let large = room.share(4 * 1024, &limits()).await.expect("there is room");
        let limits = limits();
        let mut second = std::pin::pin!(room.share(4 * 1024, &limits));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(room.share(1024, &limits).now_or_never().is_some_and(|share| share.is_ok()));
        drop(large);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn what_can_never_have_room_is_shed_at_once() {
        let share = Room::of(4 * 1024).share(5 * 1024 + 1, &limits()).await;
        assert_eq!(share.err(), Some(Refusal::Shed(Shed::Memory)));
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_the_client_says_or_as_long_as_it_may_be() {
        assert_eq!(length(&Body::from(vec![b'x'; 100]), &limits()), Ok(100));
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>("x")]);
        assert_eq!(length(&Body::from_stream(pieces), &limits()), Ok(8 * 1024));
        assert_eq!(
            length(&Body::from(vec![b'x'; 8 * 1024 + 1]), &limits()),
            Err(Refusal::TooLarge(8 * 1024))
        );
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_or_to_the_limit() {
        let pieces = |number: usize| {
            let piece = |_| Ok::<_, std::io::Error>(vec![b'x'; 1024]);
            Body::from_stream(futures_util::stream::iter((0..number).map(piece)))
        };
        let buffers = Buffers::default();
        let whole = read(&mut pieces(8), 0, &limits(), &buffers).await;
        assert_eq!(whole.as_deref(), Ok(vec![b'x'; 8 * 1024].as_slice()));
        let whole = read(&mut pieces(9), 0, &limits(), &buffers).await;
        assert_eq!(whole.err(), Some(Refusal::TooLarge(8 * 1024)));
    }
}
