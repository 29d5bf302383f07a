//! Reductions over any set of axes.

use crate::buffer::Buffer;
use crate::dtype::{DType, Element, Stored, for_any, for_number};
use crate::map::GRAIN;
use crate::parallel::for_each_chunk_mut;
use crate::shape::{Axes, MAX_RANK, OrPanic, Shape, ShapeError};
use crate::simd::vectorize;
use crate::tensor::Tensor;

/// The rule of a reduction: the axes exist and go (`keep` leaves them with size 1).
///
/// # Errors
/// If an axis does not exist or is named twice.
pub fn reduce_shape(op: &'static str, x: Shape, axes: &Axes, keep: bool) -> Result<Shape, ShapeError> {
    let set = axes.resolve(op, &x)?;
    // Not more elements than before, so this is a shape.
    Ok((0..x.len()).filter(|&i| keep || !set[i]).map(|i| if set[i] { 1 } else { x[i] }).collect())
}

/// The rule of `max`, `min`, `argmax` and `argmin`: as [`reduce_shape`], and there is something to choose from.
///
/// # Errors
/// If the reduced axes are empty while the result is not.
pub fn extreme_shape(op: &'static str, x: Shape, axes: &Axes, keep: bool) -> Result<Shape, ShapeError> {
    let out = reduce_shape(op, x, axes, keep)?;
    if x.count() == 0 && out.count() > 0 {
        return Err(ShapeError::new(
            op,
            format!("axes {axes:?} of {x} are empty: there is nothing to choose"),
        ));
    }
    Ok(out)
}

/// Row-major data seen as `[outer, reduced, inner]`.
struct Plan {
    data: Tensor,
    outer: usize,
    reduced: usize,
    inner: usize,
}

impl Plan {
    /// Brings the axes of `set` together, copying only where they are apart or the layout is not row-major.
    fn new(x: &Tensor, set: &[bool; MAX_RANK]) -> Plan {
        let shape = x.shape();
        let size = |range: std::ops::Range<usize>| shape[range].iter().product::<usize>();
        let relevant = || (0..shape.len()).filter(|&i| shape[i] != 1);
        let mut reduced = relevant().filter(|&i| set[i]);
        let Some(first) = reduced.next() else {
            return Plan { data: x.contiguous(), outer: x.count(), reduced: 1, inner: 1 };
        };
        let last = reduced.next_back().unwrap_or(first);
        if relevant().all(|i| set[i] == (first..=last).contains(&i)) {
            let (outer, inner) = (size(0..first), size(last + 1..shape.len()));
            return Plan { data: x.contiguous(), outer, reduced: size(first..last + 1), inner };
        }
        let order: Vec<isize> = (0..shape.len())
            .filter(|&i| !set[i])
            .chain((0..shape.len()).filter(|&i| set[i]))
            .map(|i| i as isize)
            .collect();
        let moved = x.permute(order).contiguous();
        let kept = (0..shape.len()).filter(|&i| !set[i]).map(|i| shape[i]).product();
        let reduced = (0..shape.len()).filter(|&i| set[i]).map(|i| shape[i]).product();
        Plan { data: moved, outer: kept, reduced, inner: 1 }
    }

    fn slice<T: Element>(&self) -> &[T] {
        match self.data.as_slice() {
            Some(slice) => slice,
            None => unreachable!("the plan made it contiguous"),
        }
    }

