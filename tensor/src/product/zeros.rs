//! Terms that are zero in every row of a tile, and left out.
//!
//! Most of an image is background, and so is most of a bag of words: where all rows of a tile have a zero, the numbers of `b`
//! need not be multiplied. The bits are those of the whole sum, as long as these numbers are finite (zero times infinity is
//! NaN, and has to come out): a product that is zero changes no sum but that which is `-0`, and no tile hands that on.

use super::microkernel::Kernels;
use super::{CACHED, Job, Rows, Sums};
use crate::lanes::{Lanes, prefetch};

/// Terms of a word.
const WORD: usize = u64::BITS as usize;

/// The most terms that a pass has: registers are of four numbers at least, and blocks of two registers.
pub(super) const MOST: usize = CACHED / 8;

/// Tiles in a row that have hardly a zero until no more of the block and pass are looked at.
const TRIES: usize = 2;

/// Terms that are looked at before all are.
const SAMPLES: usize = 16;

/// The terms of a run in which some row of a tile has another number than zero.
pub(super) struct Terms {
    words: [u64; MOST / WORD],
    len: usize,
    count: usize,
}

/// So many rows, terms or the like, each `step` numbers after the one before.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) count: usize,
    pub(super) step: usize,
}

impl Terms {
    /// Looks for them in these rows of a tile, which has `tile` where there are enough; the steps of the rows or of the terms
    /// are 1.
    ///
    /// # Safety
    /// The CPU has the instructions; all these numbers are there, and no more terms than a pass takes.
    #[inline(always)]
    pub(super) unsafe fn find<L: Lanes>(
        &mut self,
        a: *const f32,
        rows: Stretch,
        terms: Stretch,
        tile: usize,
    ) {
        let mut count = 0;
        for (word, first) in self.words.iter_mut().zip((0..terms.count).step_by(WORD)) {
            let here = Stretch { count: WORD.min(terms.count - first), ..terms };
            // SAFETY: by this function's contract.
            *word = unsafe {
                let a = a.add(first * terms.step);
                // Sizes of tiles have loops of their own, unrolled.
                match tile {
                    12 => of_tile::<L, 12>(a, rows, here),
                    8 => of_tile::<L, 8>(a, rows, here),
                    6 => of_tile::<L, 6>(a, rows, here),
                    4 => of_tile::<L, 4>(a, rows, here),
                    3 => of_tile::<L, 3>(a, rows, here),
                    _ => of_tile::<L, 2>(a, rows, here),
                }
            };
            count += word.count_ones() as usize;
        }
        (self.len, self.count) = (terms.count, count);
    }

    /// Whether there are so few that it pays to go from one to the next.
    fn are_few(&self) -> bool {
        self.count * 8 <= self.len * 7
    }

