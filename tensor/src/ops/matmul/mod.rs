//! The matrix product: own kernels for `f32`, the matrixmultiply crate for the rest.

mod amx;
mod split_k;

use crate::array::dtype::{Element, for_float};
use crate::array::layout::Layout;
use crate::array::shape::{MAX_RANK, OrPanic, Shape, ShapeError, broadcast_shape};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::array::tensor::wrong_type;
use crate::reference;
use crate::runtime::threads::for_each_chunk_mut;

/// The rule of the matrix product: `[…, m, k] × […, k, n] → […, m, n]`, the leading axes broadcasting. A vector on the
/// left is a row `[1, k]`, on the right a column `[k, 1]`, and that axis goes again.
///
/// # Errors
/// If an operand is a single number, the inner sizes differ, or the leading axes do not broadcast.
pub fn matmul_shape(a: Shape, b: Shape) -> Result<Shape, ShapeError> {
    let refuse = |rule: String| Err(ShapeError::new("matmul", format!("{a} x {b}: {rule}")));
    if a.is_empty() || b.is_empty() {
        return refuse("a single number is no matrix; multiply with *".into());
    }
    let (inner_a, inner_b) = (a[a.len() - 1], b[b.len().saturating_sub(2)]);
    if inner_a != inner_b {
        return refuse(format!("inner sizes {inner_a} and {inner_b} differ"));
    }
    let lead = |s: Shape| -> Shape { s[..s.len().saturating_sub(2)].iter().copied().collect() };
    let Ok(batch) = broadcast_shape("matmul", lead(a), lead(b)) else {
        return refuse(format!("leading axes {} and {} do not broadcast", lead(a), lead(b)));
    };
    let row = (a.len() > 1).then(|| a[a.len() - 2]);
    let column = (b.len() > 1).then(|| b[b.len() - 1]);
    let (mut dims, mut rank) = ([0; MAX_RANK + 2], 0);
    for size in batch.iter().copied().chain(row).chain(column) {
        dims[rank] = size;
        rank += 1;
    }
    Shape::of(&dims[..rank], "matmul")
}

/// A matrix in a buffer: where it starts, and how far apart rows and columns are.
pub(crate) struct Matrix<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offset: isize,
    pub(crate) rows: isize,
    pub(crate) columns: isize,
}

impl<T> Clone for Matrix<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Matrix<'_, T> {}

impl<T> Matrix<'_, T> {
    /// Whether every element of an `m × n` matrix laid out like this is inside the buffer.
    fn holds(&self, m: usize, n: usize) -> bool {
        let reach = |stride: isize, size: usize| stride.saturating_mul(size.saturating_sub(1) as isize);
        let (r, c) = (reach(self.rows, m), reach(self.columns, n));
        let low = self.offset + r.min(0) + c.min(0);
        let high = self.offset + r.max(0) + c.max(0);
        low >= 0 && (high as usize) < self.data.len()
    }
}

/// A type that has a product.
pub(crate) trait Gemm: Element {
    /// `out ← a·b + beta·out`, where `a` is `m × k`, `b` is `k × n` and element `(i, j)` of the result is
    /// `out[i·out_rows + j·out_columns]`.
    ///
    /// # Panics
    /// If a matrix reaches outside its buffer, or elements of the result may coincide.
    fn gemm(
        size: [usize; 3],
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        beta: Self,
        out: &mut [Self],
        out_strides: [usize; 2],
    );

    /// `out ← a·b` in row-major order, cut for threads into about so many parts.
    fn multiply(
        [m, k, n]: [usize; 3],
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        out: &mut [Self],
        parts: usize,
    ) {
        let rows = m.div_ceil(parts).next_multiple_of(8).min(m);
        for_each_chunk_mut(out, rows * n, |task, out| {
            Self::gemm([out.len() / n, k, n], a.below(task * rows), b, Self::default(), out, [n, 1]);
        });
    }
}

/// The product by the matrixmultiply crate.
macro_rules! by_crate {
    ($name:ident, $type:ident, $gemm:ident) => {
        fn $name(
            [m, k, n]: [usize; 3],
            a: Matrix<'_, $type>,
            b: Matrix<'_, $type>,
            beta: $type,
            out: &mut [$type],
            [out_rows, out_columns]: [usize; 2],
        ) {
            if m == 0 || n == 0 {
                return;
            }
            let distinct = out_rows >= n * out_columns || out_columns >= m * out_rows;
            assert!(distinct && out_rows > 0 && out_columns > 0, "rows and columns of the result overlap");
            assert!((m - 1) * out_rows + (n - 1) * out_columns < out.len(), "the result does not fit");
            if k == 0 {
                for i in 0..m {
                    for j in 0..n {
                        let o = &mut out[i * out_rows + j * out_columns];
                        *o = if beta == 0.0 { 0.0 } else { *o * beta };
                    }
                }
                return;
            }
            assert!(a.holds(m, k) && b.holds(k, n), "an operand reaches outside its buffer");
            // SAFETY: all elements that the product reads and writes are inside their slices and those it writes
            // are distinct, as asserted above; `out` is borrowed mutably, so it overlaps neither operand.
            unsafe {
                matrixmultiply::$gemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.data.as_ptr().offset(a.offset),
                    a.rows,
                    a.columns,
                    b.data.as_ptr().offset(b.offset),
                    b.rows,
                    b.columns,
                    beta,
                    out.as_mut_ptr(),
                    out_rows as isize,
                    out_columns as isize,
                );
            }
        }
    };
}
by_crate!(crate_f32, f32, sgemm);
by_crate!(crate_f64, f64, dgemm);

