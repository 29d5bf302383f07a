//! Moments of channels, and what batch normalisation makes of them.

use super::{like, numbers};
use crate::array::shape::OrPanic;
use crate::array::tensor::Tensor;
use crate::ops::batch_norm::{moments_shape, normalize_sums_shape};

/// `mean = Σ x / n` and `variance = Σ (x − mean)² / n` of each channel, the last axis, over all others; see [`Tensor::moments`].
///
/// # Panics
/// If there is no last axis.
#[track_caller]
pub fn moments(x: &Tensor) -> [Tensor; 2] {
    moments_shape(x.shape()).or_panic();
    let (numbers, channels) = (numbers(x), x.shape()[x.rank() - 1]);
    let n = (numbers.len() / channels.max(1)) as f64;
    let of = |c: usize| numbers.iter().skip(c).step_by(channels);
    let mean: Vec<f64> = (0..channels).map(|c| of(c).sum::<f64>() / n).collect();
    let square = |c: usize| of(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / n;
    let variance = (0..channels).map(square).collect();
    [like(x, [channels], mean), like(x, [channels], variance)]
}

/// `(x − mean) · inv_std · scale + offset`, rounded after each operation; see [`kernels::normalize`](crate::kernels::normalize).
pub fn normalize(x: &Tensor, mean: &Tensor, inv_std: &Tensor, scale: &Tensor, offset: &Tensor) -> Tensor {
    (x - mean) * inv_std * scale + offset
}

/// `Σ dy` and `Σ dy · (x − mean) · inv_std` of each channel, a row each; see
/// [`kernels::normalize_sums`](crate::kernels::normalize_sums).
///
/// # Panics
/// If there is no last axis, or the shapes differ.
#[track_caller]
pub fn normalize_sums(x: &Tensor, mean: &Tensor, inv_std: &Tensor, dy: &Tensor) -> Tensor {
    normalize_sums_shape([x, mean, inv_std, dy].map(Tensor::shape)).or_panic();
    let channels = x.shape()[x.rank() - 1];
    let along = dy * ((x - mean) * inv_std);
    let sums = [dy, &along].map(|terms| {
        let terms = numbers(terms);
        (0..channels).map(move |c| terms.iter().skip(c).step_by(channels).sum())
    });
    like(x, [2, channels], sums.into_iter().flatten().collect())
}

/// `factor · (dy − shift − (x − mean) · slope)`, rounded after each operation; see
/// [`kernels::normalize_grad`](crate::kernels::normalize_grad).
pub fn normalize_grad(
    x: &Tensor,
    mean: &Tensor,
    factor: &Tensor,
    shift: &Tensor,
    slope: &Tensor,
    dy: &Tensor,
) -> Tensor {
    (dy - shift - (x - mean) * slope) * factor
}
