//! Numbers in files: the types of elements, and what their bytes mean.

/// The type of an element in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    #[cfg_attr(not(feature = "npy"), allow(dead_code, reason = "IDX files have no truth values"))]
    Bool,
    /// Of 1, 2, 4 or 8 bytes.
    Signed(usize),
    /// Of 1, 2, 4 or 8 bytes.
    Unsigned(usize),
    /// Of 2, 4 or 8 bytes.
    Float(usize),
}

impl Kind {
    pub(super) fn bytes(self) -> usize {
        match self {
            Kind::Bool => 1,
            Kind::Signed(bytes) | Kind::Unsigned(bytes) | Kind::Float(bytes) => bytes,
        }
    }

    pub(super) fn name(self) -> String {
        match self {
            Kind::Bool => "bool".to_owned(),
            Kind::Signed(bytes) => format!("i{}", 8 * bytes),
            Kind::Unsigned(bytes) => format!("u{}", 8 * bytes),
            Kind::Float(bytes) => format!("f{}", 8 * bytes),
        }
    }

    /// The number whose little-endian bytes these are.
    pub(super) fn number(self, bytes: [u8; 8]) -> Number {
        let bits = u64::from_le_bytes(bytes);
        match self {
            Kind::Bool => Number::Whole((bits != 0).into()),
            Kind::Unsigned(_) => Number::Whole(bits.into()),
            // The sign, from the top of its bytes to that of all.
            Kind::Signed(width) => {
                let unused = 64 - 8 * width as u32;
                Number::Whole((((bits << unused) as i64) >> unused).into())
            }
            Kind::Float(2) => Number::Single(half(bits as u16)),
            Kind::Float(4) => Number::Single(f32::from_bits(bits as u32)),
            Kind::Float(_) => Number::Double(f64::from_bits(bits)),
        }
    }
}

/// A number of any kind.
pub(super) enum Number {
    Whole(i128),
    Single(f32),
    Double(f64),
}

/// The number that the 16 bits of an IEEE 754 binary16 are: sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from((bits >> 10) & 31), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // Subnormal: fraction · 2⁻²⁴.
        0 => fraction as f32 / (1 << 24) as f32,
        31 => f32::from_bits(0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(((exponent + 112) << 23) | (fraction << 13)),
    };
    f32::from_bits(magnitude.to_bits() | (u32::from(bits >> 15) << 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_their_definition_says() {
        for bits in 0..=u16::MAX {
            let (sign, exponent) = (if bits >> 15 == 1 { -1.0 } else { 1.0 }, i32::from((bits >> 10) & 31));
            let fraction = f64::from(bits & 0x3ff) / 1024.0;
            let expected = match exponent {
                0 => sign * fraction * 2.0_f64.powi(-14),
                31 if fraction == 0.0 => sign * f64::INFINITY,
                31 => f64::NAN,
                _ => sign * (1.0 + fraction) * 2.0_f64.powi(exponent - 15),
            };
            let found = f64::from(half(bits));
            assert!(found == expected || found.is_nan() && expected.is_nan(), "{bits:04x}: {found}");
            assert_eq!(found.is_sign_negative(), bits >> 15 == 1);
        }
    }
}