impl Gemm for f64 {
    fn gemm(
        size: [usize; 3],
        a: Matrix<'_, f64>,
        b: Matrix<'_, f64>,
        beta: f64,
        out: &mut [f64],
        out_strides: [usize; 2],
    ) {
        crate_f64(size, a, b, beta, out, out_strides);
    }
}

impl<'a, T> Matrix<'a, T> {
    /// Without the first rows.
    fn below(self, first: usize) -> Matrix<'a, T> {
        Matrix { offset: self.offset + first as isize * self.rows, ..self }
    }
}

impl Tensor {
    /// The matrix product, batched over leading axes.
    ///
    /// Of `f32` it takes less time where several neighbouring rows of `self` have zeros at the same places, as pictures with a
    /// plain background do.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// let x = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.matmul(&Tensor::eye(2, DType::F32)), x);
    /// assert_eq!(x.matmul(&Tensor::from([10.0_f32, 1.0])).to_vec::<f32>(), [12.0, 34.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes break the rule [`matmul_shape`] or the types are not the same float.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let shape = matmul_shape(self.shape(), other.shape()).or_panic();
        other.expect_dtype("matmul", self.dtype()).or_panic();
        if self.dtype().is_float() && reference::is_chosen() {
            return reference::matmul(self, other);
        }
        for_float!(self.dtype(), T => Tensor::from_buffer(product::<T>(self, other), shape),
            else panic!("{}", wrong_type("matmul", self, "floats")))
    }
}

/// The operands of a product as matrices with the same leading axes, and the sizes of the product of two of them.
#[track_caller]
pub(crate) fn broadcast_matrices(a: &Tensor, b: &Tensor) -> (Tensor, Tensor, [usize; 3]) {
    let a = if a.rank() == 1 { a.unsqueeze(0) } else { a.clone() };
    let b = if b.rank() == 1 { b.unsqueeze(1) } else { b.clone() };
    let (rank_a, rank_b) = (a.rank(), b.rank());
    let (m, k, n) = (a.shape()[rank_a - 2], a.shape()[rank_a - 1], b.shape()[rank_b - 1]);
    let lead = broadcast_shape(
        "matmul",
        a.shape()[..rank_a - 2].iter().copied().collect(),
        b.shape()[..rank_b - 2].iter().copied().collect(),
    )
    .or_panic();
    let with = |dims: [usize; 2]| -> Shape { lead.iter().copied().chain(dims).collect() };
    (a.broadcast_to(with([m, k])), b.broadcast_to(with([k, n])), [m, k, n])
}

/// Multiply-adds that a task is worth at least.
const GRAIN: usize = 1 << 18;

/// The result is cut for threads in so many parts at most, …
const PARTS: usize = 16;
/// … or in parts of so many rows: their share of the first operand stays in the second-level cache.
const PART: usize = 64;

fn product<T: Gemm>(a: &Tensor, b: &Tensor) -> Buffer<T> {
    let (a, b, [m, k, n]) = broadcast_matrices(a, b);
    let mut out = Buffer::uninit(a.shape()[..a.rank() - 2].iter().product::<usize>() * m * n);
    if out.is_empty() {
        return out;
    }
    let (sa, sb) = (a.strided::<T>(), b.strided::<T>());
    let operands = |index: usize| {
        let matrix = |data, layout| {
            let (offset, [rows, columns]) = matrix_at(layout, index);
            Matrix { data, offset, rows, columns }
        };
        (matrix(sa.data, a.layout()), matrix(sb.data, b.layout()))
    };
    let work = m * k * n;
    if work < 2 * GRAIN {
        // Small matrices are multiplied several to a task.
        let matrices = (2 * GRAIN / work.max(1)).clamp(1, 1 << 16);
        for_each_chunk_mut(&mut out, matrices * m * n, |task, out| {
            for (i, out) in out.chunks_mut(m * n).enumerate() {
                let (a, b) = operands(task * matrices + i);
                T::gemm([m, k, n], a, b, T::default(), out, [n, 1]);
            }
        });
    } else {
        for (i, out) in out.chunks_mut(m * n).enumerate() {
            let (a, b) = operands(i);
            T::multiply([m, k, n], a, b, out, (work / GRAIN).min(PARTS.max(m / PART)));
        }
    }
    out
}

