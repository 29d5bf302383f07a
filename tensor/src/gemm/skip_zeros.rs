//! Terms that are zero in every row of a tile, and left out.
//!
//! Most of an image is background, and so is most of a bag of words: where all rows of a tile have a zero, the numbers of `b`
//! need not be multiplied. The bits are those of the whole sum, as long as these numbers are finite (zero times infinity is
//! NaN, and has to come out): a product that is zero changes no sum but that which is `-0`, and no tile hands that on.

use super::{CACHED, GemmArgs, GemmSpec, Rows};
use crate::runtime::lanes::Lanes;
use std::cell::Cell;

/// The loops of this file, compiled for one instruction set.
pub(super) trait Scan {
    /// See [`nonzero`].
    ///
    /// # Safety
    /// As there.
    unsafe fn nonzero(a: *const f32, lines: Stretch, n: usize, words: usize, to: &mut [u64]);

    /// See [`are_finite`].
    ///
    /// # Safety
    /// As there.
    unsafe fn are_finite(b: *const f32, terms: Stretch, columns: usize) -> bool;
}

/// Terms of a word.
const WORD: usize = u64::BITS as usize;

/// The most terms that a pass has: registers are of four numbers at least, and blocks of two registers.
pub(super) const MOST: usize = CACHED / 8;

/// Rows and terms that are looked at before all are.
const SAMPLES: [usize; 2] = [4, 16];

/// So many rows, terms or the like, each `step` numbers after the one before.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) count: usize,
    pub(super) step: usize,
}

/// The terms of a pass in which some row of a tile has another number than zero.
pub(super) struct Terms {
    words: [u64; MOST / WORD],
    len: usize,
}

