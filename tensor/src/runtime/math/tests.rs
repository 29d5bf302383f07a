use std::f32::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, SQRT_2};

use super::*;
use crate::runtime::simd::vectorize;

/// Where something changes: selections, saturation, reduction, zeros of a result.
const TURNING_POINTS: [f32; 30] = [
    1e-40,
    f32::MIN_POSITIVE,
    1e-20,
    1e-8,
    5.960_464_5e-8,
    0.346_573_6,
    0.5,
    0.625,
    FRAC_1_SQRT_2,
    FRAC_PI_4,
    1.0,
    SQRT_2,
    2.0,
    9.01,
    10.0,
    16.6,
    17.33,
    64.0,
    87.33,
    88.72,
    89.0,
    103.28,
    103.97,
    104.0,
    3e7,
    2.3e15,
    9.007_199e15,
    1.5e23,
    1e31,
    f32::MAX,
];

/// Every 2003rd bit pattern, special values, and all numbers next to the turning points and to multiples of π/2.
fn arguments() -> Vec<f32> {
    let quarter_turns = [1, 2, 3, 4, 7, 100, 63_662, 1 << 20].map(|k| k as f32 * FRAC_PI_2);
    let near = |x: f32| (x.to_bits().saturating_sub(500)..x.to_bits() + 500).map(f32::from_bits);
    let mut arguments: Vec<f32> = (0..=u32::MAX).step_by(2003).map(f32::from_bits).collect();
    arguments.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    arguments.extend(TURNING_POINTS.into_iter().chain(quarter_turns).flat_map(near).flat_map(|x| [x, -x]));
    arguments
}

/// The distance from y to the exact value, in units of the last place of an f32 near the exact value.
fn error(y: f32, exact: f64) -> f64 {
    let special = exact == 0.0 || exact.is_nan() || exact.is_infinite();
    if special || y.is_nan() || y.is_infinite() {
        // No nearness here: it has to be right.
        let right = y.to_bits() == (exact as f32).to_bits() || (y.is_nan() && exact.is_nan());
        return if right { 0.0 } else { f64::INFINITY };
    }
    let exponent = (exact.to_bits() >> 52 & 0x7ff).max(1023 - 126);
    (y as f64 - exact).abs() / f64::from_bits((exponent - 23) << 52)
}

/// Compares f, vectorised and not, with its counterpart in f64.
fn check(f: impl Fn(f32) -> f32, exact: fn(f64) -> f64, limit: f64) {
    let x = arguments();
    let mut y = vec![0.0; x.len()];
    vectorize(
        #[inline(always)]
        || x.iter().zip(&mut y).for_each(|(&x, y)| *y = f(x)),
    );
    for (&x, y) in x.iter().zip(y) {
        let exact = exact(x.into());
        assert!(error(y, exact) <= limit, "f({x:e}) = {y:e}, but {exact:e} is right");
        let alone = f(std::hint::black_box(x));
        assert!(alone.to_bits() == y.to_bits() || y.is_nan(), "f({x:e}) = {alone:e}, vectorised {y:e}");
    }
}

/// The limits are the largest errors over all arguments, as stated in the documentation of the module.
macro_rules! check {
    ($($function:ident, $limit:expr;)*) => {
        $(
            #[test]
            fn $function() {
                check(#[inline(always)] |x| super::$function(x), <f64 as Float>::$function, $limit);
            }
        )*
    };
}

check! {
    exp, 0.91;
    exp_m1, 0.501;
    ln, 0.501;
    ln_1p, 0.501;
    tanh, 1.21;
    sigmoid, 1.67;
    sin, 0.502;
    cos, 0.502;
}

#[test]
fn f64_functions_satisfy_their_identities() {
    for i in -400..400 {
        let x = f64::from(i) * 0.05;
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 4e-15 * b.abs().max(1e-3), "{x}: {a} and {b}");
        close(Float::ln(Float::exp(x)), x);
        close(Float::ln_1p(Float::exp_m1(x.abs())), x.abs());
        close(Float::sigmoid(x), 1.0 / (1.0 + 1.0 / Float::exp(x)));
        close(Float::tanh(x), 2.0 * Float::sigmoid(2.0 * x) - 1.0);
        close(Float::sin(x).powi(2) + Float::cos(x).powi(2), 1.0);
        close(Float::powf(x.abs(), 3.0), x.abs() * x * x);
    }
    assert_eq!([Float::sigmoid(-1e4), Float::sigmoid(1e4)], [0.0, 1.0]);
}

#[test]
fn powers_follow_c() {
    assert_eq!(Float::powf(-2f32, 3.0), -8.0);
    assert_eq!(Float::powf(0f32, 0.0), 1.0);
    assert_eq!(Float::powf(2f32, -149.0), f32::from_bits(1));
    assert!(Float::powf(-2f32, 0.5).is_nan());
}
