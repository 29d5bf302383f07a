//! Softmax, its logarithm and log-sum-exp over rows, and the gradients that they share.
//!
//! All of them start from `e^(x − max)`, computed once for each row:
//!
//! ```text
//! softmax     = e^(x − max) / Σ e^(x − max)
//! log_softmax = (x − max) − ln Σ e^(x − max)
//! logsumexp   = max + ln Σ e^(x − max)
//! ```
//!
//! so a large offset that all logits have in common costs no digits: it goes in the first subtraction, whose result is small.

use crate::array::shape::{Axes, OrPanic, ShapeError};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::ops::reduce::reduce_shape;
use crate::ops::row_wise::{RowFloat, Rows, largest};
use crate::reference;
use crate::runtime::math::Float;
use crate::runtime::simd::vectorize;

/// The sum of a row of `e^(x − max)`: 1, which one of them is, and the others. These may be so much smaller that in one number
/// they would have no digits left.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    others: f64,
}

impl Sum {
    pub(crate) fn get(self) -> f64 {
        1.0 + self.others
    }

    pub(crate) fn ln(self) -> f64 {
        Float::ln_1p(self.others)
    }

    /// The sum without one of its terms.
    pub(crate) fn without(self, term: f64) -> f64 {
        if term == 1.0 { self.others } else { (self.others - term) + 1.0 }
    }
}

/// `e^(x − max)` of rows of numbers. Where `max` is infinite or NaN so is `x − max` somewhere: exponentials and sum are NaN.
pub(crate) struct Exponentials<T: RowFloat> {
    wide: Buffer<f64>,
    maxima: Buffer<T>,
    size: usize,
}

impl<T: RowFloat> Exponentials<T> {
    /// Of rows of `size` numbers.
    #[inline(never)]
    pub(crate) fn of(x: &[T], size: usize) -> Exponentials<T> {
        let mut wide = Buffer::uninit(x.len());
        let mut maxima = Buffer::uninit(x.len() / size);
        vectorize(
            #[inline(always)]
            || {
                let rows = x.chunks_exact(size).zip(wide.chunks_exact_mut(size));
                for ((x, wide), max) in rows.zip(maxima.iter_mut()) {
                    *max = largest(x);
                    wide.iter_mut().zip(x).for_each(|(w, x)| *w = x.distance(*max));
                }
            },
        );
        // All rows at once: one of ten would not fill a vector register.
        T::exp_all(&mut wide);
        Exponentials { wide, maxima, size }
    }

    /// The exponentials of row `i`, its largest number, and the sum of the exponentials.
    #[inline(never)]
    pub(crate) fn row(&mut self, i: usize) -> (&[f64], T, Sum) {
        let row = &mut self.wide[i * self.size..][..self.size];
        let sum = Sum { others: others::<T>(row) };
        (row, self.maxima[i], sum)
    }
}

/// The sum of a row of `e^(x − max)` without the 1 that one of them is.
#[inline(always)]
fn others<T: RowFloat>(row: &mut [f64]) -> f64 {
    let sum = T::sum(row);
    if sum >= T::ENOUGH {
        return sum - 1.0;
    }
    let one = row.iter().position(|&e| e == 1.0);
    one.into_iter().for_each(|one| row[one] = 0.0);
    let others = T::sum(row);
    one.into_iter().for_each(|one| row[one] = 1.0);
    others
}

fn softmax<T: RowFloat>([x]: [&[T]; 1], size: usize, out: &mut [T]) {
    let mut exponentials = Exponentials::of(x, size);
    for (i, out) in out.chunks_exact_mut(size).enumerate() {
        let (row, _, sum) = exponentials.row(i);
        let share = 1.0 / sum.get();
        out.iter_mut().zip(row).for_each(|(o, e)| *o = T::from_f64(*e * share));
    }
}

fn log_softmax<T: RowFloat>([x]: [&[T]; 1], size: usize, out: &mut [T]) {
    let mut exponentials = Exponentials::of(x, size);
    for (i, (x, out)) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)).enumerate() {
        let (_, max, sum) = exponentials.row(i);
        let ln = sum.ln();
        out.iter_mut().zip(x).for_each(|(o, x)| *o = T::from_f64(x.distance(max) - ln));
    }
}

