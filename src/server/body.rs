//! A request's body in, its bytes out: never more than the limit, and never more at a time over all
//! requests than there is room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::limits::Limits;
use super::metrics::Shed;
use super::refusal::Refusal;

/// A whole body, and its share of the room for large ones.
#[derive(Debug)]
pub struct Whole {
    pub bytes: Bytes,
    _share: Share,
}

/// Reads to the end, or to the limit.
///
/// # Errors
/// [`Refusal::TooLarge`] before anything is read if the client says how long the body is,
/// [`Refusal::Cut`], or shed when there is no room.
pub async fn read(body: &mut Body, limits: &Limits, room: &Arc<Room>) -> Result<Whole, Refusal> {
    let too_large = || Refusal::TooLarge(limits.body_bytes);
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limits.body_bytes {
        return Err(too_large());
    }
    let mut share = Share::of(room);
    let mut whole = Growing::Nothing;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Cut)?.into_data() else {
            continue;
        };
        let length = whole.len() + data.len();
        if length > limits.body_bytes {
            return Err(too_large());
        }
        share.grow_to(length.saturating_sub(limits.small_body_bytes))?;
        whole = whole.with(data, declared);
    }
    Ok(Whole { bytes: whole.into_bytes(), _share: share })
}

/// Reads on for a while and throws it away: a client that is still sending when the connection
/// closes never sees the answer.
pub async fn discard(mut body: Body, limits: Limits) {
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

/// Most bodies come in one piece, which is then taken without a copy.
enum Growing {
    Nothing,
    OnePiece(Bytes),
    Pieces(Vec<u8>),
}

impl Growing {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::OnePiece(bytes) => bytes.len(),
            Self::Pieces(bytes) => bytes.len(),
        }
    }

    /// `expected` bytes are reserved, not touched: they cost memory only once they have come.
    fn with(self, data: Bytes, expected: usize) -> Self {
        match self {
            Self::Nothing => Self::OnePiece(data),
            Self::OnePiece(first) => {
                let mut bytes = Vec::with_capacity(expected.max(first.len() + data.len()));
                bytes.extend_from_slice(&first);
                bytes.extend_from_slice(&data);
                Self::Pieces(bytes)
            }
            Self::Pieces(mut bytes) => {
                bytes.extend_from_slice(&data);
                Self::Pieces(bytes)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::OnePiece(bytes) => bytes,
            Self::Pieces(bytes) => bytes.into(),
        }
    }
}

/// Room for what bodies take beyond what every request may have anyway. Small requests, which is
/// nearly all of them, never depend on it.
#[derive(Debug)]
pub struct Room(AtomicUsize);

impl Room {
    #[must_use]
    pub fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }
}

#[derive(Debug)]
struct Share {
    room: Arc<Room>,
    taken: usize,
}

impl Share {
    fn of(room: &Arc<Room>) -> Self {
        Self { room: Arc::clone(room), taken: 0 }
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.taken);
        if more > 0 {
            let left = |left: usize| left.checked_sub(more);
            if self.room.0.fetch_update(Relaxed, Relaxed, left).is_err() {
                return Err(Refusal::Shed(Shed::Memory));
            }
            self.taken = bytes;
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.taken, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { body_bytes: 100, small_body_bytes: 10, ..Limits::new(1) }
    }

    #[tokio::test]
    async fn a_large_body_takes_room_until_it_is_dropped() {
        let room = Room::of(100);
        let body = |length: usize| Body::from(vec![b'x'; length]);
        let large = read(&mut body(100), &limits(), &room).await.expect("there is room");
        let second = read(&mut body(100), &limits(), &room).await.map(|whole| whole.bytes);
        assert_eq!(second, Err(Refusal::Shed(Shed::Memory)));
        let small = read(&mut body(10), &limits(), &room).await.map(|whole| whole.bytes);
        assert_eq!(small, Ok(Bytes::from(vec![b'x'; 10])));
        drop(large);
        let third = read(&mut body(100), &limits(), &room).await.map(|whole| whole.bytes);
        assert_eq!(third, Ok(Bytes::from(vec![b'x'; 100])));
    }
}
