//! The natural logarithm.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

use super::exp::polynomial_f64;

/// The natural logarithm: −∞ at 0, NaN below, and for NaN.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    select(x, 0.0, ln_positive(x as f64))
}

/// ln(1 + x): −∞ at −1, NaN below, and for NaN.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    let y = 1.0 + x as f64;
    // What y lost of x when it was rounded, which is most of it where x is small, and nothing where it is large.
    let lost = if y < 2.0 { x as f64 - (y - 1.0) } else { 0.0 };
    select(x, -1.0, (ln_positive(y) + lost).copysign(x as f64))
}

/// `value`, except where x is infinite or not above `pole`.
#[inline(always)]
fn select(x: f32, pole: f32, value: f64) -> f32 {
    let value = if x < f32::INFINITY { value as f32 } else { x };
    let below = if x == pole { f32::NEG_INFINITY } else { f32::NAN };
    if x > pole { value } else { below }
}

/// ln y for a positive, finite, normal y, with a relative error below 1e-10. All positive f32 are normal as f64.
#[inline(always)]
fn ln_positive(y: f64) -> f64 {
    const ONE: u64 = 1f64.to_bits();
    const MANTISSA: u64 = (1 << 52) - 1;
    const TWO_POW_52: f64 = (1u64 << 52) as f64;
    // y = 2^k m with √½ ≤ m < √2.
    let bits = y.to_bits().wrapping_add(ONE - FRAC_1_SQRT_2.to_bits());
    let m = f64::from_bits((bits & MANTISSA).wrapping_add(FRAC_1_SQRT_2.to_bits()));
    // In the mantissa of 2^52, a whole number is a float already.
    let k = f64::from_bits((bits >> 52) | TWO_POW_52.to_bits()) - (TWO_POW_52 + 1023.0);
    // ln m = 2 artanh s with s = (m − 1) / (m + 1), so |s| < 0.172; by its Taylor series.
    let s = (m - 1.0) / (m + 1.0);
    k * LN_2 + s * polynomial_f64(s * s, [2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0])
}
