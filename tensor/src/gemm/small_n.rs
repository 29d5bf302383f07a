//! Sums for few columns: ten classes, say. Columns would leave most of a register free; here it holds terms instead, and
//! what its lanes have summed up is added at the end.

use super::{GemmArgs, column_blocks};
use crate::array::storage::Buffer;
use crate::runtime::lanes::{self, Kernel, Lanes};
use crate::runtime::transpose::transpose_into;

/// Columns summed up at once, at most.
const COLUMNS: usize = 5;

/// # Safety
/// All accesses of the job are inside; it has one run, in which the terms of `a` are side by side.
pub(super) unsafe fn compute(job: &GemmArgs, add: bool) {
    lanes::run(SmallN { job, add });
}

/// A job that is as [`compute`] asks for.
pub(super) struct SmallN<'a> {
    pub(super) job: &'a GemmArgs<'a>,
    pub(super) add: bool,
}

impl Kernel for SmallN<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: by the contracts of `compute` and of this function.
        unsafe {
            // Of the widest registers there are twice as many.
            match L::N {
                16 => all_rows::<L, 4>(self.job, self.add),
                _ => all_rows::<L, 2>(self.job, self.add),
            }
        }
    }
}

/// `R` rows at a time, whose sums share what is loaded of `b`.
///
/// # Safety
/// As for [`compute`]; the CPU has the instructions of `L`.
#[inline(always)]
unsafe fn all_rows<L: Lanes, const R: usize>(job: &GemmArgs, add: bool) {
    let sums = job.sums;
    // The columns of `b` one after the other, with zeros up to whole registers.
    let width = sums.len.next_multiple_of(L::N);
    let mut columns = Buffer::full(sums.columns * width, 0.0);
    // SAFETY: by the contract `b` has these elements; `columns` has a row for each column.
    unsafe {
        let strides = [sums.b_column, sums.b_step];
        transpose_into(job.b, strides, [sums.columns, sums.len], columns.as_mut_ptr(), width);
    }
    let rows = |first: usize| -> [_; R] {
        let row = |r: usize| (first + r).min(job.rows.count - 1);
        std::array::from_fn(|r| job.rows.at(row(r) / job.rows.width, row(r) % job.rows.width))
    };
    for first in (0..job.rows.count).step_by(R) {
        let (rows, left) = (rows(first), job.rows.count - first);
        for (from, to) in column_blocks(sums.columns, 1, COLUMNS) {
            // SAFETY: by the contract the rows are inside `a`, and their columns inside `out`.
            unsafe {
                let a = rows.map(|row| job.a.add(row.a));
                let b = columns[from * width..].as_ptr();
                let found = match to - from {
                    1 => dots::<L, R, 1>(a, b, width, sums.len),
                    2 => dots::<L, R, 2>(a, b, width, sums.len),
                    3 => dots::<L, R, 3>(a, b, width, sums.len),
                    4 => dots::<L, R, 4>(a, b, width, sums.len),
                    _ => dots::<L, R, 5>(a, b, width, sums.len),
                };
                for (row, found) in rows.iter().zip(found).take(left) {
                    for (c, found) in (from..to).zip(found) {
                        let to = job.out.add(row.out + c);
                        *to = if add { *to + found } else { found };
                    }
                }
            }
        }
    }
}

/// The sums of products of `R` rows with `C` columns, `width` apart, of `len` numbers each.
///
/// # Safety
/// The CPU has the instructions of `L`. The rows are good for reading `len` elements, the columns for as many registers
/// as those need.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]
unsafe fn dots<L: Lanes, const R: usize, const C: usize>(
    rows: [*const f32; R],
    columns: *const f32,
    width: usize,
    len: usize,
) -> [[f32; COLUMNS]; R] {
    // SAFETY: by this function's contract.
    unsafe {
        let mut totals = [[L::splat(0.0); C]; R];
        let mut at = 0;
        while at < len {
            let mut terms = [L::splat(0.0); R];
            for r in 0..R {
                let from = rows[r].add(at);
                terms[r] = if at + L::N <= len { L::load(from) } else { L::load_first(from, len - at) };
            }
            for c in 0..C {
                let column = L::load(columns.add(c * width + at));
                for r in 0..R {
                    totals[r][c] = totals[r][c].add_product(terms[r], column);
                }
            }
            at += L::N;
        }
        let mut sums = [[0.0; COLUMNS]; R];
        for r in 0..R {
            for c in 0..C {
                sums[r][c] = totals[r][c].sum();
            }
        }
        sums
    }
}
