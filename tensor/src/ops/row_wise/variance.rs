//! Variance and standard deviation, and the distances from the mean, over any axes.
//!
//! Two passes over each row: the rounded mean first, and what rounding lost of it from the distances to that. So a row far
//! from 0 has the digits of its distances.

use crate::array::shape::{Axes, OrPanic};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::ops::reduce::reduce_shape;
use crate::ops::row_wise::{RowFloat, Rows};

/// The distances of a row from its mean.
fn distances<T: RowFloat>(x: &[T], out: &mut [f64]) {
    let n = x.len() as f64;
    out.iter_mut().zip(x).for_each(|(o, x)| *o = x.wide());
    let mean = T::sum(out) / n;
    out.iter_mut().for_each(|o| *o -= mean);
    let lost = T::sum(out) / n;
    out.iter_mut().for_each(|o| *o -= lost);
}

fn centred<T: RowFloat>([x]: [&[T]; 1], size: usize, out: &mut [T]) {
    let mut row = Buffer::uninit(size);
    for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        distances(x, &mut row);
        out.iter_mut().zip(row.iter()).for_each(|(o, &distance)| *o = T::from_f64(distance));
    }
}

/// `Σ (x − mean)² / divisor` of each row, and what `last` makes of that.
fn squares<T: RowFloat>(x: &[T], size: usize, out: &mut [T], divisor: f64, last: fn(f64) -> f64) {
    let mut row = Buffer::uninit(size);
    for (x, out) in x.chunks_exact(size).zip(out) {
        distances(x, &mut row);
        row.iter_mut().for_each(|distance| *distance *= *distance);
        *out = T::from_f64(last(T::sum(&row) / divisor));
    }
}

impl Tensor {
    /// The variance: the mean squared distance from the mean, the sum of squares divided by `n − correction` (PyTorch's `var`).
    /// A correction of 0 is the variance of these numbers, 1 the unbiased estimate of the population's. Within 1 eps of itself,
    /// however far from 0 the numbers are.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([1e7_f32, 1e7 + 2.0, 1e7 + 4.0, 1e7 + 6.0]);
    /// assert_eq!((x.var(0, 0).item(), x.std(0, 0).item()), (5.0, 5.0_f32.sqrt().into()));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Tensor {
        self.spread("var", &axes.into(), correction, |variance| variance)
    }

    /// The standard deviation, the root of the [variance](Tensor::var) (PyTorch's `std`), which may itself be out of range.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, correction: usize) -> Tensor {
        self.spread("std", &axes.into(), correction, f64::sqrt)
    }

    #[track_caller]
    fn spread(&self, op: &'static str, axes: &Axes, correction: usize, last: fn(f64) -> f64) -> Tensor {
        let shape = reduce_shape(op, self.shape(), axes, false).or_panic();
        let rows = Rows::of(op, [self], axes);
        let n = self.numel() as f64 / shape.numel().max(1) as f64;
        let divisor = (n - correction as f64).max(0.0);
        rows.reduce(
            shape,
            f64::NAN,
            &|[x], size, out| squares(x, size, out, divisor, last),
            &|[x], size, out| squares(x, size, out, divisor, last),
        )
    }

    /// The distances from the mean over `axes`, within 1 eps of the largest of them, however far from 0 the numbers are.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([1e7_f32, 1e7 + 1.0, 1e7 + 2.0, 1e7 + 3.0]);
    /// assert_eq!(x.centred(0).to_vec::<f32>(), [-1.5, -0.5, 0.5, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn centred(&self, axes: impl Into<Axes>) -> Tensor {
        self.centred_axes(&axes.into())
    }

    #[track_caller]
    fn centred_axes(&self, axes: &Axes) -> Tensor {
        Rows::of("centred", [self], axes).map(&centred, &centred)
    }
}
