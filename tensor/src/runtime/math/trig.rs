//! Sine and cosine, exact to the last place for every f32, however large.

use std::f64::consts::FRAC_PI_2;

use super::exp::polynomial_f64;

/// The sine of an angle in radians; NaN for ±∞.
#[inline(always)]
pub(crate) fn sin(x: f32) -> f32 {
    let (quadrant, r) = reduce(x);
    let sine = sine_at(quadrant, r);
    f64::from_bits(sine.to_bits() ^ ((x.to_bits() as u64 >> 31) << 63)) as f32
}

/// The cosine of an angle in radians; NaN for ±∞.
#[inline(always)]
pub(crate) fn cos(x: f32) -> f32 {
    let (quadrant, r) = reduce(x);
    sine_at(quadrant.wrapping_add(1), r) as f32
}

/// sin(quadrant π/2 + r) for |r| ≤ π/4, by Taylor series. Only the two lowest bits of `quadrant` count.
#[inline(always)]
fn sine_at(quadrant: u64, r: f64) -> f64 {
    let z = r * r;
    let sine = r * polynomial_f64(
        z,
        [1.0, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362880.0, -1.0 / 39916800.0],
    );
    let cosine = polynomial_f64(z, [1.0, -0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40320.0, -1.0 / 3628800.0]);
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62))
}

/// (quadrant, r) with |x| = quadrant π/2 + r and |r| ≤ π/4; NaN for infinite x.
///
/// |x| is multiplied by 2/π piece by piece (after Payne and Hanek, 1983), and whole numbers are set aside at each step. A
/// float times a piece of 26 bits has at most 50, so the steps are exact until what is added is too small to matter.
#[inline(always)]
fn reduce(x: f32) -> (u64, f64) {
    /// 2/π in pieces of 26 bits, the first after the binary point first.
    const PIECES: [u64; 6] = [0x28be60d, 0x2e4e441, 0x14a7f09, 0x357d1f5, 0x0d37703, 0x1b62959];
    /// The next 52 bits.
    const REST: u64 = 0x93c439041fe51;
    /// Adding and subtracting it rounds to a whole number, whose lowest bits are also those of the sum.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    /// With 50 bits, a product from here on is a multiple of 4, that is, whole turns; and too large for `ROUND`.
    const LARGE: f64 = (1u64 << 51) as f64;
    let x = x.abs() as f64;
    let mut quadrant = 0u64;
    // In quarter turns. The product is 0, or NaN for infinite x.
    let mut turn = x * 0.0;
    for (i, piece) in PIECES.into_iter().enumerate() {
        let product = x * (piece as f64 * negative_power_of_two(26 * (i as u64 + 1)));
        // From the fourth piece on, no f32 gives a large product.
        turn += if i > 2 || product < LARGE { product } else { 0.0 };
        let rounded = turn + ROUND;
        quadrant = quadrant.wrapping_add(rounded.to_bits());
        turn -= rounded - ROUND;
    }
    turn += x * (REST as f64 * negative_power_of_two(208));
    (quadrant, turn * FRAC_PI_2)
}

/// 2^−n for n < 1023.
#[inline(always)]
fn negative_power_of_two(n: u64) -> f64 {
    f64::from_bits((1023 - n) << 52)
}
