//! Registers of a tile's pixels and points, from and to memory.

#![expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]

use crate::runtime::lanes::Lanes;
use std::marker::PhantomData;

/// Which numbers of an image, that has `size` lines and numbers in a line, a register of each pixel of a tile holds: from
/// `first` on, `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    pub(super) first: [isize; 2],
    pub(super) step: [usize; 2],
    pub(super) size: [usize; 2],
    /// Numbers of a register that count.
    pub(super) n: usize,
}

impl Lines {
    /// Whether all of a square of `K` by `K` pixels is in the image.
    #[inline(always)]
    fn are_inside<const K: usize>(&self) -> bool {
        let last = |axis: usize| self.first[axis] + ((K - 1) * self.step[axis]) as isize;
        self.first.iter().all(|&first| first >= 0)
            && last(0) < self.size[0] as isize
            && last(1) + self.n as isize <= self.size[1] as isize
    }

    /// Where pixel `i`, `j` of the tile is in the image, and whether the image has line `i`.
    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> (isize, bool) {
        let y = self.first[0] + (i * self.step[0]) as isize;
        let x = self.first[1] + (j * self.step[1]) as isize;
        (y * self.size[1] as isize + x, (0..self.size[0] as isize).contains(&y))
    }

    /// Which numbers of the registers of column `j` are in the image.
    #[inline(always)]
    fn columns(&self, j: usize) -> std::ops::Range<usize> {
        let x = self.first[1] + (j * self.step[1]) as isize;
        let end = (self.size[1] as isize - x).clamp(0, self.n as isize);
        (-x).clamp(0, end) as usize..end as usize
    }
}

/// A register of each of a tile's `K` by `K` pixels.
#[derive(Clone, Copy)]
pub(super) struct Pixels<L: Lanes, const K: usize> {
    lines: Lines,
    /// All of every register is in the image.
    whole: bool,
    masks: [L::Mask; K],
}

impl<L: Lanes, const K: usize> Pixels<L, K> {
    /// # Safety
    /// The CPU has the instructions.
    #[inline(always)]
    pub(super) unsafe fn of(lines: Lines) -> Self {
        // SAFETY: by this function's contract.
        let mut masks = [unsafe { L::mask(0..0) }; K];
        let whole = lines.n == L::N && lines.are_inside::<K>();
        if !whole {
            for j in 0..K {
                // SAFETY: as above.
                masks[j] = unsafe { L::mask(lines.columns(j)) };
            }
        }
        Pixels { lines, whole, masks }
    }

    /// Numbers of a register that count.
    #[inline(always)]
    pub(super) fn n(&self) -> usize {
        self.lines.n
    }

    /// Column `j`; what is outside of the image is 0.
    ///
    /// # Safety
    /// The CPU has the instructions, and `from` is good for reading the image.
    #[inline(always)]
    pub(super) unsafe fn load(&self, from: *const f32, j: usize) -> [L; K] {
        // SAFETY: by this function's contract; only what is inside of the image is read.
        unsafe {
            let mut column = [L::splat(0.0); K];
            for i in 0..K {
                let (at, exists) = self.lines.at(i, j);
                if self.whole {
                    column[i] = L::load(from.offset(at));
                } else if exists {
                    column[i] = L::load_masked(from.wrapping_offset(at), self.masks[j]);
                }
            }
            column
        }
    }

    /// Writes row `i`, as far as it is inside of the image.
    ///
    /// # Safety
    /// The CPU has the instructions, and `to` is good for writing the image.
    #[inline(always)]
    pub(super) unsafe fn store(&self, i: usize, row: [L; K], to: *mut f32) {
        // SAFETY: by this function's contract; only what is inside of the image is written.
        unsafe {
            for j in 0..K {
                let (at, exists) = self.lines.at(i, j);
                if self.whole {
                    row[j].store(to.offset(at));
                } else if exists {
                    row[j].store_masked(to.wrapping_offset(at), self.masks[j]);
                }
            }
        }
    }
}

/// `n` numbers of each of a tile's `K` by `K` points, which are `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Points<L: Lanes, const K: usize> {
    first: *mut f32,
    step: usize,
    n: usize,
    lanes: PhantomData<L>,
}

impl<L: Lanes, const K: usize> Points<L, K> {
    #[inline(always)]
    pub(super) fn new(first: *mut f32, step: usize, n: usize) -> Self {
        Points { first, step, n, lanes: PhantomData }
    }

    /// Column `j`.
    ///
    /// # Safety
    /// The CPU has the instructions, and the points are good for reading.
    #[inline(always)]
    pub(super) unsafe fn load(&self, j: usize) -> [L; K] {
        // SAFETY: by this function's contract.
        unsafe {
            let mut column = [L::splat(0.0); K];
            for i in 0..K {
                let from = self.first.add((i * K + j) * self.step);
                column[i] = if self.n == L::N { L::load(from) } else { L::load_first(from, self.n) };
            }
            column
        }
    }

    /// Writes row `i`.
    ///
    /// # Safety
    /// The CPU has the instructions, and the points are good for writing.
    #[inline(always)]
    pub(super) unsafe fn store(&self, i: usize, row: [L; K]) {
        // SAFETY: by this function's contract.
        unsafe {
            for j in 0..K {
                let to = self.first.add((i * K + j) * self.step);
                if self.n == L::N { row[j].store(to) } else { row[j].store_first(to, self.n) }
            }
        }
    }
}
