//! Sums, and sums of exponentials.

use super::{like, numbers, rows};
use crate::array::shape::{Axes, OrPanic};
use crate::array::tensor::Tensor;
use crate::ops::reduce::reduce_shape;

/// `y = Σ x` over the axes, which stay with size 1; see [`Tensor::sum_keepdim`].
///
/// ```
/// use tensor::{Tensor, reference};
/// assert_eq!(reference::sum(&Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]), &0.into()), Tensor::from([[4.0_f32, 6.0]]));
/// ```
///
/// # Panics
/// If an axis does not exist.
#[track_caller]
pub fn sum(x: &Tensor, axes: &Axes) -> Tensor {
    fold(x, axes, |row| row.iter().sum())
}

/// `y = ln Σ e^x` over the axes, which stay with size 1; see [`Tensor::logsumexp_keepdim`].
///
/// # Panics
/// If an axis does not exist.
#[track_caller]
pub fn logsumexp(x: &Tensor, axes: &Axes) -> Tensor {
    fold(x, axes, log_of_sum)
}

/// `ln Σ e^x`, the largest taken out, so that nothing overflows.
pub(super) fn log_of_sum(row: &[f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if row.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    if largest.is_infinite() {
        return largest;
    }
    let rest: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    largest + rest.ln()
}

/// One number of each row.
#[track_caller]
fn fold(x: &Tensor, axes: &Axes, f: impl Fn(&[f64]) -> f64) -> Tensor {
    reduce_shape("sum", x.shape(), axes, true).or_panic();
    let (rows, shape) = rows(x, axes);
    let (numbers, along) = (numbers(&rows), rows.shape()[1]);
    let row = |i: usize| &numbers[i * along..(i + 1) * along];
    like(x, shape, (0..shape.numel()).map(|i| f(row(i))).collect())
}
