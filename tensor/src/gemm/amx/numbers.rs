//! Numbers cut into parts, the left operand of products on the matrix unit.

use super::seen::LOUD;
use super::{BLOCK, Parts, STEP};
use crate::array::storage::Buffer;
use crate::runtime::simd::vectorize;
use crate::runtime::threads::for_each_chunk_mut;
use crate::runtime::transpose::transpose_into;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Numbers in parts: the largest parts of all, then the next ones; of a matrix, those of a row, then the next row.
pub(crate) struct Split {
    pub(super) parts: Parts,
    /// How far apart the parts of a number are.
    pub(super) part: usize,
    numbers: Buffer<f32>,
    /// Whether there was a number so large that what the unit loses of others is nothing beside it.
    pub(super) loud: bool,
}

impl Split {
    /// Room for so many numbers, and zeros behind them: `slack` numbers that are read, but do not count.
    pub(crate) fn uninit(parts: Parts, len: usize, slack: usize) -> Split {
        let part = len + slack;
        let mut split =
            Split { parts, part, numbers: Buffer::uninit((part * parts.count()).div_ceil(2)), loud: false };
        split.clear(len..part);
        split
    }

    pub(crate) fn of(parts: Parts, numbers: &[f32]) -> Split {
        let mut split = Split::uninit(parts, numbers.len(), 0);
        split.put(0, numbers);
        split
    }

    /// A matrix of `rows` rows with `columns` columns, which are so far apart. Returns how far apart rows are here.
    ///
    /// # Safety
    /// `from` is good for reading all of the matrix.
    pub(crate) unsafe fn of_matrix(
        parts: Parts,
        from: &[f32],
        [row, column]: [usize; 2],
        [rows, columns]: [usize; 2],
    ) -> (Split, usize) {
        // Not so far that the rows of a tile share places in the cache.
        let part = columns.next_multiple_of(STEP);
        let part = if (part * parts.count()).is_multiple_of(128) { part + STEP } else { part };
        let pitch = part * parts.count();
        let slack = pitch * BLOCK;
        let mut numbers = Buffer::uninit((rows * pitch + slack) / 2);
        let loud = AtomicBool::new(false);
        for_each_chunk_mut(&mut numbers, BLOCK * pitch / 2, |i, out: &mut [f32]| {
            let present = BLOCK.min(rows.saturating_sub(i * BLOCK));
            let bits = bits_of(out);
            bits[present * pitch..].fill(0);
            let from = &from[(i * BLOCK * row).min(from.len())..];
            let mut turned = Buffer::uninit(if column == 1 { 0 } else { present * columns });
            if column != 1 && present > 0 {
                // SAFETY: by this function's contract, and there is room for so many rows.
                unsafe {
                    transpose_into(
                        from.as_ptr(),
                        [row, column],
                        [present, columns],
                        turned.as_mut_ptr(),
                        columns,
                    );
                }
            }
            for (r, bits) in bits.chunks_exact_mut(pitch).take(present).enumerate() {
                let numbers =
                    if column == 1 { &from[r * row..][..columns] } else { &turned[r * columns..][..columns] };
                note_loud(&loud, numbers);
                for part in bits.chunks_exact_mut(part) {
                    part[columns..].fill(0);
                }
                cut(parts, numbers, bits.chunks_exact_mut(part).map(|part| &mut part[..columns]));
            }
        });
        (Split { parts, part, numbers, loud: loud.into_inner() }, pitch)
    }

    pub(super) fn bits(&self) -> *const u16 {
        self.numbers.as_ptr().cast()
    }

    /// All parts, those of the same rank side by side.
    pub(super) fn planes(&self) -> impl Iterator<Item = &[u16]> {
        // SAFETY: as in `bits_of`.
        let bits = unsafe { std::slice::from_raw_parts(self.bits(), 2 * self.numbers.len()) };
        (0..self.parts.count()).map(|p| &bits[p * self.part..][..self.len()])
    }

    /// Places that have all their parts.
    pub(super) fn len(&self) -> usize {
        2 * self.numbers.len() - (self.parts.count() - 1) * self.part
    }

    /// As [`planes`](Split::planes).
    pub(super) fn planes_mut(&mut self) -> impl Iterator<Item = &mut [u16]> {
        let (part, count) = (self.part.max(1), self.parts.count());
        bits_of(&mut self.numbers).chunks_exact_mut(part).take(count)
    }

    /// Cuts numbers into parts, for places from `at` on.
    ///
    /// # Panics
    /// If there are not so many places.
    pub(crate) fn put(&mut self, at: usize, numbers: &[f32]) {
        self.loud = self.loud || is_loud(numbers);
        cut(self.parts, numbers, self.planes_mut().map(|plane| &mut plane[at..][..numbers.len()]));
    }

    /// Writes zeros to these places.
    pub(crate) fn clear(&mut self, places: Range<usize>) {
        self.planes_mut().for_each(|plane| plane[places.clone()].fill(0));
    }
}

/// The room for parts in a buffer.
pub(super) fn bits_of(numbers: &mut [f32]) -> &mut [u16] {
    // SAFETY: an `f32` has room for two of these, any of whose values is one.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), 2 * numbers.len()) }
}

/// Whether the parts of some number here are far from what the unit takes for zero.
fn is_loud(numbers: &[f32]) -> bool {
    numbers.iter().any(|x| x.abs() >= LOUD)
}

/// As [`is_loud`], for one of several threads.
fn note_loud(loud: &AtomicBool, numbers: &[f32]) {
    if !loud.load(Ordering::Relaxed) && is_loud(numbers) {
        loud.store(true, Ordering::Relaxed);
    }
}

/// Cuts numbers into parts.
#[inline]
fn cut<'a>(parts: Parts, numbers: &[f32], mut to: impl Iterator<Item = &'a mut [u16]>) {
    const UPPER: u32 = 0xffff_0000;
    const HALF: u32 = 0x8000;
    match (parts, to.next(), to.next(), to.next()) {
        // Each rounded, so that the two are nearest to the number.
        (Parts::Two, Some(first), Some(second), None) => vectorize(
            #[inline(always)]
            || {
                for ((&x, first), second) in numbers.iter().zip(first).zip(second) {
                    let part = x.to_bits().wrapping_add(HALF) & UPPER;
                    *first = (part >> 16) as u16;
                    *second = ((x - f32::from_bits(part)).to_bits().wrapping_add(HALF) >> 16) as u16;
                }
            },
        ),
        // Each cut off, so that the third is all that is left.
        (Parts::Three, Some(first), Some(second), Some(third)) => vectorize(
            #[inline(always)]
            || {
                for (((&x, first), second), third) in numbers.iter().zip(first).zip(second).zip(third) {
                    let part = x.to_bits() & UPPER;
                    let rest = x - f32::from_bits(part);
                    let next = rest.to_bits() & UPPER;
                    *first = (part >> 16) as u16;
                    *second = (next >> 16) as u16;
                    *third = ((rest - f32::from_bits(next)).to_bits() >> 16) as u16;
                }
            },
        ),
        _ => assert!(numbers.is_empty(), "no room for numbers"),
    }
}