    /// Their numbers, from 0.
    #[inline(always)]
    pub(super) fn for_each(&self, mut f: impl FnMut(usize)) {
        for (first, &word) in (0..self.len).step_by(WORD).zip(&self.words) {
            let mut left = word;
            while left != 0 {
                f(first + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }
}

/// The word for a tile of `R` rows.
///
/// # Safety
/// As for [`Terms::find`].
#[inline(always)]
unsafe fn of_tile<L: Lanes, const R: usize>(a: *const f32, rows: Stretch, terms: Stretch) -> u64 {
    // SAFETY: by this function's contract.
    unsafe {
        match terms.step {
            1 => in_rows::<L, R>(a, rows, terms.count),
            _ => in_columns::<L, R>(a, rows.count, terms),
        }
    }
}

/// The word for terms side by side in each row of a tile of `R`; the last row again for those that are missing.
///
/// # Safety
/// As for [`Terms::find`].
#[inline(always)]
unsafe fn in_rows<L: Lanes, const R: usize>(a: *const f32, rows: Stretch, terms: usize) -> u64 {
    let offsets: [usize; R] = std::array::from_fn(|r| r.min(rows.count - 1) * rows.step);
    let mut word = 0;
    for t in (0..terms).step_by(L::N).rev() {
        let here = L::N.min(terms - t);
        // SAFETY: by this function's contract.
        unsafe {
            let mut some = L::splat(0.0);
            for offset in offsets {
                let from = a.add(offset + t);
                some = some.or(if here == L::N { L::load(from) } else { L::load_first(from, here) });
                // The next tile's numbers come to the cache meanwhile.
                prefetch(from.wrapping_add(R * rows.step));
            }
            word = word << L::N | u64::from(some.nonzero());
        }
    }
    word
}

/// The word for terms so far apart, the rows side by side in each.
///
/// # Safety
/// As for [`Terms::find`].
#[inline(always)]
unsafe fn in_columns<L: Lanes, const R: usize>(a: *const f32, rows: usize, terms: Stretch) -> u64 {
    let mut word = 0;
    for t in (0..terms.count).rev() {
        let mut some = 0;
        for r in (0..R).step_by(L::N) {
            let n = rows.saturating_sub(r).min(R - r).min(L::N);
            // SAFETY: by this function's contract.
            some |= unsafe { L::load_first(a.wrapping_add(t * terms.step + r), n).nonzero() };
        }
        word = word << 1 | u64::from(some != 0);
    }
    word
}

/// Whether it is worth looking for zeros in the next tile of a block and pass.
pub(super) struct Search {
    /// Tiles until it is given up.
    tries: usize,
    /// Whether there was a tile with zeros.
    successful: bool,
    /// Whether the numbers of `b` are finite, once that is known.
    finite: Option<bool>,
    /// Those of the tile that was looked at last.
    found: Terms,
    find: unsafe fn(&mut Terms, *const f32, Stretch, Stretch, usize),
    are_finite: unsafe fn(*const f32, Stretch, usize) -> bool,
}

impl Search {
    /// For products of matrices, the first of them transposed or not.
    pub(super) fn new<K: Kernels>(job: &Job) -> Search {
        let &Job {
            sums: Sums { runs, group, a_step, .. },
            rows: Rows { count, width, a: [.., row], .. },
            ..
        } = job;
        let is_matrix = *runs == 1 && *group == 1 && width >= count && (*a_step == 1 || row == 1);
        Search {
            tries: if is_matrix { TRIES } else { 0 },
            successful: false,
            finite: None,
            found: Terms { words: [0; MOST / WORD], len: 0, count: 0 },
            find: K::find,
            are_finite: K::are_finite,
        }
    }

    /// The terms of the tile at `a` that alone are to be added up, if they are few: the others are zero in all these rows.
    /// `b` has the numbers of these terms, each with so many columns.
    ///
    /// # Safety
    /// As for [`Terms::find`], of a tile of `tile` rows; and the numbers of `b` are there.
    #[inline(always)]
    pub(super) unsafe fn terms(
        &mut self,
        a: *const f32,
        rows: Stretch,
        terms: Stretch,
        tile: usize,
        b: (*const f32, Stretch, usize),
    ) -> Option<&Terms> {
        // SAFETY: by this function's contract.
        (self.tries > 0 && unsafe { self.look(a, rows, terms, tile, b) }).then_some(&self.found)
    }

    /// # Safety
    /// As for [`terms`](Search::terms).
    unsafe fn look(
        &mut self,
        a: *const f32,
        rows: Stretch,
        terms: Stretch,
        tile: usize,
        b: (*const f32, Stretch, usize),
    ) -> bool {
        // SAFETY: by this function's contract.
        unsafe {
            if self.successful || are_some_zero(a, rows, terms) {
                (self.find)(&mut self.found, a, rows, terms, tile);
                if self.found.are_few() {
                    let are_finite = self.are_finite;
                    let finite = *self.finite.get_or_insert_with(|| are_finite(b.0, b.1, b.2));
                    (self.successful, self.tries) = (finite, if finite { TRIES } else { 0 });
                    return finite;
                }
            }
        }
        self.tries -= 1;
        false
    }
}

/// Whether several of a few terms here and there are zero in all rows.
///
/// # Safety
/// As for [`Terms::find`].
unsafe fn are_some_zero(a: *const f32, rows: Stretch, terms: Stretch) -> bool {
    // SAFETY: by this function's contract.
    let is_zero =
        |t: usize| unsafe { (0..rows.count).all(|r| *a.add(r * rows.step + t * terms.step) == 0.0) };
    (0..SAMPLES).filter(|i| is_zero(i * terms.count / SAMPLES)).count() > 1
}

/// Whether all numbers are finite: so many columns of each term, up to four registers.
///
/// # Safety
/// The CPU has the instructions, and the numbers are there.
#[inline(always)]
pub(super) unsafe fn are_finite<L: Lanes>(b: *const f32, terms: Stretch, columns: usize) -> bool {
    // SAFETY: by this function's contract.
    unsafe {
        match columns.div_ceil(L::N) {
            1 => are_finite_in::<L, 1>(b, terms, columns),
            2 => are_finite_in::<L, 2>(b, terms, columns),
            3 => are_finite_in::<L, 3>(b, terms, columns),
            _ => are_finite_in::<L, 4>(b, terms, columns),
        }
    }
}

/// As [`are_finite`], for so many registers of columns.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn are_finite_in<L: Lanes, const V: usize>(b: *const f32, terms: Stretch, columns: usize) -> bool {
    let last = columns - (V - 1) * L::N;
    // SAFETY: by this function's contract.
    unsafe {
        let zero = L::splat(0.0);
        let mut totals = [zero; V];
        for t in 0..terms.count {
            for (v, total) in totals.iter_mut().enumerate() {
                let from = b.add(t * terms.step + v * L::N);
                let x = if v + 1 < V || last == L::N { L::load(from) } else { L::load_first(from, last) };
                // Anything but a number makes NaN of it, for good.
                *total = total.add_product(x, zero);
            }
        }
        totals.into_iter().all(|total| total.nonzero() == 0)
    }
}
