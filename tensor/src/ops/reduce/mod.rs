//! Reductions over any set of axes.

mod plan;

use crate::array::dtype::{DType, Element, Stored, for_any, for_number};
use crate::array::shape::{Axes, OrPanic, Shape, ShapeError};
use crate::array::tensor::Tensor;
use crate::reference;
use crate::runtime::math::Float;
use plan::Plan;

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
    if x.numel() == 0 && out.numel() > 0 {
        return Err(ShapeError::new(
            op,
            format!("axes {axes:?} of {x} are empty: there is nothing to choose"),
        ));
    }
    Ok(out)
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
        if self.dtype().is_float() && reference::is_chosen() {
            return reference::sum(self, axes).reshape(shape);
        }
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
        let count = self.numel() as f64 / sum.numel() as f64;
        if sum.numel() == 0 { sum } else { sum / count }
    }

    #[track_caller]
    fn extreme_axes(&self, op: &'static str, axes: &Axes, keep: bool, max: bool) -> Tensor {
        extreme_shape(op, self.shape(), axes, keep).or_panic();
        let (plan, shape) = self.prepare(op, axes, keep);
        for_number!(self.dtype(), T => {
            let (low, high) = T::extremes();
            // The smallest is the largest of the negated numbers: one loop is compiled for both.
            let (init, sign) = if max { (low, T::sign(true)) } else { (high, T::sign(false)) };
            let out = plan.fold(init, #[inline(always)] |x: T, y: T| T::first(x, y, sign));
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
    fn bool_axes(&self, op: &'static str, axes: &Axes, all: bool) -> Tensor {
        self.expect_dtype(op, DType::Bool).or_panic();
        let (plan, shape) = self.prepare(op, axes, false);
        // `all` is also the neutral element: true of none, and any is false of none.
        Tensor::from_buffer(plan.fold(all, |x, y| if all { x & y } else { x | y }), shape)
    }

    #[track_caller]
    fn arg_axes(&self, op: &'static str, axes: &Axes, largest: bool) -> Tensor {
        extreme_shape(op, self.shape(), axes, false).or_panic();
        let (plan, shape) = self.prepare(op, axes, false);
        for_any!(self.dtype(), T => {
            let better = |x: T, y: T| if largest { PartialOrd::gt(&x, &y) } else { PartialOrd::lt(&x, &y) };
            Tensor::from_buffer(plan.arg(better), shape)
        })
    }

    /// Whether any element is true.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not `bool`.
    #[track_caller]
    pub fn any(&self, axes: impl Into<Axes>) -> Tensor {
        self.bool_axes("any", &axes.into(), false)
    }

    /// Whether all elements are true.
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not `bool`.
    #[track_caller]
    pub fn all(&self, axes: impl Into<Axes>) -> Tensor {
        self.bool_axes("all", &axes.into(), true)
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
        self.arg_axes("argmax", &axes.into(), true)
    }

    /// The index along `axes` of the smallest element, the first of several; NaN counts as smallest. Over several axes it is
    /// the index into all their elements in row-major order.
    ///
    /// # Panics
    /// If an axis does not exist or all are empty.
    #[track_caller]
    pub fn argmin(&self, axes: impl Into<Axes>) -> Tensor {
        self.arg_axes("argmin", &axes.into(), false)
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
    /// `ln Σ e^x` over `axes` without overflow, by taking the largest element out, within `eps · max(1, |y|)`; −∞ where there is
    /// nothing to add.
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
    /// 1 for the largest, −1 for the smallest.
    fn sign(largest: bool) -> Self;
    /// The larger of both times `sign`; `x` of equals, and NaN if either is.
    fn first(x: Self, y: Self, sign: Self) -> Self;
}
macro_rules! foldable {
    ($type:ident, $sum:expr, $product:expr, $extremes:expr, $first:expr) => {
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
            fn sign(largest: bool) -> $type {
                if largest { 1 as $type } else { -1 as $type }
            }
            #[inline(always)]
            fn first(x: $type, y: $type, sign: $type) -> $type {
                let f: fn($type, $type, $type) -> bool = $first;
                if f(x, y, sign) { x } else { y }
            }
        }
    };
}
foldable!(f32, |x, y| x + y, |x, y| x * y, (f32::NEG_INFINITY, f32::INFINITY), is_first);
foldable!(f64, |x, y| x + y, |x, y| x * y, (f64::NEG_INFINITY, f64::INFINITY), is_first);
// The smallest integer cannot be negated.
foldable!(i64, i64::wrapping_add, i64::wrapping_mul, (i64::MIN, i64::MAX), |x, y, sign| match sign {
    1 => x >= y,
    _ => x <= y,
});

#[inline(always)]
#[allow(clippy::eq_op)]
fn is_first<T: Float>(x: T, y: T, sign: T) -> bool {
    x * sign >= y * sign || x != x
}

#[cfg(test)]
mod tests;
