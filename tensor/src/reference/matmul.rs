//! The matrix product.

use super::{like, numbers};
use crate::array::shape::OrPanic;
use crate::array::tensor::Tensor;
use crate::ops::matmul::{broadcast_matrices, matmul_shape};

/// `y[…, i, j] = Σ_k a[…, i, k] · b[…, k, j]`, see [`Tensor::matmul`].
///
/// ```
/// use tensor::{Tensor, reference};
/// let (a, b) = (Tensor::from([[1.0_f64, 2.0]]), Tensor::from([[3.0_f64], [4.0]]));
/// assert_eq!(reference::matmul(&a, &b), Tensor::from([[11.0_f64]]));
/// ```
///
/// # Panics
/// If the shapes break the rule of the product.
#[track_caller]
pub fn matmul(a: &Tensor, b: &Tensor) -> Tensor {
    let shape = matmul_shape(a.shape(), b.shape()).or_panic();
    let (left, right, [m, k, n]) = broadcast_matrices(a, b);
    let (left, right) = (numbers(&left), numbers(&right));
    let mut y = vec![];
    for batch in 0..shape.numel() / (m * n).max(1) {
        for i in 0..m {
            for j in 0..n {
                let term = |t: usize| left[(batch * m + i) * k + t] * right[(batch * k + t) * n + j];
                y.push((0..k).map(term).sum());
            }
        }
    }
    like(a, shape, y)
}