/// `dy − softmax(x) · Σ dy`.
fn log_softmax_grad_row<T: RowFloat>([x, dy]: [&[T]; 2], size: usize, out: &mut [T]) {
    let mut exponentials = Exponentials::of(x, size);
    let mut terms = Buffer::uninit(size);
    for (i, (dy, out)) in dy.chunks_exact(size).zip(out.chunks_exact_mut(size)).enumerate() {
        let (row, _, sum) = exponentials.row(i);
        terms.iter_mut().zip(dy).for_each(|(term, dy)| *term = dy.wide());
        let share = T::sum(&terms) / sum.get();
        for ((o, dy), e) in out.iter_mut().zip(dy).zip(row) {
            *o = T::from_f64(dy.wide() - *e * share);
        }
    }
}

fn logsumexp<T: RowFloat>([x]: [&[T]; 1], size: usize, out: &mut [T]) {
    let mut exponentials = Exponentials::of(x, size);
    for (i, out) in out.iter_mut().enumerate() {
        let (_, max, sum) = exponentials.row(i);
        let total = max.wide() + sum.ln();
        // Only an infinite maximum makes it NaN without being NaN itself.
        *out = if total.is_nan() { max } else { T::from_f64(total) };
    }
}

/// [`softmax`], but where the largest is −∞ all are 0, and where it is ∞ those that are so have equal parts of 1.
fn logsumexp_grad_row<T: RowFloat>([x]: [&[T]; 1], size: usize, out: &mut [T]) {
    softmax([x], size, out);
    let infinity = T::from_f64(f64::INFINITY);
    for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        if out[0].is_nan() && !x.iter().any(|x| x.is_nan()) {
            let infinite = x.iter().filter(|&&x| x == infinity).count().max(1);
            let part = T::from_f64(1.0 / infinite as f64);
            out.iter_mut().zip(x).for_each(|(o, &x)| *o = if x == infinity { part } else { T::default() });
        }
    }
}

/// `dy − Σ y · dy` of each row, to `f(y, that, result)`. Distances are taken from the `dy` at the largest `y`: if that has nearly
/// all of the sum, the difference would lose its digits otherwise.
fn centred<T: RowFloat>([y, dy]: [&[T]; 2], size: usize, out: &mut [T], f: impl Fn(f64, f64) -> f64) {
    let mut terms = Buffer::uninit(size);
    let rows = y.chunks_exact(size).zip(dy.chunks_exact(size));
    for ((y, dy), out) in rows.zip(out.chunks_exact_mut(size)) {
        let most = (1..size).fold(0, |most, i| if y[i] > y[most] { i } else { most });
        let origin = dy[most];
        let products = y.iter().zip(dy).map(|(y, dy)| y.wide() * dy.distance(origin));
        terms.iter_mut().zip(products).for_each(|(term, product)| *term = product);
        let mean = T::sum(&terms);
        for ((o, y), dy) in out.iter_mut().zip(y).zip(dy) {
            *o = T::from_f64(f(y.wide(), dy.distance(origin) - mean));
        }
    }
}

fn softmax_grad_row<T: RowFloat>(x: [&[T]; 2], size: usize, out: &mut [T]) {
    centred(x, size, out, |y, distance| y * distance);
}

fn softmax_centred_row<T: RowFloat>(x: [&[T]; 2], size: usize, out: &mut [T]) {
    centred(x, size, out, |_, distance| distance);
}

impl Tensor {
    /// `e^x / Σ e^x` along `axis`: positive numbers that add up to 1 (PyTorch's `softmax`, JAX's `jax.nn.softmax`). NaN where the
    /// largest is infinite.
    ///
    /// Each is within 2 eps of the largest of its row, wherever the logits lie: `[1e7, 1e7 + 1]` gives what `[0, 1]` does.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([1e7_f32, 1e7 + 1.0]);
    /// assert_eq!(format!("{:.7}", x.softmax(0)), "[0.2689414, 0.7310586]");
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Tensor {
        let rows = Rows::of("softmax", [self], &axis.into());
        if reference::is_chosen() { reference::softmax(self, axis) } else { rows.map(&softmax, &softmax) }
    }

