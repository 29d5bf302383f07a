//! What comes to the cache while sums are computed.
//!
//! A convolution's task reads some images, multiplies, and writes the result. Where images come from memory, a core waits for
//! them first, and leaves the way to the memory idle while it multiplies. So the next task's images are fetched between the
//! runs of this one's tiles, a few lines at a time: of many at once a core would wait for the first.

use crate::runtime::lanes::{LINE, prefetch_far};
use std::ops::Range;

/// Stretches of memory that are noted, at most.
const MOST: usize = 6;

/// Memory that will be read or written soon. It is never accessed, only fetched, and so need not be good for either.
pub(crate) struct Prefetcher {
    parts: [Range<*const f32>; MOST],
    count: usize,
    room: usize,
    /// Computations that share what is left.
    computations: usize,
    /// Lines to fetch at a time.
    pace: usize,
}

impl Prefetcher {
    /// What is added, during so many computations of about the same length.
    pub(crate) fn during(computations: usize) -> Prefetcher {
        let parts = std::array::from_fn(|_| std::ptr::null()..std::ptr::null());
        Prefetcher { parts, count: 0, room: MOST, computations, pace: 0 }
    }

    /// Nothing, whatever is added.
    pub(crate) fn nothing() -> Prefetcher {
        Prefetcher { room: 0, ..Prefetcher::during(0) }
    }

    /// This memory too, if there is room.
    pub(crate) fn add(&mut self, part: Range<*const f32>) {
        if self.count < self.room && part.start < part.end {
            self.parts[self.count] = part;
            self.count += 1;
        }
    }

    /// As much memory behind a task's chunk as the chunk has: the next task's.
    pub(crate) fn add_next(&mut self, chunk: &[f32]) {
        let end = chunk.as_ptr_range().end;
        self.add(end..end.wrapping_add(chunk.len()));
    }

    /// Lines that are left.
    pub(super) fn lines(&self) -> usize {
        let numbers = |part: &Range<*const f32>| (part.end as usize - part.start as usize) / size_of::<f32>();
        self.parts[..self.count].iter().map(|part| numbers(part).div_ceil(LINE)).sum()
    }

    /// Spreads a computation's share of the lines over so many calls of [`fetch`](Prefetcher::fetch).
    pub(super) fn spread(&mut self, calls: impl FnOnce() -> usize) {
        if self.count > 0 {
            self.pace = self.lines().div_ceil((self.computations * calls()).max(1));
            self.computations = self.computations.saturating_sub(1);
        }
    }

    /// Fetches the next lines, of what was added last.
    #[inline(always)]
    pub(super) fn fetch(&mut self) {
        if self.count > 0 {
            let Range { start, end } = &mut self.parts[self.count - 1];
            let stop = start.wrapping_add(self.pace * LINE).min(*end);
            while *start < stop {
                prefetch_far(*start);
                *start = start.wrapping_add(LINE);
            }
            if *start >= *end {
                self.count -= 1;
            }
        }
    }
}
