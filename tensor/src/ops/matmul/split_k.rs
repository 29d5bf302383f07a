//! The product of `f32` matrices by own kernels (see [`gemm`](crate::gemm)).

use super::{Gemm, Matrix, crate_f32};
use crate::array::storage::Buffer;
use crate::gemm::{GemmSpec, Prefetcher, Rows};
use crate::runtime::simd::vectorize;
use crate::runtime::threads::{for_each_chunk_mut, for_each_part_mut};
use std::ops::Range;

/// Rows of a part are a multiple of this: a tile of half the rows.
const ROWS: usize = 4;
/// Columns of a part are a multiple of this: three of the widest registers.
const COLUMNS: usize = 48;
/// Rows that a part has at least, if `b` is read as it is from the second-level cache, …
const FEW_ROWS: usize = 48;
/// … and if it comes from farther away, or is copied on the way.
const MANY_ROWS: usize = 192;
/// Numbers of `b` that leave the second-level cache room for others.
const CACHED: usize = 1 << 18;
/// So many terms and more are added up in two halves.
const LONG: usize = 512;
/// Numbers of a half that a task adds to the other, at most, if they are several rows.
const ADDED: usize = 8 << 10;

/// Own kernels where they can: they are faster than the crate's from vectors up to the largest matrices, since they leave the
/// first operand where it is. Results in columns and operands that run backwards are the crate's.
impl Gemm for f32 {
    fn gemm(
        size: [usize; 3],
        a: Matrix<'_, f32>,
        b: Matrix<'_, f32>,
        beta: f32,
        out: &mut [f32],
        out_strides: [usize; 2],
    ) {
        match (Operands::new(size, a, b), out_strides) {
            (Some(operands), [out_row, 1]) if beta == 0.0 || beta == 1.0 => {
                let all = Part { rows: 0..size[0], columns: 0..size[2] };
                // SAFETY: `out` is borrowed mutably.
                unsafe { operands.compute(&all, out.as_mut_ptr(), out.len(), out_row, beta == 1.0) };
            }
            _ => crate_f32(size, a, b, beta, out, out_strides),
        }
    }

    fn multiply(
        [m, k, n]: [usize; 3],
        a: Matrix<'_, f32>,
        b: Matrix<'_, f32>,
        out: &mut [f32],
        parts: usize,
    ) {
        let Some(operands) = Operands::new([m, k, n], a, b) else {
            return crate_f32([m, k, n], a, b, 0.0, out, [n, 1]);
        };
        if operands.are_for_amx([m, k, n]) && operands.multiply_amx(out).is_some() {
            return;
        }
        let GemmSpec { b_column, .. } = operands.sums;
        // With fewer rows than columns `a` is the smaller operand, and the one to go from cache to cache.
        if m < n
            && b_column == 1
            && let Some(halves) = operands.halves()
        {
            return multiply_halves(halves, [m, n], out, parts);
        }
        // A part goes through its share of `b` once for all its rows. If that is short work, rows alone are shared out, if it
        // is not, columns as well.
        let least = if b_column == 1 && k * n <= CACHED { FEW_ROWS } else { MANY_ROWS };
        let by_rows = parts.min(m / least).max(1);
        let by_columns = (parts / by_rows).min(n / COLUMNS).max(1);
        let len = out.len();
        for_each_part_mut([out], by_rows * by_columns, |task, [out]| {
            let rows = share(task / by_columns, by_rows, m, ROWS);
            let columns = share(task % by_columns, by_columns, n, COLUMNS);
            // SAFETY: `out` is good for `len` elements, and no other task has these columns of these rows.
            unsafe { operands.compute(&Part { rows, columns }, out, len, n, false) };
        });
    }
}

