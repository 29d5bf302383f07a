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
    pub(super) unsafe fn find<L: Lanes>(a: *const f32, rows: Stretch, terms: Stretch, tile: usize) -> Terms {
        let (mut words, mut count) = ([0; MOST / WORD], 0);
        for (word, first) in words.iter_mut().zip((0..terms.count).step_by(WORD)) {
            let here = Stretch { count: WORD.min(terms.count - first), ..terms };
            // SAFETY: by this function's contract.
            *word = unsafe {
                let a = a.add(first * terms.step);
                if terms.step == 1 {
                    in_rows::<L>(a, rows, here.count, tile)
                } else {
                    in_columns::<L>(a, rows.count, here)
                }
            };
            count += word.count_ones() as usize;
        }
        Terms { words, len: terms.count, count }
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

/// The word for terms side by side in each row.
///
/// # Safety
/// As for [`Terms::find`].
#[inline(always)]
unsafe fn in_rows<L: Lanes>(a: *const f32, rows: Stretch, terms: usize, tile: usize) -> u64 {
    let mut word = 0;
    for t in (0..terms).step_by(L::N).rev() {
        let (mut some, here) = (0, L::N.min(terms - t));
        for r in 0..rows.count {
            let from = a.wrapping_add(r * rows.step + t);
            // SAFETY: by this function's contract.
            some |= unsafe { if here == L::N { L::load(from) } else { L::load_first(from, here) }.nonzero() };
            // The next tile's numbers come to the cache meanwhile.
            prefetch(from.wrapping_add(tile * rows.step));
        }
        word = word << L::N | u64::from(some);
    }
    word
}

/// The word for terms so far apart, the rows side by side in each.
///
/// # Safety
/// As for [`Terms::find`].
#[inline(always)]
unsafe fn in_columns<L: Lanes>(a: *const f32, rows: usize, terms: Stretch) -> u64 {
    let mut word = 0;
    for t in (0..terms.count).rev() {
        let mut some = 0;
        for r in (0..rows).step_by(L::N) {
            let n = (rows - r).min(L::N);
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
    find: unsafe fn(*const f32, Stretch, Stretch, usize) -> Terms,
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
            find: K::nonzero_terms,
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
    ) -> Option<Terms> {
        // SAFETY: by this function's contract.
        if self.tries == 0 { None } else { unsafe { self.look(a, rows, terms, tile, b) } }
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
    ) -> Option<Terms> {
        // SAFETY: by this function's contract.
        unsafe {
            if self.successful || are_some_zero(a, rows, terms) {
                let found = (self.find)(a, rows, terms, tile);
                if found.are_few() {
                    let are_finite = self.are_finite;
                    let finite = *self.finite.get_or_insert_with(|| are_finite(b.0, b.1, b.2));
                    (self.successful, self.tries) = (finite, if finite { TRIES } else { 0 });
                    return finite.then_some(found);
                }
            }
        }
        self.tries -= 1;
        None
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

/// Whether all numbers are finite: so many columns of each term.
///
/// # Safety
/// The CPU has the instructions, and the numbers are there.
#[inline(always)]
pub(super) unsafe fn are_finite<L: Lanes>(b: *const f32, terms: Stretch, columns: usize) -> bool {
    debug_assert!(columns <= 4 * L::N, "a tile has four registers of columns at most");
    // SAFETY: by this function's contract.
    unsafe {
        let zero = L::splat(0.0);
        // Several, so that one does not wait for the other; each register of columns has its own, up to four.
        let mut totals = [zero; 4];
        for t in 0..terms.count {
            let row = b.add(t * terms.step);
            for (i, total) in totals.iter_mut().enumerate().take(columns.div_ceil(L::N)) {
                let n = columns - i * L::N;
                let x =
                    if n >= L::N { L::load(row.add(i * L::N)) } else { L::load_first(row.add(i * L::N), n) };
                // Anything but a number makes NaN of it, for good.
                *total = total.add_product(x, zero);
            }
        }
        totals.into_iter().all(|total| total.nonzero() == 0)
    }
}
