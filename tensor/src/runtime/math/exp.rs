//! The exponential function and its relatives.

use std::f32::consts::LOG2_E;
use std::f64::consts::{LN_2, LOG2_E as LOG2_E_F64};

/// Adding and subtracting it rounds an f32 to a whole number, which then also stands in the lowest bits of the sum.
const ROUND: f32 = 1.5 * (1 << 23) as f32;

/// The same for an f64.
const ROUND_F64: f64 = 1.5 * (1u64 << 52) as f64;

/// ln 2 in two parts, of which the first has so few bits that its products with whole numbers are exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2: the polynomial with the least relative error in e^r, 3e-9.
const EXP: [f32; 5] = [0.499_999_93, 0.166_665_2, 0.041_668_39, 0.008_368_745, 0.001_381_454];

/// (tanh x − x) / x³ in powers of x², for |x| ≤ 0.625: the polynomial with the least relative error in tanh x, 4e-9.
const TANH: [f32; 5] = [-0.333_332_84, 0.133_314_91, -0.053_743_5, 0.020_650_593, -0.005_717_05];

/// c₀ + c₁ x + c₂ x² + …
#[inline(always)]
pub(super) fn polynomial<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    c[..N - 1].iter().rev().fold(c[N - 1], |sum, c| sum * x + c)
}

/// The same for an f64.
#[inline(always)]
pub(super) fn polynomial_f64<const N: usize>(x: f64, c: [f64; N]) -> f64 {
    c[..N - 1].iter().rev().fold(c[N - 1], |sum, c| sum * x + c)
}

/// 2^n for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// (n, t) with whole n and e^x = 2^n (1 + t), √½ ≤ 1 + t ≤ √2.
#[inline(always)]
fn reduced_exp(x: f32) -> (i32, f32) {
    let rounded = x * LOG2_E + ROUND;
    let n = rounded - ROUND;
    // x = n ln 2 + r. The difference r is rounded, so its two parts, which hardly are, make up the linear term of t.
    let (high, low) = (x - n * LN_2_HIGH, n * LN_2_LOW);
    let r = high - low;
    let t = high - (low - r * r * polynomial(r, EXP));
    (rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32, t)
}

/// 2^n for −252 ≤ n ≤ 254 as two factors, as it may be out of range where a product with it is not. In x · a · b, only
/// the second product can round.
#[inline(always)]
fn split_power_of_two(n: i32) -> (f32, f32) {
    let half = n >> 1;
    (power_of_two(half), power_of_two(n.wrapping_sub(half)))
}

/// e^x: ∞ above 88.72, denormal numbers below −87.33, 0 below −103.97.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these the result is the same. A NaN passes, as in all comparisons of this folder.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (n, t) = reduced_exp(x);
    let (a, b) = split_power_of_two(n);
    (1.0 + t) * a * b
}

/// 1 / (1 + e^x) for x ≥ 0.
#[inline(always)]
fn logistic_tail(x: f32) -> f32 {
    let x = if x > 104.0 { 104.0 } else { x };
    let (n, t) = reduced_exp(x);
    // 2^−n / (1 + 2^−n + t), which rounds once less than 1 / (1 + e^x), and cannot overflow.
    let (a, b) = split_power_of_two(n.wrapping_neg());
    let sum = 1.0 + a * b;
    let lost = a * b - (sum - 1.0);
    1.0 / (sum + (t + lost)) * a * b
}

/// 1 / (1 + e^−x): 0 below −103.97, 1 above 17.33.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let tail = logistic_tail(x.abs());
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// The hyperbolic tangent (e^x − e^−x) / (e^x + e^−x): ±1 from ±9.02 on.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let small = a + a * (a * a) * polynomial(a * a, TANH);
    let large = 1.0 - 2.0 * logistic_tail(2.0 * a);
    (if a < 0.625 { small } else { large }).copysign(x)
}

/// e^x − 1. Computed in f64, where the difference loses nothing that f32 could hold.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    let (power, t) = reduced_exp_f64(x as f64);
    // e^x − 1 = 2^n (e^r − 1) + (2^n − 1).
    (power * t + (power - 1.0)).copysign(x as f64) as f32
}

/// e^x for x ≤ 89 with a relative error of 1e-11, for what is rounded to f32 later; 3e-308 below −708.
#[inline(always)]
pub(crate) fn exp_f64(x: f64) -> f64 {
    let (power, t) = reduced_exp_f64(x);
    power + power * t
}

/// (2^n, t) with whole n and e^x = 2^n (1 + t), √½ ≤ 1 + t ≤ √2, for −708 ≤ x ≤ 89; beyond, that of the nearer end.
#[inline(always)]
fn reduced_exp_f64(x: f64) -> (f64, f64) {
    let y = if x > 89.0 { 89.0 } else { x };
    let y = if y < -708.0 { -708.0 } else { y };
    let rounded = y * LOG2_E_F64 + ROUND_F64;
    let r = y - (rounded - ROUND_F64) * LN_2;
    let power = f64::from_bits(rounded.to_bits().wrapping_sub(ROUND_F64.to_bits()).wrapping_add(1023) << 52);
    // e^r − 1 by its Taylor series.
    (power, r * polynomial_f64(r, EXP_M1))
}

/// (e^r − 1) / r: 1, 1/2!, 1/3!, …
const EXP_M1: [f64; 9] = {
    let mut series = [1.0; 9];
    let mut n = 1;
    while n < 9 {
        series[n] = series[n - 1] / (n + 1) as f64;
        n += 1;
    }
    series
};