/// The product for few rows, each thread with its half of the terms. It then reads only that half of `b`, the same one every
/// time: where `b` is a layer's weights the same thread has computed their gradient, and has changed them, so that no line
/// of the larger operand ever goes from one core's cache to another's.
fn multiply_halves(halves: [Operands<'_>; 2], [m, n]: [usize; 2], out: &mut [f32], parts: usize) {
    let by_columns = (parts / 2).min(n / COLUMNS).max(1);
    let len = out.len();
    let mut second = Buffer::uninit(len);
    for_each_part_mut([out, &mut second], 2 * by_columns, |task, sums| {
        let half = task / by_columns;
        let part = Part { rows: 0..m, columns: share(task % by_columns, by_columns, n, COLUMNS) };
        let first = part.columns.start;
        // SAFETY: both are good for `len` elements, and no other task has these columns of this one.
        unsafe { halves[half].sum(&part, sums[half].add(first), len - first, n, false) };
    });
    let rows = (ADDED / n).max(1);
    for_each_chunk_mut(out, rows * n, |i, out| add_to(out, &second[i * rows * n..]));
}

/// `to[i] += from[i]`.
fn add_to(to: &mut [f32], from: &[f32]) {
    vectorize(
        #[inline(always)]
        || to.iter_mut().zip(from).for_each(|(to, &x)| *to += x),
    );
}

/// What share number `i` has of so many rows or columns: as much as every other but for a `unit` more or less, and the last
/// one has what is left over.
fn share(i: usize, shares: usize, all: usize, unit: usize) -> Range<usize> {
    let start = |i: usize| if i == shares { all } else { i * (all / unit) / shares * unit };
    start(i)..start(i + 1)
}

/// Some rows and columns of a result.
struct Part {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Two matrices as the own kernels see them.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub(super) a: &'a [f32],
    pub(super) a_row: usize,
    pub(super) b: &'a [f32],
    pub(super) sums: GemmSpec,
}

impl<'a> Operands<'a> {
    /// `None` if a stride is negative.
    fn new([m, k, n]: [usize; 3], a: Matrix<'a, f32>, b: Matrix<'a, f32>) -> Option<Operands<'a>> {
        assert!(k == 0 || (a.holds(m, k) && b.holds(k, n)), "an operand reaches outside its buffer");
        let unsigned = |stride: isize| usize::try_from(stride).ok();
        let from = |m: &Matrix<'a, f32>| if k == 0 { &m.data[..0] } else { &m.data[m.offset as usize..] };
        let sums =
            GemmSpec::of_matrices(k, unsigned(a.columns)?, [unsigned(b.rows)?, unsigned(b.columns)?], n);
        Some(Operands { a: from(&a), a_row: unsigned(a.rows)?, b: from(&b), sums })
    }

    /// The first terms and the others, if they are added up in halves. That is a matter of the shape alone: so that a row of
    /// the result has the same bits whatever others there are, and however they are shared out.
    fn halves(&self) -> Option<[Operands<'a>; 2]> {
        let GemmSpec { len, a_step, b_step, small_n, .. } = self.sums;
        let middle = (len / 2).next_multiple_of(16);
        let half = |terms: Range<usize>| Operands {
            a: &self.a[terms.start * a_step..],
            b: &self.b[terms.start * b_step..],
            sums: GemmSpec { len: terms.len(), ..self.sums },
            ..*self
        };
        (len >= LONG && !small_n).then(|| [half(0..middle), half(middle..len)])
    }

    /// A part of the product, whose rows are `out_row` apart in `out`; added to what is there if `add`.
    ///
    /// # Safety
    /// `out` is good for reading and writing `len` elements, and nobody else touches this part meanwhile.
    unsafe fn compute(&self, part: &Part, out: *mut f32, len: usize, out_row: usize, add: bool) {
        let first = part.rows.start * out_row + part.columns.start;
        let columns = part.columns.len();
        // SAFETY: by this function's contract; `sum` has checked that the part is inside.
        unsafe {
            let (out, len) = (out.add(first), len - first);
            let Some([one, other]) = self.halves() else {
                return self.sum(part, out, len, out_row, add);
            };
            let mut second = Buffer::uninit(part.rows.len() * columns);
            other.sum(part, second.as_mut_ptr(), second.len(), columns, false);
            one.sum(part, out, len, out_row, add);
            for (i, second) in second.chunks_exact(columns.max(1)).enumerate() {
                add_to(std::slice::from_raw_parts_mut(out.add(i * out_row), columns), second);
            }
        }
    }

    /// A part of the product, its terms added up one after the other. `out` is where it begins.
    ///
    /// # Safety
    /// As for [`compute`](Operands::compute).
    unsafe fn sum(&self, part: &Part, out: *mut f32, len: usize, out_row: usize, add: bool) {
        let sums = GemmSpec { columns: part.columns.len(), ..self.sums };
        let (a, b) = (&self.a[part.rows.start * self.a_row..], &self.b[part.columns.start * sums.b_column..]);
        let rows = Rows::of_matrix(part.rows.len(), self.a_row, out_row);
        // SAFETY: by this function's contract.
        unsafe { sums.compute_raw(rows, [a, b], out, len, add, &mut Prefetcher::nothing()) };
    }
}
