//! What comes to the cache while sums are computed.
//!
//! A convolution's task reads some images, multiplies for a while, and writes the result. Where images come from memory, a core
//! would wait first and leave the way to the memory idle afterwards. So the images of the next task are fetched between the
//! tiles of this one: a few lines after each.

use crate::lanes::{LINE, prefetch_far};
use std::array;
use std::ops::Range;

/// Stretches of memory at most.
const MOST: usize = 6;

/// Memory that will be read or written soon, which need not be good for it.
pub(crate) struct Ahead {
    parts: [Range<*const f32>; MOST],
    count: usize,
    room: usize,
    /// How many computations share the lines.
    shares: usize,
    /// Lines to fetch after each tile.
    pace: usize,
}

impl Ahead {
    /// What is added, during so many computations of the same length.
    pub(crate) fn during(computations: usize) -> Ahead {
        let none = std::ptr::null()..std::ptr::null();
        Ahead { parts: array::from_fn(|_| none.clone()), count: 0, room: MOST, shares: computations, pace: 0 }
    }

    /// Nothing, whatever is added.
    pub(crate) fn nothing() -> Ahead {
        Ahead { room: 0, ..Ahead::during(0) }
    }

    /// This memory too, as far as there is room.
    pub(crate) fn add(&mut self, part: Range<*const f32>) {
        if self.count < self.room && part.start < part.end {
            self.parts[self.count] = part;
            self.count += 1;
        }
    }

    /// As much memory behind a chunk as the chunk has: where the next task's is.
    pub(crate) fn add_next(&mut self, chunk: &[f32]) {
        let end = chunk.as_ptr_range().end;
        self.add(end..end.wrapping_add(chunk.len()));
    }

    /// Spreads a share of the lines that are left over so many tiles.
    pub(super) fn spread(&mut self, tiles: impl FnOnce() -> usize) {
        self.pace = 0;
        if self.count > 0 {
            let lines = |part: &Range<*const f32>| (part.end as usize - part.start as usize).div_ceil(4 * LINE);
            let left = self.parts[..self.count].iter().map(lines).sum::<usize>();
            self.pace = left.div_ceil((self.shares * tiles()).max(1));
            self.shares = self.shares.saturating_sub(1).max(1);
        }
    }

    /// Fetches a tile's share.
    #[inline(always)]
    pub(super) fn fetch(&mut self) {
        if self.pace > 0 {
            self.fetch_lines();
        }
    }

    #[inline(always)]
    fn fetch_lines(&mut self) {
        let Range { start, end } = self.parts[self.count - 1];
        let to = start.wrapping_add(self.pace * LINE).min(end);
        let mut line = start;
        while line < to {
            prefetch_far(line);
            line = line.wrapping_add(LINE);
        }
        self.parts[self.count - 1].start = line;
        if line >= end {
            self.count -= 1;
            if self.count == 0 {
                self.pace = 0;
            }
        }
    }
}
