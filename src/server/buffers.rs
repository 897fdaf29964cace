//! Memory for bodies that come in pieces. What a large one was read into is kept for the next: memory that
//! is new to the process is cleared by the kernel page by page, which takes as long as reading the review.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are kept: few read at the same time.
const KEPT: usize = 2;
/// Smaller ones come cheap from the allocator.
const SMALLEST_KEPT: usize = 32 * 1024;
/// A review of the largest object that etcd takes by default, 1.5 MiB, fits.
const LARGEST_KEPT: usize = 2 * 1024 * 1024;

/// Bytes that stay with the process though nobody reads into them, at most.
pub const MOST_KEPT: usize = KEPT * LARGEST_KEPT;

#[derive(Debug, Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer with room for so many bytes. They are reserved, not touched: those of a new one cost
    /// memory only once they have come.
    pub fn take(&self, bytes: usize) -> Buffer<'_> {
        let kept = if bytes < SMALLEST_KEPT { None } else { self.kept().pop() };
        let roomy = kept.filter(|kept| kept.capacity() >= bytes);
        Buffer { bytes: roomy.unwrap_or_else(|| Vec::with_capacity(bytes)), home: self }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        if (SMALLEST_KEPT..=LARGEST_KEPT).contains(&bytes.capacity()) {
            bytes.clear();
            let mut kept = self.kept();
            if kept.len() < KEPT {
                kept.push(bytes);
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes back when it is dropped.
#[derive(Debug)]
pub struct Buffer<'a> {
    bytes: Vec<u8>,
    home: &'a Buffers,
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
        self.home.give_back(mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 64 * 1024;

    fn kept(buffers: &Buffers) -> Vec<usize> {
        buffers.kept().iter().map(Vec::capacity).collect()
    }

    #[test]
    fn what_a_large_body_was_read_into_is_there_for_the_next_and_empty() {
        let buffers = Buffers::default();
        let mut first = buffers.take(LARGE);
        first.extend_from_slice(b"secret");
        let place = first.as_ptr();
        drop(first);
        let second = buffers.take(LARGE - 1);
        assert_eq!((second.as_ptr(), second.as_slice()), (place, b"".as_slice()));
    }

    #[test]
    fn one_that_is_too_small_makes_way_for_what_is_needed() {
        let buffers = Buffers::default();
        drop(buffers.take(LARGE));
        drop(buffers.take(2 * LARGE));
        assert_eq!(kept(&buffers), [2 * LARGE]);
    }

    #[test]
    fn no_more_are_kept_than_is_said_and_none_that_is_small_or_huge() {
        let buffers = Buffers::default();
        drop([LARGE, LARGE, LARGE].map(|bytes| buffers.take(bytes)));
        assert_eq!(kept(&buffers), [LARGE, LARGE]);

        let buffers = Buffers::default();
        for bytes in [0, SMALLEST_KEPT - 1, LARGEST_KEPT + 1] {
            drop(buffers.take(bytes));
        }
        assert_eq!(kept(&buffers), Vec::<usize>::new());
        drop(buffers.take(LARGEST_KEPT));
        assert_eq!(kept(&buffers), [LARGEST_KEPT]);
    }
}
