//! The terms of a sum, as many at a time as the cache takes.

use super::{CACHED, GemmSpec};
use crate::runtime::lanes::Lanes;
use crate::runtime::transpose::transpose_into;
use std::mem::MaybeUninit;

/// A part of the sum whose terms are evenly spaced in both operands.
#[derive(Clone, Copy, Default)]
pub(super) struct KRun {
    /// Number of terms.
    pub(super) len: usize,
    /// Where the first number is in `a`, counted from the row's beginning.
    pub(super) a: usize,
    /// Where the first row is in `b`.
    pub(super) b: usize,
}

/// Runs of one pass at most.
const RUNS: usize = 32;

/// The terms of the sum that are added up next.
pub(super) struct KBlock<'a> {
    sums: &'a GemmSpec,
    /// Runs that are done, and terms of the next one.
    done: [usize; 2],
    runs: [KRun; RUNS],
    count: usize,
}

impl<'a> KBlock<'a> {
    pub(super) fn new(sums: &'a GemmSpec) -> KBlock<'a> {
        KBlock { sums, done: [0; 2], runs: [KRun::default(); RUNS], count: 0 }
    }

    /// Goes on to the next terms, so many if there are. Returns whether there are any.
    pub(super) fn advance(&mut self, terms: usize) -> bool {
        let GemmSpec { a_run, a_step, b_run, b_step, .. } = *self.sums;
        let [run, first] = &mut self.done;
        self.count = 0;
        let mut left = terms;
        while *run < self.sums.runs && self.sums.len > 0 && left > 0 && self.count < RUNS {
            let len = (self.sums.len - *first).min(left);
            self.runs[self.count] =
                KRun { len, a: *run * a_run + *first * a_step, b: *run * b_run + *first * b_step };
            self.count += 1;
            left -= len;
            *first += len;
            if *first == self.sums.len {
                (*run, *first) = (*run + 1, 0);
            }
        }
        self.count > 0
    }

    pub(super) fn runs(&self) -> &[KRun] {
        &self.runs[..self.count]
    }
}

/// The numbers of `b` for one pass and one block of columns, one term after the other.
#[repr(align(64))]
pub(super) struct PackedB([MaybeUninit<f32>; CACHED]);

impl PackedB {
    #[inline(always)]
    pub(super) fn new() -> PackedB {
        PackedB([MaybeUninit::uninit(); CACHED])
    }

    pub(super) fn numbers(&self) -> *const f32 {
        self.0.as_ptr().cast()
    }

    /// Copies `columns` numbers, `width` with zeros behind, for every term of the runs, and returns the same runs in the
    /// panel.
    ///
    /// # Safety
    /// The runs are inside `b` for these columns, and their terms times `width` not more than the panel holds.
    #[inline(always)]
    pub(super) unsafe fn fill<L: Lanes>(
        &mut self,
        pass: &mut KBlock,
        b: *const f32,
        columns: usize,
        width: usize,
    ) {
        let GemmSpec { b_step, b_column, .. } = *pass.sums;
        let mut to = 0;
        for run in &mut pass.runs[..pass.count] {
            let panel = self.0.as_mut_ptr().cast::<f32>();
            // SAFETY: by this function's contract.
            unsafe {
                let from = b.add(run.b);
                if b_column == 1 {
                    for i in 0..run.len {
                        let (row, to) = (from.add(i * b_step), panel.add(to + i * width));
                        for c in (0..width).step_by(L::N) {
                            let x = match columns.saturating_sub(c) {
                                n if n >= L::N => L::load(row.add(c)),
                                n => L::load_first(row.add(c.min(columns)), n),
                            };
                            x.store(to.add(c));
                        }
                    }
                } else {
                    let strides = [b_step, b_column];
                    transpose_into(from, strides, [run.len, columns], panel.add(to), width);
                    for i in 0..run.len {
                        (columns..width).for_each(|c| panel.add(to + i * width + c).write(0.0));
                    }
                }
            }
            run.b = to;
            to += run.len * width;
        }
    }
}
