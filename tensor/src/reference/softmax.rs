//! Softmax, its logarithm, cross-entropy.

use super::reduce::log_of_sum;
use super::{like, numbers};
use crate::array::shape::OrPanic;
use crate::array::tensor::Tensor;
use crate::ops::row_wise::cross_entropy::softmax_cross_entropy_shape;

/// `y = e^x / Σ e^x` along an axis; see [`Tensor::softmax`].
pub fn softmax(x: &Tensor, axis: isize) -> Tensor {
    by_row(x, axis, |row| {
        let exponentials: Vec<f64> = from_largest(row).map(f64::exp).collect();
        let sum: f64 = exponentials.iter().sum();
        exponentials.iter().map(|e| e / sum).collect()
    })
}

/// `y = x − ln Σ e^x` along an axis; see [`Tensor::log_softmax`].
pub fn log_softmax(x: &Tensor, axis: isize) -> Tensor {
    by_row(x, axis, |row| {
        let log = from_largest(row).map(f64::exp).sum::<f64>().ln();
        from_largest(row).map(|x| x - log).collect()
    })
}

/// `y = ln Σ e^x − x[label]` of each row; see [`Tensor::softmax_cross_entropy`].
///
/// # Panics
/// If the labels do not fit the rows, or one is no class.
#[track_caller]
pub fn softmax_cross_entropy(x: &Tensor, labels: &Tensor) -> Tensor {
    softmax_cross_entropy_shape(x.shape(), labels.shape()).or_panic();
    let (numbers, classes) = (numbers(x), x.shape()[x.rank() - 1]);
    let loss = |(row, &label): (&[f64], &i64)| log_of_sum(row) - row[label as usize];
    let losses = numbers.chunks(classes.max(1)).zip(&labels.to_vec::<i64>()).map(loss).collect();
    like(x, labels.shape(), losses)
}

/// The distances from the largest, of which the exponentials cannot overflow: `e^x / Σ e^x` is that of these.
fn from_largest(row: &[f64]) -> impl Iterator<Item = f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter().map(move |x| x - largest)
}

/// Each row along an axis by `f`.
fn by_row(x: &Tensor, axis: isize, f: impl Fn(&[f64]) -> Vec<f64>) -> Tensor {
    if x.rank() == 0 {
        return like(x, [], f(&numbers(x)));
    }
    let last = x.transpose(axis, -1);
    let along = last.shape()[last.rank() - 1];
    like(x, last.shape(), numbers(&last).chunks(along.max(1)).flat_map(f).collect()).transpose(axis, -1)
}
