//! Terms that are zero in every row of a tile, and left out.
//!
//! Most of an image is background, and so is most of a bag of words: where all rows of a tile have a zero, the numbers of `b`
//! need not be multiplied. The bits are those of the whole sum, as long as these numbers are finite (zero times infinity is
//! NaN, and has to come out): a product that is zero changes no sum but that which is `-0`, and no tile hands that on.

use super::pass::Run;
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

impl Terms {
    /// Looks for them in `rows` rows, at most `R`, `row` apart from each other, of `len` terms, `step` apart; one of these
    /// distances is 1.
    ///
    /// # Safety
    /// The CPU has the instructions; all these numbers are there, and `len` is not more than a pass takes.
    #[inline(always)]
    pub(super) unsafe fn find<L: Lanes, const R: usize>(
        a: *const f32,
        [rows, row]: [usize; 2],
        [len, step]: [usize; 2],
    ) -> Terms {
        let (mut words, mut count) = ([0; MOST / WORD], 0);
        for (word, first) in words.iter_mut().zip((0..len).step_by(WORD)) {
            let terms = WORD.min(len - first);
            // SAFETY: by this function's contract.
            *word = unsafe {
                let a = a.add(first * step);
                if step == 1 {
                    in_rows::<L, R>(a, [rows, row], terms)
                } else {
                    in_columns::<L, R>(a, rows, [terms, step])
                }
            };
            count += word.count_ones() as usize;
        }
        Terms { words, len, count }
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

/// The word for terms side by side in each row, and the rows so far apart.
///
/// # Safety
/// As for [`Terms::find`].
#[inline(always)]
unsafe fn in_rows<L: Lanes, const R: usize>(a: *const f32, [rows, row]: [usize; 2], terms: usize) -> u64 {
    let mut word = 0;
    for t in (0..terms).step_by(L::N).rev() {
        let mut some = 0;
        for r in 0..R {
            let from = a.wrapping_add(r.min(rows - 1) * row + t);
            // SAFETY: by this function's contract.
            unsafe {
                let whole = t + L::N <= terms;
                some |= if whole { L::load(from) } else { L::load_first(from, terms - t) }.nonzero();
            }
            // The next tile's numbers come to the cache meanwhile.
            prefetch(from.wrapping_add(R * row));
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
unsafe fn in_columns<L: Lanes, const R: usize>(a: *const f32, rows: usize, [terms, step]: [usize; 2]) -> u64 {
    let mut word = 0;
    for t in (0..terms).rev() {
        let mut some = 0;
        for r in (0..R).step_by(L::N) {
            let n = rows.saturating_sub(r).min(R - r).min(L::N);
            // SAFETY: by this function's contract.
            some |= unsafe { L::load_first(a.wrapping_add(t * step + r), n).nonzero() };
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
}

impl Search {
    /// For products of matrices, the first of them transposed or not.
    pub(super) fn new(job: &Job) -> Search {
        let &Job {
            sums: Sums { runs, group, a_step, .. },
            rows: Rows { count, width, a: [.., row], .. },
            ..
        } = job;
        let is_matrix = *runs == 1 && *group == 1 && width >= count && (*a_step == 1 || row == 1);
        Search { tries: if is_matrix { TRIES } else { 0 }, successful: false, finite: None }
    }

    /// The terms of the tile at `a` that alone are to be added up, if they are few; `finite` finds out whether all of `b` is.
    ///
    /// # Safety
    /// As for [`Terms::find`].
    #[inline(always)]
    pub(super) unsafe fn terms<L: Lanes, const R: usize>(
        &mut self,
        a: *const f32,
        rows: [usize; 2],
        terms: [usize; 2],
        finite: impl FnOnce() -> bool,
    ) -> Option<Terms> {
        if self.tries == 0 {
            return None;
        }
        // SAFETY: by this function's contract.
        unsafe {
            if self.successful || are_some_zero::<R>(a, rows, terms) {
                let found = Terms::find::<L, R>(a, rows, terms);
                if found.are_few() {
                    let finite = *self.finite.get_or_insert_with(finite);
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
#[inline(always)]
unsafe fn are_some_zero<const R: usize>(
    a: *const f32,
    [rows, row]: [usize; 2],
    [len, step]: [usize; 2],
) -> bool {
    // SAFETY: by this function's contract.
    let is_zero = |t: usize| (0..R).all(|r| unsafe { *a.add(r.min(rows - 1) * row + t * step) } == 0.0);
    (0..SAMPLES).filter(|i| is_zero(i * len / SAMPLES)).count() > 1
}

/// Whether all numbers are finite: `V` registers for each term of the run, the last of them with `last` numbers.
///
/// # Safety
/// The CPU has the instructions, and the numbers are there.
#[inline(always)]
pub(super) unsafe fn are_finite<L: Lanes, const V: usize>(
    b: *const f32,
    run: &Run,
    step: usize,
    last: usize,
) -> bool {
    // SAFETY: by this function's contract.
    unsafe {
        let zero = L::splat(0.0);
        let mut total = [zero; V];
        for t in 0..run.len {
            for (v, total) in total.iter_mut().enumerate() {
                let from = b.add(run.b + t * step + v * L::N);
                let x = if v + 1 < V { L::load(from) } else { L::load_first(from, last) };
                // Anything but a number makes NaN of it, for good.
                *total = total.add_product(x, zero);
            }
        }
        total.into_iter().all(|total| total.nonzero() == 0)
    }
}