    /// The logarithm of [`softmax`](Tensor::softmax) along `axis`: `x − ln Σ e^x`, without overflow, within `eps · max(1, |y|)`
    /// (PyTorch's `log_softmax`).
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([0.0_f64, 1000.0]);
    /// assert_eq!(x.log_softmax(0).to_vec::<f64>(), [-1000.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Tensor {
        let rows = Rows::of("log_softmax", [self], &axis.into());
        if reference::is_chosen() {
            reference::log_softmax(self, axis)
        } else {
            rows.map(&log_softmax, &log_softmax)
        }
    }

    /// The rule of the functions of a softmax, or of logits, and a tensor like it.
    fn check_alike(&self, op: &'static str, other: &Tensor) -> Result<(), ShapeError> {
        if other.shape() == self.shape() {
            return Ok(());
        }
        Err(ShapeError::new(op, format!("{} and {} must have the same shape", self.shape(), other.shape())))
    }

    #[track_caller]
    pub(crate) fn logsumexp_axes(&self, axes: &Axes, keep: bool) -> Tensor {
        let shape = reduce_shape("logsumexp", self.shape(), axes, keep).or_panic();
        let rows = Rows::of("logsumexp", [self], axes);
        if reference::is_chosen() {
            return reference::logsumexp(self, axes).reshape(shape);
        }
        rows.reduce(shape, f64::NEG_INFINITY, &logsumexp, &logsumexp)
    }
}

/// The gradient of [`log_softmax`](Tensor::log_softmax) with respect to its logits `x`, `dy` being that with respect to its
/// result: `dy − softmax(x) · Σ dy`.
///
/// ```
/// # use tensor::{Tensor, kernels};
/// let (x, dy) = (Tensor::from([5.0_f32, 5.0]), Tensor::from([1.0_f32, 0.0]));
/// assert_eq!(kernels::log_softmax_grad(&x, &dy, 0).to_vec::<f32>(), [0.5, -0.5]);
/// ```
///
/// # Panics
/// If the axis does not exist, the shapes differ, or the types are not one float.
#[track_caller]
pub fn log_softmax_grad(x: &Tensor, dy: &Tensor, axis: isize) -> Tensor {
    x.check_alike("log_softmax_grad", dy).or_panic();
    Rows::of("log_softmax_grad", [x, dy], &axis.into()).map(&log_softmax_grad_row, &log_softmax_grad_row)
}

/// The gradient of [`logsumexp`](Tensor::logsumexp) over `axes`, of the shape of `x`: the softmax, with its limits where that has none:
/// 0 if all of a row are −∞, and where some are ∞ these have equal parts of 1.
///
/// ```
/// # use tensor::{Tensor, kernels};
/// let x = Tensor::from([f32::INFINITY, 1.0]);
/// assert_eq!(kernels::logsumexp_grad(&x, &0.into()).to_vec::<f32>(), [1.0, 0.0]);
/// ```
///
/// # Panics
/// If an axis does not exist or the elements are not floats.
#[track_caller]
pub fn logsumexp_grad(x: &Tensor, axes: &Axes) -> Tensor {
    Rows::of("logsumexp_grad", [x], axes).map(&logsumexp_grad_row, &logsumexp_grad_row)
}

/// The gradient of a softmax over `axes` with respect to its logits, `y` being its result and `dy` the gradient
/// with respect to that: `y · (dy − Σ y · dy)`.
///
/// ```
/// # use tensor::{Tensor, kernels};
/// let (y, dy) = (Tensor::from([0.25_f32, 0.75]), Tensor::from([1.0_f32, 0.0]));
/// assert_eq!(kernels::softmax_grad(&y, &dy, &0.into()).to_vec::<f32>(), [0.1875, -0.1875]);
/// ```
///
/// # Panics
/// If an axis does not exist, the shapes differ, or the types are not one float.
#[track_caller]
pub fn softmax_grad(y: &Tensor, dy: &Tensor, axes: &Axes) -> Tensor {
    y.check_alike("softmax_grad", dy).or_panic();
    Rows::of("softmax_grad", [y, dy], axes).map(&softmax_grad_row, &softmax_grad_row)
}