    /// Combines along the reduced axis with `op`, an associative operation with neutral element `init`.
    ///
    /// Blocks of fixed length are folded first and their results after, so that the result depends on the shape alone
    /// and rounding errors grow with the number of blocks rather than of elements.
    fn fold<T: Element>(&self, init: T, op: impl Fn(T, T) -> T + Copy + Sync) -> Buffer<T> {
        let &Plan { outer, reduced, inner, .. } = self;
        let data = self.slice::<T>();
        let block = (512 / inner.max(1)).max(16).min(reduced.max(1));
        let blocks = reduced.div_ceil(block).max(1);
        let mut partial = Buffer::uninit(outer * blocks * inner);
        let cells_per_task = (GRAIN / (block * inner).max(1)).max(1);
        for_each_chunk_mut(&mut partial, cells_per_task * inner.max(1), |task, out| {
            vectorize(
                #[inline(always)]
                || {
                    for (i, out) in out.chunks_mut(inner.max(1)).enumerate() {
                        let cell = task * cells_per_task + i;
                        let (o, start) = (cell / blocks, cell % blocks * block);
                        let len = block.min(reduced - start);
                        let from = (o * reduced + start) * inner;
                        let rows = &data[from..from + len * inner];
                        if inner == 1 {
                            out[0] = fold_run(rows, init, op);
                        } else {
                            out.fill(init);
                            for row in rows.chunks_exact(inner) {
                                out.iter_mut().zip(row).for_each(|(o, &x)| *o = op(*o, x));
                            }
                        }
                    }
                },
            );
        });
        if blocks == 1 || partial.is_empty() {
            return partial;
        }
        let mut total = Buffer::uninit(outer * inner);
        for (total, partial) in total.chunks_mut(inner).zip(partial.chunks_mut(blocks * inner)) {
            total.copy_from_slice(combine_pairs(partial, inner, op));
        }
        total
    }

    /// Where along the reduced axis the first element is that no other is `better` than; NaN is best of all.
    fn arg<T: Element>(&self, better: impl Fn(T, T) -> bool + Copy + Sync) -> Buffer<i64> {
        let &Plan { outer, reduced, inner, .. } = self;
        let data = self.slice::<T>();
        let mut out = Buffer::uninit(outer * inner);
        #[allow(clippy::eq_op)]
        let is_nan = |x: T| x != x;
        let better = |x: T, champion: T| better(x, champion) || (is_nan(x) && !is_nan(champion));
        let cells_per_task = (GRAIN / 4 / reduced.max(1)).max(1);
        for_each_chunk_mut(&mut out, cells_per_task, |task, out| {
            for (i, out) in out.iter_mut().enumerate() {
                let cell = task * cells_per_task + i;
                let run = &data[cell / inner * reduced * inner + cell % inner..];
                let mut best = (0, run[0]);
                for (r, &x) in run.iter().step_by(inner).take(reduced).enumerate() {
                    // Without a branch, which no processor could predict.
                    let wins = better(x, best.1);
                    best = (if wins { r } else { best.0 }, if wins { x } else { best.1 });
                }
                *out = best.0 as i64;
            }
        });
        out
    }
}

/// Combines rows of `inner` elements two by two until one is left: rounding errors grow with the logarithm of their
/// number.
fn combine_pairs<T: Copy>(rows: &mut [T], inner: usize, op: impl Fn(T, T) -> T) -> &[T] {
    let mut left = rows.len() / inner;
    while left > 1 {
        for row in 0..left / 2 {
            for i in 0..inner {
                rows[row * inner + i] = op(rows[2 * row * inner + i], rows[(2 * row + 1) * inner + i]);
            }
        }
        if left % 2 == 1 {
            rows.copy_within((left - 1) * inner..left * inner, left / 2 * inner);
        }
        left = left.div_ceil(2);
    }
    &rows[..inner]
}

/// Folds a run in sixteen interleaved lanes, which the compiler keeps in vector registers.
#[inline(always)]
fn fold_run<T: Copy>(run: &[T], init: T, op: impl Fn(T, T) -> T + Copy) -> T {
    const LANES: usize = 16;
    let (chunks, rest) = run.as_chunks::<LANES>();
    let mut total = init;
    if !chunks.is_empty() {
        let mut lanes = [init; LANES];
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = op(*lane, x);
            }
        }
        total = lanes.into_iter().fold(total, op);
    }
    rest.iter().fold(total, |a, &x| op(a, x))
}

fn needs(op: &'static str, x: &Tensor, wanted: &str) -> ShapeError {
    ShapeError::new(
        op,
        format!("the tensor {} holds {}, not {wanted}; convert it with .to(…)", x.shape(), x.dtype()),
    )
}

impl Tensor {
    #[track_caller]
    fn prepare(&self, op: &'static str, axes: &Axes, keep: bool) -> (Plan, Shape) {
        let shape = reduce_shape(op, self.shape(), axes, keep).or_panic();
        (Plan::new(self, &axes.resolve(op, &self.shape()).or_panic()), shape)
    }

