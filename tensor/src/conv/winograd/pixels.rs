//! Registers of a tile's pixels and points, from and to memory.

#![expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]

use crate::lanes::Lanes;

/// One register of each pixel of a tile: of an image with `size` lines and numbers in a line, from `first` on, `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    pub(super) first: [isize; 2],
    pub(super) step: [usize; 2],
    pub(super) size: [usize; 2],
    /// Numbers of a register that count.
    pub(super) n: usize,
}

impl Pixels {
    /// Whether all of a square of `K` by `K` pixels is in the image.
    #[inline(always)]
    fn are_inside<const K: usize>(&self) -> bool {
        let last = |axis: usize| self.first[axis] + ((K - 1) * self.step[axis]) as isize;
        self.first.iter().all(|&first| first >= 0)
            && last(0) < self.size[0] as isize
            && last(1) + self.n as isize <= self.size[1] as isize
    }

    /// Where line `i` of the tile begins in the image, if the image has it.
    #[inline(always)]
    fn line(&self, i: usize) -> Option<isize> {
        let y = self.first[0] + (i * self.step[0]) as isize;
        let is_there = (0..self.size[0] as isize).contains(&y);
        is_there.then_some(y * self.size[1] as isize + self.first[1])
    }

    /// Which numbers of a register of each column are in the image.
    ///
    /// # Safety
    /// The CPU has the instructions.
    #[inline(always)]
    unsafe fn masks<L: Lanes, const K: usize>(&self) -> [L::Mask; K] {
        // SAFETY: by this function's contract.
        let mut masks = [unsafe { L::mask(0..0) }; K];
        for (j, mask) in masks.iter_mut().enumerate() {
            let x = self.first[1] + (j * self.step[1]) as isize;
            let end = (self.size[1] as isize - x).clamp(0, self.n as isize);
            // SAFETY: as above.
            *mask = unsafe { L::mask((-x).clamp(0, end) as usize..end as usize) };
        }
        masks
    }

    /// # Safety
    /// The CPU has the instructions, and `from` is good for reading the image.
    #[inline(always)]
    pub(super) unsafe fn load<L: Lanes, const K: usize>(&self, from: *const f32) -> [[L; K]; K] {
        // SAFETY: by this function's contract; only what is inside of the image is read.
        unsafe {
            let mut all = [[L::splat(0.0); K]; K];
            if self.n == L::N && self.are_inside::<K>() {
                let corner = from.offset(self.first[0] * self.size[1] as isize + self.first[1]);
                for i in 0..K {
                    for j in 0..K {
                        all[i][j] = L::load(corner.add(i * self.step[0] * self.size[1] + j * self.step[1]));
                    }
                }
                return all;
            }
            let masks = self.masks::<L, K>();
            for i in 0..K {
                if let Some(line) = self.line(i) {
                    for j in 0..K {
                        let from = from.wrapping_offset(line).wrapping_add(j * self.step[1]);
                        all[i][j] = L::load_masked(from, masks[j]);
                    }
                }
            }
            all
        }
    }

    /// # Safety
    /// The CPU has the instructions, and `to` is good for writing the image.
    #[inline(always)]
    pub(super) unsafe fn store<L: Lanes, const K: usize>(&self, all: [[L; K]; K], to: *mut f32) {
        // SAFETY: by this function's contract; only what is inside of the image is written.
        unsafe {
            if self.n == L::N && self.are_inside::<K>() {
                let corner = to.offset(self.first[0] * self.size[1] as isize + self.first[1]);
                for i in 0..K {
                    for j in 0..K {
                        all[i][j].store(corner.add(i * self.step[0] * self.size[1] + j * self.step[1]));
                    }
                }
                return;
            }
            let masks = self.masks::<L, K>();
            for i in 0..K {
                if let Some(line) = self.line(i) {
                    for j in 0..K {
                        let to = to.wrapping_offset(line).wrapping_add(j * self.step[1]);
                        all[i][j].store_masked(to, masks[j]);
                    }
                }
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions, and `from` is good for reading `n` numbers of `K` by `K` points, `step` apart.
#[inline(always)]
pub(super) unsafe fn load_points<L: Lanes, const K: usize>(
    from: *const f32,
    step: usize,
    n: usize,
) -> [[L; K]; K] {
    // SAFETY: by this function's contract.
    unsafe {
        let mut all = [[L::splat(0.0); K]; K];
        for i in 0..K {
            for j in 0..K {
                let from = from.add((i * K + j) * step);
                all[i][j] = if n == L::N { L::load(from) } else { L::load_first(from, n) };
            }
        }
        all
    }
}

/// # Safety
/// The CPU has the instructions, and `to` is good for writing `n` numbers of `K` by `K` points, `step` apart.
#[inline(always)]
pub(super) unsafe fn store_points<L: Lanes, const K: usize>(
    all: [[L; K]; K],
    to: *mut f32,
    step: usize,
    n: usize,
) {
    // SAFETY: by this function's contract.
    unsafe {
        for i in 0..K {
            for j in 0..K {
                let to = to.add((i * K + j) * step);
                if n == L::N { all[i][j].store(to) } else { all[i][j].store_first(to, n) }
            }
        }
    }
}
