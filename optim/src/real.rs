//! The arithmetic that update rules are written in.

use autograd::{Element, Tensor};
use std::ops::{Add, Div, Mul, Sub};

/// `f32` or `f64`: an update rule is written once for both.
pub(crate) trait Real:
    Element + Into<f64> + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The smallest normal number, as an `f64`.
    const MIN_NORMAL: f64;

    fn of(x: f64) -> Self;
    fn sqrt(self) -> Self;

    /// `self`, or zero if it is nearer to zero than `limit`; NaN stays.
    fn flush_below(self, limit: Self) -> Self;

    /// Zero instead of numbers below 2^26 times the smallest normal one (8e−31 in `f32`).
    ///
    /// What decays from step to step (`m ← β·m`) would otherwise become subnormal and stay so, and many CPUs compute a
    /// hundred times slower with subnormal numbers. The margin of 2^26 keeps products with a learning rate normal, too.
    #[inline(always)]
    fn flush(self) -> Self {
        self.flush_below(Self::of(Self::MIN_NORMAL * (1_u64 << 26) as f64))
    }
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            const MIN_NORMAL: f64 = $type::MIN_POSITIVE as f64;

            #[inline(always)]
            fn of(x: f64) -> $type {
                x as $type
            }
            #[inline(always)]
            fn sqrt(self) -> $type {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn flush_below(self, limit: $type) -> $type {
                if self.abs() < limit { 0.0 } else { self }
            }
        }
    };
}
real!(f32);
real!(f64);

/// Runs `$body` with `$type` standing for the Rust type of the elements of `$tensor`, a parameter or its gradient.
macro_rules! for_real {
    ($tensor:expr, $type:ident => $body:expr) => {
        match $tensor.dtype() {
            autograd::DType::F32 => {
                type $type = f32;
                $body
            }
            autograd::DType::F64 => {
                type $type = f64;
                $body
            }
            other => panic!("only f32 and f64 are trained, not {other}"),
        }
    };
}
pub(crate) use for_real;

/// The elements of a gradient in row-major order.
pub(crate) fn elements<T: Real>(grad: &Tensor) -> &[T] {
    match grad.as_slice() {
        Some(elements) => elements,
        None => panic!(
            "the gradient {} {} is not {} in row-major order without gaps",
            grad.dtype(),
            grad.shape(),
            T::DTYPE
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Real>() {
        let limit = T::MIN_NORMAL * 2f64.powi(26);
        for x in [limit, -limit, 1.0, -1.0, f64::INFINITY] {
            assert_eq!(T::of(x).flush().into(), x);
        }
        for x in [limit * 0.999, -limit * 0.999, T::MIN_NORMAL, T::MIN_NORMAL / 4.0, 0.0] {
            assert_eq!(T::of(x).flush().into(), 0.0);
        }
        assert!(T::of(f64::NAN).flush().into().is_nan());
    }

    #[test]
    fn only_what_is_next_to_zero_is_flushed() {
        check::<f32>();
        check::<f64>();
    }
}