    #[track_caller]
    fn sum_axes(&self, op: &'static str, axes: &Axes, keep: bool) -> Tensor {
        let (plan, shape) = self.prepare(op, axes, keep);
        for_number!(self.dtype(), T => {
            Tensor::from_buffer(plan.fold(T::default(), #[inline(always)] |x: T, y: T| T::wrapping_sum(x, y)), shape)
        }, else panic!("{}", needs(op, self, "numbers")))
    }

    #[track_caller]
    fn mean_axes(&self, axes: &Axes, keep: bool) -> Tensor {
        if !self.dtype().is_float() {
            panic!("{}", needs("mean", self, "floats"));
        }
        let sum = self.sum_axes("mean", axes, keep);
        let count = self.count() as f64 / sum.count() as f64;
        if sum.count() == 0 { sum } else { sum / count }
    }

    #[track_caller]
    fn extreme_axes(&self, op: &'static str, axes: &Axes, keep: bool, max: bool) -> Tensor {
        extreme_shape(op, self.shape(), axes, keep).or_panic();
        let (plan, shape) = self.prepare(op, axes, keep);
        for_number!(self.dtype(), T => {
            let (low, high) = T::extremes();
            #[allow(clippy::eq_op)]
            let out = if max {
                plan.fold(low, #[inline(always)] |x: T, y: T| if x >= y || x != x { x } else { y })
            } else {
                plan.fold(high, #[inline(always)] |x: T, y: T| if x <= y || x != x { x } else { y })
            };
            Tensor::from_buffer(out, shape)
        }, else panic!("{}", needs(op, self, "numbers")))
    }

    #[track_caller]
    fn prod_axes(&self, axes: &Axes, keep: bool) -> Tensor {
        let (plan, shape) = self.prepare("prod", axes, keep);
        for_number!(self.dtype(), T => {
            let one = <T as Stored>::cast(true);
            Tensor::from_buffer(plan.fold(one, #[inline(always)] |x: T, y: T| T::wrapping_product(x, y)), shape)
        }, else panic!("{}", needs("prod", self, "numbers")))
    }

    #[track_caller]
    fn logsumexp_axes(&self, axes: &Axes, keep: bool) -> Tensor {
        let sum_shape = reduce_shape("logsumexp", self.shape(), axes, keep).or_panic();
        if !self.dtype().is_float() {
            panic!("{}", needs("logsumexp", self, "floats"));
        }
        if self.count() == 0 {
            return Tensor::full(sum_shape, f64::NEG_INFINITY, self.dtype());
        }
        let max = self.extreme_axes("logsumexp", axes, true, true);
        // An infinite maximum would give ∞ − ∞; shifting by 0 instead gives the right infinity.
        let infinite = max.abs().equal(&Tensor::full([], f64::INFINITY, self.dtype()));
        let shift = infinite.select(&max.zeros_like(), &max);
        let total = self.sub(&shift).exp().sum_axes("logsumexp", axes, true).ln() + shift;
        total.reshape(sum_shape)
    }

    /// The variance: the mean squared distance from the mean, the sum of squares divided by `n − correction`.
    /// A correction of 0 is the variance of these numbers, 1 the unbiased estimate of the population's.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Tensor {
        let axes = axes.into();
        let shape = reduce_shape("var", self.shape(), &axes, false).or_panic();
        if !self.dtype().is_float() {
            panic!("{}", needs("var", self, "floats"));
        }
        let n = self.count() as f64 / shape.count().max(1) as f64;
        let centred = self.sub(&self.mean_axes(&axes, true));
        centred.square().sum_axes("var", &axes, false) / (n - correction as f64).max(0.0)
    }

    /// Whether any element is true.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not `bool`.
    #[track_caller]
    pub fn any(&self, axes: impl Into<Axes>) -> Tensor {
        self.expect_dtype("any", DType::Bool).or_panic();
        let (plan, shape) = self.prepare("any", &axes.into(), false);
        Tensor::from_buffer(plan.fold(false, |x, y| x | y), shape)
    }

    /// Whether all elements are true.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not `bool`.
    #[track_caller]
    pub fn all(&self, axes: impl Into<Axes>) -> Tensor {
        self.expect_dtype("all", DType::Bool).or_panic();
        let (plan, shape) = self.prepare("all", &axes.into(), false);
        Tensor::from_buffer(plan.fold(true, |x, y| x & y), shape)
    }

    /// The index along `axes` of the largest element, the first of several; NaN counts as largest. Over several axes it is
    /// the index into all their elements in row-major order.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1.0_f32, 5.0, 5.0], [9.0, 0.0, 2.0]]);
    /// assert_eq!(x.argmax(-1).to_vec::<i64>(), [1, 0]);
    /// assert_eq!(x.argmax(..).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or all are empty.
    #[track_caller]
    pub fn argmax(&self, axes: impl Into<Axes>) -> Tensor {
        let axes = axes.into();
        extreme_shape("argmax", self.shape(), &axes, false).or_panic();
        let (plan, shape) = self.prepare("argmax", &axes, false);
        for_any!(self.dtype(), T => Tensor::from_buffer(plan.arg(|x: T, y: T| PartialOrd::gt(&x, &y)), shape))
    }

    /// The index along `axes` of the smallest element, the first of several; NaN counts as smallest. Over several axes it is
    /// the index into all their elements in row-major order.
    ///
    /// # Panics
    /// If an axis does not exist or all are empty.
    #[track_caller]
    pub fn argmin(&self, axes: impl Into<Axes>) -> Tensor {
        let axes = axes.into();
        extreme_shape("argmin", self.shape(), &axes, false).or_panic();
        let (plan, shape) = self.prepare("argmin", &axes, false);
        for_any!(self.dtype(), T => Tensor::from_buffer(plan.arg(|x: T, y: T| PartialOrd::lt(&x, &y)), shape))
    }
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident, $keepdim:ident: |$x:ident, $axes:ident, $keep:ident| $body:expr;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(&self, axes: impl Into<Axes>) -> Tensor {
                    let ($x, $axes, $keep) = (self, &axes.into(), false);
                    $body
                }

                #[doc = concat!("As [`", stringify!($name), "`](Tensor::", stringify!($name), "), the axes staying with size 1.")]
                #[track_caller]
                pub fn $keepdim(&self, axes: impl Into<Axes>) -> Tensor {
                    let ($x, $axes, $keep) = (self, &axes.into(), true);
                    $body
                }
            )*
        }
    };
}

reductions! {
    /// The sum over `axes`; 0 where there is nothing to add.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1_i64, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.sum(0).to_vec::<i64>(), [5, 7, 9]);
    /// assert_eq!(x.sum(..), Tensor::from(21_i64));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are `bool`.
    sum, sum_keepdim: |x, axes, keep| x.sum_axes("sum", axes, keep);
    /// The mean over `axes`; NaN where there is nothing to average.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    mean, mean_keepdim: |x, axes, keep| x.mean_axes(axes, keep);
    /// The largest element along `axes`; NaN if any is.
    ///
    /// # Panics
    /// If an axis does not exist, the axes are empty, or the elements are `bool`.
    max, max_keepdim: |x, axes, keep| x.extreme_axes("max", axes, keep, true);
    /// The smallest element along `axes`; NaN if any is.
    ///
    /// # Panics
    /// If an axis does not exist, the axes are empty, or the elements are `bool`.
    min, min_keepdim: |x, axes, keep| x.extreme_axes("min", axes, keep, false);
    /// The product over `axes`; 1 where there is nothing to multiply.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are `bool`.
    prod, prod_keepdim: |x, axes, keep| x.prod_axes(axes, keep);
    /// `ln Σ e^x` over `axes` without overflow, by taking the largest element out; −∞ where there is nothing to add.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    logsumexp, logsumexp_keepdim: |x, axes, keep| x.logsumexp_axes(axes, keep);
}

/// What folding needs of a number.
trait Foldable: Element {
    fn wrapping_sum(x: Self, y: Self) -> Self;
    fn wrapping_product(x: Self, y: Self) -> Self;
    /// Below and above every number.
    fn extremes() -> (Self, Self);
}
macro_rules! foldable {
    ($type:ident, $sum:expr, $product:expr, $extremes:expr) => {
        impl Foldable for $type {
            #[inline(always)]
            fn wrapping_sum(x: $type, y: $type) -> $type {
                let f: fn($type, $type) -> $type = $sum;
                f(x, y)
            }
            #[inline(always)]
            fn wrapping_product(x: $type, y: $type) -> $type {
                let f: fn($type, $type) -> $type = $product;
                f(x, y)
            }
            fn extremes() -> ($type, $type) {
                $extremes
            }
        }
    };
}
foldable!(f32, |x, y| x + y, |x, y| x * y, (f32::NEG_INFINITY, f32::INFINITY));
foldable!(f64, |x, y| x + y, |x, y| x * y, (f64::NEG_INFINITY, f64::INFINITY));
foldable!(i64, i64::wrapping_add, i64::wrapping_mul, (i64::MIN, i64::MAX));

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set of axes of a shape against sums taken one element at a time.
    #[test]
    fn every_set_of_axes_sums_the_same_elements() {
        let shape = [3, 1, 4, 5];
        let x = Tensor::arange(0.0, 60.0, 1.0, DType::I64).reshape(shape);
        for mask in 0..16_usize {
            let axes: Vec<isize> = (0..4).filter(|i| mask >> i & 1 == 1).collect();
            let y = x.sum_keepdim(axes.clone());
            let mut expected = Tensor::zeros(y.shape(), DType::I64);
            for (i, value) in x.to_vec::<i64>().into_iter().enumerate() {
                let index = [i / 20, 0, i / 5 % 4, i % 5];
                let cell =
                    (0..4).fold(0, |c, a| c * y.shape()[a] + if mask >> a & 1 == 1 { 0 } else { index[a] });
                expected.as_mut_slice::<i64>()[cell] += value;
            }
            assert_eq!(y, expected, "{axes:?}");
        }
    }

    #[test]
    fn long_sums_are_accurate() {
        let x = Tensor::full([10_000_000], 0.1, DType::F32);
        assert!((x.sum(..).item() - 1_000_000.0).abs() < 10.0);
        let columns = Tensor::full([1_000_000, 3], 0.1, DType::F32).sum(0);
        assert!(columns.to_vec::<f32>().iter().all(|&s| (s - 100_000.0).abs() < 1.0));
    }

    #[test]
    fn argmax_over_several_axes_counts_in_row_major_order() {
        let x = Tensor::from([[[1.0_f32, 7.0], [2.0, 0.0]], [[7.0, 7.0], [9.0, -1.0]]]);
        assert_eq!((x.argmax(..).item(), x.argmin(..).item()), (6.0, 7.0));
        assert_eq!(x.argmax([1, 2]).to_vec::<i64>(), [1, 2]);
        assert_eq!(x.argmax([0, -1]).to_vec::<i64>(), [1, 2]);
        assert_eq!(x.argmax([2, 0]), x.argmax([0, 2]), "the order of the axes is that of the tensor");
        assert_eq!(x.argmin([1, 0]).to_vec::<i64>(), [0, 3]);
    }

    #[test]
    fn a_single_number_is_reduced_over_axis_0_as_in_numpy() {
        let x = Tensor::from(3.0_f32);
        for axis in [0, -1] {
            assert_eq!((x.argmax(axis).item(), x.argmin(axis).item(), x.sum(axis).item()), (0.0, 0.0, 3.0));
        }
        assert_eq!((x.argmax(..).item(), x.mean(..).item()), (0.0, 3.0));
        assert!(reduce_shape("sum", x.shape(), &1.into(), false).is_err());
    }

    #[test]
    fn nan_is_not_lost() {
        let x = Tensor::from([1.0_f32, f32::NAN, 3.0]);
        assert!(x.max(..).item().is_nan() && x.min(..).item().is_nan());
        assert_eq!(x.argmax(0).item(), 1.0);
    }

    #[test]
    fn logsumexp_meets_infinities() {
        let inf = f32::INFINITY;
        let x = Tensor::from([[-inf, -inf], [inf, 0.0], [1000.0, 1000.0]]);
        let y = x.logsumexp(1).to_vec::<f32>();
        assert_eq!(y[..2], [-inf, inf]);
        assert!((y[2] - 1_000.693_1).abs() < 1e-3);
    }
}
