//! The matrix product, on the matrixmultiply crate.

use crate::buffer::Buffer;
use crate::dtype::{Element, for_float};
use crate::layout::Layout;
use crate::parallel::for_each_chunk_mut;
use crate::shape::{OrPanic, Shape, ShapeError, broadcast_shape};
use crate::tensor::Tensor;

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
    let mut dims = batch.to_vec();
    if a.len() > 1 {
        dims.push(a[a.len() - 2]);
    }
    if b.len() > 1 {
        dims.push(b[b.len() - 1]);
    }
    Shape::of(&dims, "matmul")
}

/// A matrix in a buffer: where it starts, and how far apart rows and columns are.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offset: isize,
    pub(crate) rows: isize,
    pub(crate) columns: isize,
}

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

/// A type that matrixmultiply has a product for.
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
}

macro_rules! gemm {
    ($type:ident, $gemm:ident) => {
        impl Gemm for $type {
            fn gemm(
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
                assert!(
                    distinct && out_rows > 0 && out_columns > 0,
                    "rows and columns of the result overlap"
                );
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
        }
    };
}
gemm!(f32, sgemm);
gemm!(f64, dgemm);

/// Multiply-adds a task is worth: below, handing it to another thread and packing its operands again costs more.
const GRAIN: usize = 4 << 20;

impl Tensor {
    /// The matrix product, batched over leading axes.
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
        let a = if self.rank() == 1 { self.unsqueeze(0) } else { self.clone() };
        let b = if other.rank() == 1 { other.unsqueeze(1) } else { other.clone() };
        for_float!(self.dtype(), T => Tensor::from_buffer(product::<T>(&a, &b), shape),
            else panic!("matmul: matrices of {} have no product here; convert with .to(…)", self.dtype()))
    }
}

fn product<T: Gemm>(a: &Tensor, b: &Tensor) -> Buffer<T> {
    let (rank_a, rank_b) = (a.rank(), b.rank());
    let (m, k, n) = (a.shape()[rank_a - 2], a.shape()[rank_a - 1], b.shape()[rank_b - 1]);
    let lead = broadcast_shape(
        "matmul",
        a.shape()[..rank_a - 2].iter().copied().collect(),
        b.shape()[..rank_b - 2].iter().copied().collect(),
    )
    .or_panic();
    let with = |dims: [usize; 2]| -> Shape { lead.iter().copied().chain(dims).collect() };
    let (a, b) = (a.broadcast_to(with([m, k])), b.broadcast_to(with([k, n])));
    let mut out = Buffer::uninit(lead.count() * m * n);
    if out.is_empty() {
        return out;
    }
    let parts = (m * k * n).div_ceil(GRAIN).clamp(1, 16);
    let rows = m.div_ceil(parts).next_multiple_of(8).min(m);
    let tasks_per_matrix = m.div_ceil(rows);
    let multiply = |matrix: usize, row: usize, out: &mut [T]| {
        let operand = |x: &Tensor, skip: usize| {
            let (offset, [rows, columns]) = matrix_at(x.layout(), matrix);
            (offset + skip as isize * rows, rows, columns)
        };
        let (sa, sb) = (a.strided::<T>(), b.strided::<T>());
        let (oa, ra, ca) = operand(&a, row);
        let (ob, rb, cb) = operand(&b, 0);
        T::gemm(
            [out.len() / n, k, n],
            Matrix { data: sa.data, offset: oa, rows: ra, columns: ca },
            Matrix { data: sb.data, offset: ob, rows: rb, columns: cb },
            T::default(),
            out,
            [n, 1],
        );
    };
    if tasks_per_matrix == 1 {
        // Small matrices are multiplied several to a task.
        let matrices = (GRAIN / (m * k * n).max(1)).clamp(1, 1 << 16);
        for_each_chunk_mut(&mut out, matrices * m * n, |task, out| {
            for (i, out) in out.chunks_mut(m * n).enumerate() {
                multiply(task * matrices + i, 0, out);
            }
        });
    } else {
        for (matrix, out) in out.chunks_mut(m * n).enumerate() {
            for_each_chunk_mut(out, rows * n, |task, out| multiply(matrix, task * rows, out));
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
            assert_eq!(whole.narrow(0, row, 1), one);
            for (x, y) in one.to_vec::<f32>().iter().zip(expected) {
                assert!((*x as f64 - y).abs() < 1e-4);
            }
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
