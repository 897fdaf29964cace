//! Memory for bodies that arrive in pieces. The buffer of a large body is kept for the next one, because the kernel
//! clears new memory page by page, which takes as long as reading the review. All kept buffers together have 4 MiB at most.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many buffers are kept, including those in use. Few bodies are read at the same time.
const KEPT: usize = 2;
/// Smaller buffers are cheap to allocate.
const SMALLEST_KEPT: usize = 32 * 1024;
/// Enough for a review of the largest object that etcd accepts by default, 1.5 MiB.
const LARGEST_KEPT: usize = 2 * 1024 * 1024;

/// The kept buffers that are not in use. They start without capacity.
#[derive(Debug)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Default for Buffers {
    fn default() -> Self {
        Self(Mutex::new(vec![Vec::new(); KEPT]))
    }
}

impl Buffers {
    /// An empty buffer for a body that may have this many bytes: a kept one, if the body is large enough and one is left.
    pub(super) fn take(&self, bytes: usize) -> Buffer<'_> {
        let kept = if bytes < SMALLEST_KEPT { None } else { self.kept().pop() };
        match kept {
            Some(bytes) => Buffer { bytes, home: Some(self) },
            None => Buffer { bytes: Vec::new(), home: None },
        }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let worth_keeping = (SMALLEST_KEPT..=LARGEST_KEPT).contains(&bytes.capacity());
        self.kept().push(if worth_keeping { bytes } else { Vec::new() });
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer in use. A kept one goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Buffer<'a> {
    bytes: Vec<u8>,
    home: Option<&'a Buffers>,
}

impl Buffer<'_> {
    /// Whether this buffer is a kept one, and stays one with this many bytes.
    #[must_use]
    pub(super) fn is_kept_with(&self, capacity: usize) -> bool {
        self.home.is_some() && capacity <= LARGEST_KEPT
    }
}

impl Deref for Buffer<'_> {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        if let Some(home) = self.home {
            home.give_back(mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 64 * 1024;

    fn filled(buffers: &Buffers, bytes: usize) -> Buffer<'_> {
        let mut buffer = buffers.take(bytes);
        buffer.reserve_exact(bytes);
        buffer
    }

    fn kept(buffers: &Buffers) -> Vec<usize> {
        buffers.kept().iter().map(Vec::capacity).collect()
    }

    #[test]
    fn what_a_large_body_was_read_into_is_there_for_the_next_and_empty() {
        let buffers = Buffers::default();
        let mut first = filled(&buffers, LARGE);
        first.extend_from_slice(b"secret");
        let place = first.as_ptr();
        drop(first);
        let second = buffers.take(LARGE - 1);
        assert_eq!((second.as_ptr(), second.as_slice()), (place, b"".as_slice()));
    }

    #[test]
    fn no_more_are_kept_than_is_said_whoever_holds_on_to_one() {
        let buffers = Buffers::default();
        let held = filled(&buffers, LARGE);
        drop([LARGE, LARGE, LARGE].map(|bytes| filled(&buffers, bytes)));
        assert_eq!(kept(&buffers), [LARGE]);
        drop(held);
        assert_eq!(kept(&buffers), [LARGE, LARGE]);
    }

    #[test]
    fn none_is_kept_that_is_small_or_huge() {
        let buffers = Buffers::default();
        for bytes in [0, SMALLEST_KEPT - 1, LARGEST_KEPT + 1] {
            drop(filled(&buffers, bytes));
        }
        assert_eq!(kept(&buffers), [0, 0]);
        drop(filled(&buffers, LARGEST_KEPT));
        assert_eq!(kept(&buffers), [0, LARGEST_KEPT]);
    }
}