/// The distances of `v` from its mean with the weights `y`, a softmax over `axes`: `v − Σ y · v`.
///
/// ```
/// # use tensor::{Tensor, kernels};
/// let (y, v) = (Tensor::from([0.25_f32, 0.75]), Tensor::from([1.0_f32, 0.0]));
/// assert_eq!(kernels::softmax_centred(&y, &v, &0.into()).to_vec::<f32>(), [0.75, -0.25]);
/// ```
///
/// # Panics
/// If an axis does not exist, the shapes differ, or the types are not one float.
#[track_caller]
pub fn softmax_centred(y: &Tensor, v: &Tensor, axes: &Axes) -> Tensor {
    y.check_alike("softmax_centred", v).or_panic();
    Rows::of("softmax_centred", [y, v], axes).map(&softmax_centred_row, &softmax_centred_row)
}

#[cfg(test)]
mod tests {
    use crate::{DType, Rng, Tensor};

    /// `x − ln Σ e^x` of such logits has no digits left: it gave [0.368, 1.0].
    #[test]
    fn logits_far_from_zero_keep_their_distances() {
        let near = |offset: f32, least: f32| {
            let x = Tensor::from([offset, offset + 1.0]);
            let [y, log] = [x.softmax(0), x.log_softmax(0)].map(|y| y.to_vec::<f32>());
            assert!((y[0] - 0.268_941_42).abs() <= least && (y[1] - 0.731_058_6).abs() <= least, "{y:?}");
            assert!((log[0] + 1.313_261_7).abs() <= 2.0 * least && (log[1] + 0.313_261_7).abs() <= least);
            assert_eq!(y[0] + y[1], 1.0);
        };
        [0.0, 300.0, 1e4, 1e7].into_iter().for_each(|offset| near(offset, f32::EPSILON / 2.0));
    }

    /// Along any axes, of rows longer than a task, and where tasks meet.
    #[test]
    fn follows_the_definition() {
        for (shape, axis) in [([3, 4, 5], 1), ([300, 7, 9], 0), ([2, 3, 40_000], 2), ([5_000, 2, 3], 2)] {
            let x = Tensor::normal(shape, 0.0, 3.0, DType::F64, &mut Rng::new(1));
            let dy = Tensor::normal(shape, 0.0, 1.0, DType::F64, &mut Rng::new(2));
            let y = x.exp() / x.exp().sum_keepdim(axis);
            let near = |found: Tensor, expected: Tensor| (found - expected).abs().max(..).item() < 1e-12;
            assert!(near(x.softmax(axis), y.clone()));
            assert!(near(x.log_softmax(axis), y.ln()));
            assert!(near(crate::kernels::logsumexp_grad(&x, &axis.into()), y.clone()));
            assert!(near(x.logsumexp_keepdim(axis), x.exp().sum_keepdim(axis).ln()));
            let mean = y.mul(&dy).sum_keepdim(axis);
            assert!(near(crate::kernels::softmax_centred(&y, &dy, &axis.into()), &dy - &mean));
            assert!(near(crate::kernels::softmax_grad(&y, &dy, &axis.into()), &y * (&dy - &mean)));
            assert!(near(crate::kernels::log_softmax_grad(&x, &dy, axis), &dy - &y * dy.sum_keepdim(axis)));
        }
    }

    #[test]
    fn infinite_rows() {
        let inf = f32::INFINITY;
        let x = Tensor::from([[-inf, -inf], [inf, 0.0], [inf, inf], [0.0, -inf]]);
        let y = x.softmax(1).to_vec::<f32>();
        assert!(y[..6].iter().all(|y| y.is_nan()), "{y:?}");
        assert_eq!(y[6..], [1.0, 0.0]);
        assert_eq!(x.log_softmax(1).to_vec::<f32>()[6..], [0.0, -inf]);
        let grad = crate::kernels::logsumexp_grad(&x, &1.into()).to_vec::<f32>();
        assert_eq!(grad, [0.0, 0.0, 1.0, 0.0, 0.5, 0.5, 1.0, 0.0]);
    }
}