/// Where matrix number `index` of a batch starts, and its strides.
fn matrix_at(layout: &Layout, mut index: usize) -> (isize, [isize; 2]) {
    let (shape, strides) = (layout.shape(), layout.strides());
    let lead = shape.len() - 2;
    let mut offset = layout.offset();
    for axis in (0..lead).rev() {
        offset += (index % shape[axis]) as isize * strides[axis];
        index /= shape[axis];
    }
    (offset, [strides[lead], strides[lead + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Rng};

    #[test]
    fn large_products_are_cut_without_changing_a_bit() {
        let rng = &mut Rng::new(1);
        let a = Tensor::normal([333, 257], 0.0, 1.0, DType::F32, rng);
        let b = Tensor::normal([257, 129], 0.0, 1.0, DType::F32, rng);
        let whole = a.matmul(&b);
        for row in [0, 100, 332] {
            let one = a.narrow(0, row, 1).matmul(&b);
            let expected: Vec<f64> = (0..129)
                .map(|j| {
                    let column = b.narrow(1, j, 1).to(DType::F64).reshape([257]);
                    (a.narrow(0, row, 1).to(DType::F64).reshape([257]) * column).sum(..).item()
                })
                .collect();
            // From some hundred rows on the matrix unit computes them, if there is one, in other bits.
            let first = row.min(133);
            let few = a.narrow(0, first, 200).matmul(&b);
            assert_eq!(few.narrow(0, row - first, 1), one);
            for (x, y) in whole.narrow(0, row, 1).to_vec::<f32>().iter().zip(&expected) {
                assert!((*x as f64 - y).abs() < 1e-4);
            }
            for (x, y) in one.to_vec::<f32>().iter().zip(expected) {
                assert!((*x as f64 - y).abs() < 1e-4);
            }
        }
    }

    /// Whatever rows and columns are beside it, and however these are cut into parts: alone as among a few, and among
    /// many as among all.
    #[test]
    fn a_row_alone_has_the_bits_it_has_among_others() {
        let rng = &mut Rng::new(3);
        // The second, fourth and fifth are added up in halves, by one thread each or by all for some rows.
        for [m, k, n] in
            [[255, 200, 100], [100, 784, 200], [401, 300, 60], [401, 513, 60], [30, 1001, 65], [100, 784, 10]]
        {
            let a = Tensor::normal([m, k], 0.0, 1.0, DType::F32, rng);
            let b = Tensor::normal([k, n], 0.0, 1.0, DType::F32, rng);
            let all = a.matmul(&b);
            let transposed = b.t().contiguous().t();
            for row in [0, 25, m - 1] {
                let one = a.narrow(0, row, 1);
                assert_eq!(all.narrow(0, row, 1), one.matmul(&b), "{m} × {k} by {k} × {n}");
                assert_eq!(one.matmul(&b), one.matmul(&transposed));
            }
            if m < 256 {
                assert_eq!(all, a.matmul(&transposed));
            }
            // (Ten columns are summed up otherwise if the terms are not side by side.)
            if m < 256 && n > 12 {
                assert_eq!(all, a.t().contiguous().t().matmul(&b));
            }
            let exact = a.to(DType::F64).matmul(&b.to(DType::F64));
            assert!((all.to(DType::F64) - exact).abs().max(..).item() < 2e-4);
        }
        let a = Tensor::normal([1000, 784], 0.0, 1.0, DType::F32, rng);
        let b = Tensor::normal([784, 200], 0.0, 1.0, DType::F32, rng);
        let all = a.matmul(&b);
        for (first, rows) in [(0, 256), (700, 300), (513, 401)] {
            assert_eq!(all.narrow(0, first, rows), a.narrow(0, first, rows).matmul(&b));
        }
    }

    #[test]
    fn an_empty_inner_axis_gives_zeros() {
        let x = Tensor::zeros([2, 0], DType::F32).matmul(&Tensor::zeros([0, 3], DType::F32));
        assert_eq!(x, Tensor::zeros([2, 3], DType::F32));
    }

    /// matrixmultiply does its own packing through raw pointers: strides of every kind against plain loops.
    #[test]
    fn any_strides_multiply_like_a_copy() {
        let rng = &mut Rng::new(2);
        let base = Tensor::normal([2, 9, 7], 0.0, 1.0, DType::F64, rng);
        let other = Tensor::normal([7, 5], 0.0, 1.0, DType::F64, rng);
        for a in [base.clone(), base.flip(1), base.flip(2), base.narrow(0, 1, 1).broadcast_to([4, 9, 7])] {
            for b in [other.clone(), other.copy().t().contiguous().t(), other.flip(0), other.flip(1)] {
                assert_eq!(a.matmul(&b), a.contiguous().matmul(&b.contiguous()));
            }
        }
    }
}