impl Terms {
    fn count(&self) -> usize {
        self.words[..self.len.div_ceil(WORD)].iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are so few that it pays to go from one to the next.
    fn are_few(&self) -> bool {
        self.count() * 8 <= self.len * 7
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

thread_local! {
    /// The memory of this thread's last bitmap.
    static MEMORY: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// A bitmap of the first operand's zeros, made once a product and used by all blocks of columns.
pub(super) struct Zeros {
    /// A bit for each number that is not zero: pass after pass, in each row after row, in each so many words. Empty if there
    /// are hardly zeros.
    bitmap: Vec<u64>,
    words: usize,
    rows: usize,
    /// The pass that is computed.
    pass: usize,
    /// Whether its numbers of `b` are finite, once that is known.
    finite: Option<bool>,
    are_finite: unsafe fn(*const f32, Stretch, usize) -> bool,
    /// The terms of the last tile.
    found: Terms,
}

impl Zeros {
    /// Looks for them, in passes of so many terms, if the job is a product of matrices, the first of them transposed or not.
    ///
    /// # Safety
    /// The CPU has the instructions, and all accesses of the job are inside.
    pub(super) unsafe fn find<K: Scan>(job: &GemmArgs, terms: usize) -> Zeros {
        let &GemmArgs { sums, rows: Rows { count, width, a: [first, _, row], .. }, a, .. } = job;
        let &GemmSpec { runs, len, group, a_step, .. } = sums;
        let is_matrix = runs == 1 && group == 1 && width >= count && (a_step == 1 || row == 1);
        let mut zeros = Zeros {
            bitmap: Vec::new(),
            words: terms.div_ceil(WORD),
            rows: count,
            pass: 0,
            finite: None,
            are_finite: K::are_finite,
            found: Terms { words: [0; MOST / WORD], len: 0 },
        };
        let (rows, all) = (Stretch { count, step: row }, Stretch { count: len, step: a_step });
        // SAFETY: by this function's contract.
        unsafe {
            let a = a.add(first);
            if is_matrix && are_some_zero(a, rows, all) {
                zeros.bitmap = MEMORY.take();
                zeros.bitmap.resize(len.div_ceil(terms) * count * zeros.words, 0);
                zeros.fill::<K>(a, rows, all, terms);
            }
        }
        zeros
    }

    /// Writes the bitmap, unless few of the first rows' zeros are in several rows side by side.
    ///
    /// # Safety
    /// As for [`find`](Zeros::find).
    unsafe fn fill<K: Scan>(&mut self, a: *const f32, rows: Stretch, all: Stretch, terms: usize) {
        for first in (0..rows.count).step_by(WORD) {
            let here = Stretch { count: WORD.min(rows.count - first), ..rows };
            for (pass, start) in (0..all.count).step_by(terms).enumerate() {
                let to =
                    &mut self.bitmap[(pass * rows.count + first) * self.words..][..here.count * self.words];
                let terms = Stretch { count: terms.min(all.count - start), ..all };
                // SAFETY: by this function's contract.
                unsafe {
                    let a = a.add(first * rows.step + start * all.step);
                    match all.step {
                        1 => K::nonzero(a, here, terms.count, self.words, to),
                        _ => in_columns::<K>(a, here.count, terms, self.words, to),
                    }
                }
            }
            if first == 0 && !self.is_worthwhile(here.count, all.count) {
                MEMORY.set(std::mem::take(&mut self.bitmap));
                return;
            }
        }
    }

    /// Whether few of so many terms are to be added up for tiles of the first rows, taken together.
    fn is_worthwhile(&mut self, rows: usize, len: usize) -> bool {
        let [tile, _] = SAMPLES;
        let len = len.min(self.words * WORD);
        self.found.len = len;
        let counts = (0..rows).step_by(tile).map(|first| {
            self.join([first, tile.min(rows - first)]);
            self.found.count()
        });
        counts.sum::<usize>() * 8 <= len * rows.div_ceil(tile) * 7
    }

    /// Finds the terms of so many rows from `first` on.
    fn join(&mut self, [first, rows]: [usize; 2]) {
        let bitmap = &self.bitmap[(self.pass * self.rows + first) * self.words..][..rows * self.words];
        for (w, found) in self.found.words[..self.words].iter_mut().enumerate() {
            *found = bitmap[w..].iter().step_by(self.words).fold(0, |all, word| all | word);
        }
    }

    /// The pass of this number follows.
    pub(super) fn begin(&mut self, pass: usize) {
        (self.pass, self.finite) = (pass, None);
    }

    /// The terms of so many rows from `first` on that alone are to be added up, if they are few: the others are zero in all
    /// these rows. `b` has the numbers of the pass's terms, each with so many columns.
    ///
    /// # Safety
    /// The CPU has the instructions, and the numbers of `b` are there.
    #[inline(always)]
    pub(super) unsafe fn terms(
        &mut self,
        tile: [usize; 2],
        b: (*const f32, Stretch, usize),
    ) -> Option<&Terms> {
        // SAFETY: by this function's contract.
        (!self.bitmap.is_empty() && unsafe { self.are_few(tile, b) }).then_some(&self.found)
    }

    /// # Safety
    /// As for [`terms`](Zeros::terms).
    unsafe fn are_few(&mut self, tile: [usize; 2], b: (*const f32, Stretch, usize)) -> bool {
        self.found.len = b.1.count;
        self.join(tile);
        // SAFETY: by this function's contract.
        self.found.are_few()
            && *self.finite.get_or_insert_with(|| unsafe { (self.are_finite)(b.0, b.1, b.2) })
    }
}

impl Drop for Zeros {
    fn drop(&mut self) {
        if !self.bitmap.is_empty() {
            MEMORY.set(std::mem::take(&mut self.bitmap));
        }
    }
}

/// Whether several of a few terms here and there are zero in all of the first rows, or of those in the middle.
///
/// # Safety
/// All these numbers are there.
unsafe fn are_some_zero(a: *const f32, rows: Stretch, terms: Stretch) -> bool {
    let [tile, samples] = SAMPLES;
    let are_zero = |first: usize| {
        let tile = first..rows.count.min(first + tile);
        // SAFETY: by this function's contract.
        let is_zero =
            |t: usize| tile.clone().all(|r| unsafe { *a.add(r * rows.step + t * terms.step) } == 0.0);
        (0..samples).filter(|i| is_zero(i * terms.count / samples)).count() > 1
    };
    terms.count > 0 && (are_zero(0) || are_zero(rows.count / 2))
}

/// The words of rows side by side, at most as many as a word has bits, whose terms are farther apart.
///
/// # Safety
/// As for [`Scan::nonzero`].
unsafe fn in_columns<K: Scan>(a: *const f32, rows: usize, terms: Stretch, words: usize, to: &mut [u64]) {
    for (w, first) in (0..terms.count).step_by(WORD).enumerate() {
        let here = Stretch { count: WORD.min(terms.count - first), ..terms };
        let mut square = [0; WORD];
        // SAFETY: by this function's contract.
        unsafe { K::nonzero(a.add(first * terms.step), here, rows, 1, &mut square) };
        transpose(&mut square);
        for (row, word) in to.chunks_exact_mut(words).zip(square) {
            row[w] = word;
        }
    }
}

/// Transposes a matrix of bits in place: two quarters of it swap, then two quarters of each quarter, down to single bits.
fn transpose(square: &mut [u64; WORD]) {
    let (mut half, mut mask) = (WORD / 2, u64::MAX >> (WORD / 2));
    while half > 0 {
        for i in (0..WORD).filter(|i| i & half == 0) {
            let swapped = (square[i] >> half ^ square[i + half]) & mask;
            square[i] ^= swapped << half;
            square[i + half] ^= swapped;
        }
        half /= 2;
        mask ^= mask << half;
    }
}

/// Which of `n` neighbouring numbers in each of some lines are not zero: a bit each, in `words` words a line.
///
/// # Safety
/// The CPU has the instructions, and all these numbers are there.
#[inline(always)]
pub(super) unsafe fn nonzero<L: Lanes>(
    a: *const f32,
    lines: Stretch,
    n: usize,
    words: usize,
    to: &mut [u64],
) {
    for (line, to) in to.chunks_exact_mut(words).take(lines.count).enumerate() {
        for (to, first) in to.iter_mut().zip((0..n).step_by(WORD)) {
            let mut word = 0;
            // SAFETY: by this function's contract.
            unsafe {
                let from = a.add(line * lines.step + first);
                if first + WORD <= n {
                    for i in (0..WORD).step_by(L::N) {
                        word |= u64::from(L::load(from.add(i)).nonzero()) << i;
                    }
                } else {
                    for i in (0..n - first).step_by(L::N) {
                        let (from, left) = (from.add(i), n - first - i);
                        let some = if left >= L::N { L::load(from) } else { L::load_first(from, left) };
                        word |= u64::from(some.nonzero()) << i;
                    }
                }
            }
            *to = word;
        }
    }
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
