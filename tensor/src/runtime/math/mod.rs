//! Elementary functions of f32 and f64, the same on every platform.
//!
//! The functions of f32 in this folder are straight-line code: no branch, no table, no call. A loop over a slice that
//! calls one is vectorised by the compiler, and its vectors and its left-over elements give the same bits. They use
//! additions and multiplications without fusing them, so those bits do not depend on the CPU either. Where an argument
//! needs care (0, infinities, NaN, denormals), both answers are computed and one is selected.
//!
//! Largest error over all 2³² arguments, in units in the last place (a correctly rounded function has 0.5):
//!
//! | `exp` | `exp_m1` | `ln` | `ln_1p` | `tanh` | `sigmoid` | `sin` | `cos` |
//! |---|---|---|---|---|---|---|---|
//! | 0.91 | 0.501 | 0.501 | 0.501 | 1.21 | 1.67 | 0.502 | 0.502 |
//!
//! The functions of f64 are those of the `libm` crate, which is exact to about one unit in the last place and not
//! vectorised; f64 is there for checking gradients.

mod exp;
mod ln;
mod trig;

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

pub(crate) use exp::{exp, exp_f64, exp_m1, sigmoid, tanh};
pub(crate) use ln::{ln, ln_1p};
pub(crate) use trig::{cos, sin};

/// A floating-point type that kernels are generic over: f32 or f64.
///
/// The methods are called as functions, `T::exp(x)`, since the standard library's of the same name, which differ from
/// platform to platform, win where the type is known.
pub(crate) trait Float:
    Copy
    + Debug
    + Default
    + Display
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// √x, correctly rounded; NaN below 0.
    fn sqrt(self) -> Self;
    /// e^x.
    fn exp(self) -> Self;
    /// e^x − 1, exact for small x too.
    fn exp_m1(self) -> Self;
    /// The natural logarithm: −∞ at 0, NaN below.
    fn ln(self) -> Self;
    /// ln(1 + x), exact for small x too.
    fn ln_1p(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The logistic function 1 / (1 + e^−x).
    fn sigmoid(self) -> Self;
    /// The sine of an angle in radians.
    fn sin(self) -> Self;
    /// The cosine of an angle in radians.
    fn cos(self) -> Self;
    /// x^y, as C's `pow`. Not vectorised.
    fn powf(self, y: Self) -> Self;
    /// The largest integer not above x.
    fn floor(self) -> Self;
    /// The smallest integer not below x.
    fn ceil(self) -> Self;
    /// The nearest integer, halves to the even one.
    fn round(self) -> Self;
}

impl Float for f32 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        exp(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        exp_m1(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        ln_1p(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        sigmoid(self)
    }
    #[inline(always)]
    fn sin(self) -> Self {
        sin(self)
    }
    #[inline(always)]
    fn cos(self) -> Self {
        cos(self)
    }
    #[inline(always)]
    fn powf(self, y: Self) -> Self {
        libm::pow(self.into(), y.into()) as f32
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        f32::ceil(self)
    }
    #[inline(always)]
    fn round(self) -> Self {
        f32::round_ties_even(self)
    }
}

impl Float for f64 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        libm::exp(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        libm::expm1(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        libm::log(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        libm::log1p(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        libm::tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        // Never e^x for positive x, which may overflow.
        let e = libm::exp(-self.abs());
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }
    #[inline(always)]
    fn sin(self) -> Self {
        libm::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> Self {
        libm::cos(self)
    }
    #[inline(always)]
    fn powf(self, y: Self) -> Self {
        libm::pow(self, y)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        f64::ceil(self)
    }
    #[inline(always)]
    fn round(self) -> Self {
        f64::round_ties_even(self)
    }
}

#[cfg(test)]
mod tests;
