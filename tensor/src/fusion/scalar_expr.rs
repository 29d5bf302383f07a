//! Functions of single numbers as values, which a [`Fused`](crate::Fused) program of them is made of.

use crate::ops::elementwise::kernels;
use crate::runtime::loops::{map, map_pairs};
use crate::runtime::simd::vectorize;

/// A function of up to six `f32`, applied to slices element by element: the same arithmetic, to the bit, as the
/// method of the same name on a whole tensor. Truth values are the numbers 0 and 1.
///
/// ```
/// use tensor::Scalar;
/// assert_eq!(Scalar::add().arity(), 2);
/// ```
#[derive(Clone, Copy)]
pub struct Scalar {
    name: &'static str,
    function: Function,
}

/// No function has more operands.
pub(crate) const MOST_OPERANDS: usize = 6;

type Ternary = fn(&[f32], &[f32], &[f32], &mut [f32]);

#[derive(Clone, Copy)]
pub(crate) enum Function {
    One(fn(&[f32], &mut [f32])),
    Two(fn(&[f32], &[f32], &mut [f32])),
    Three(Ternary),
    Five(fn([&[f32]; 5], &mut [f32])),
    Six(fn([&[f32]; 6], &mut [f32])),
    Clamp { low: f32, high: f32 },
}

/// Sums over all rows of `[…, channels]`, some for each channel, of functions of single numbers: what
/// [`FusedSums`](crate::FusedSums) can compute of numbers that are nowhere in memory.
///
/// ```
/// use tensor::ChannelSums;
/// assert_eq!(ChannelSums::normalize().rows(), 2);
/// ```
#[derive(Clone, Copy)]
pub struct ChannelSums {
    pub(crate) rows: usize,
    /// Adds to the totals, see `ops/per_channel.rs`, what the operands give.
    pub(crate) add: fn([&[f32]; ChannelSums::OPERANDS], &mut [f32]),
}

impl ChannelSums {
    /// How many operands the functions have.
    pub(crate) const OPERANDS: usize = 4;

    /// How many sums there are for each channel.
    pub fn rows(self) -> usize {
        self.rows
    }
}

impl Scalar {
    pub(crate) fn new(name: &'static str, function: Function) -> Scalar {
        Scalar { name, function }
    }

    /// The function that does the same to what `first` gives, and to its other operands behind those of `first`: what is
    /// between stays in a register. `None` if there is none; there are those of what follows a batch normalisation.
    pub(crate) fn after(self, first: Scalar) -> Option<Scalar> {
        match [first.name, self.name] {
            ["normalize", "relu"] => Some(Scalar::normalize_relu()),
            ["normalize_relu", "relu_grad"] => Some(Scalar::normalize_relu_grad()),
            _ => None,
        }
    }

    /// How many numbers it is a function of.
    pub fn arity(self) -> usize {
        match self.function {
            Function::One(_) | Function::Clamp { .. } => 1,
            Function::Two(_) => 2,
            Function::Three(_) => 3,
            Function::Five(_) => 5,
            Function::Six(_) => 6,
        }
    }

    /// `out[i] = f(x[0][i], x[1][i], …)`.
    pub(crate) fn apply(self, x: [&[f32]; MOST_OPERANDS], out: &mut [f32]) {
        match self.function {
            Function::One(f) => f(x[0], out),
            Function::Two(f) => f(x[0], x[1], out),
            Function::Three(f) => f(x[0], x[1], x[2], out),
            Function::Five(f) => {
                let [a, b, c, d, e, _] = x;
                f([a, b, c, d, e], out);
            }
            Function::Six(f) => f(x, out),
            Function::Clamp { low, high } => kernels::clamp(x[0], [low, high], out),
        }
    }

    // Constructors are not inlined: a crate that they are inlined in compiles their loops once more, with its own settings.

    /// The number itself; also a truth value as a number.
    #[inline(never)]
    pub fn same() -> Scalar {
        Scalar::new("same", Function::One(|x, out| out.copy_from_slice(x)))
    }

    /// The first number kept within the bounds, see [`Tensor::clamp`](crate::Tensor::clamp).
    pub fn clamp(low: f64, high: f64) -> Scalar {
        Scalar::new("clamp", Function::Clamp { low: low as f32, high: high as f32 })
    }

    /// `if condition { a } else { b }`, see [`Tensor::select`](crate::Tensor::select).
    #[inline(never)]
    pub fn select() -> Scalar {
        Scalar::new(
            "select",
            Function::Three(|c, a, b, out| {
                vectorize(
                    #[inline(always)]
                    || {
                        let operands = c.iter().zip(a.iter().zip(b));
                        out.iter_mut().zip(operands).for_each(|(o, (&c, (&a, &b)))| *o = choose(c, a, b));
                    },
                );
            }),
        )
    }

    /// `¬x`, see [`Tensor::logical_not`](crate::Tensor::logical_not).
    #[inline(never)]
    pub fn logical_not() -> Scalar {
        Scalar::new(
            "logical_not",
            Function::One(|x, out| {
                map(
                    x,
                    out,
                    #[inline(always)]
                    |x: f32| 1.0 - x,
                )
            }),
        )
    }

    /// `x ∧ y`, see [`Tensor::logical_and`](crate::Tensor::logical_and).
    #[inline(never)]
    pub fn logical_and() -> Scalar {
        Scalar::new(
            "logical_and",
            Function::Two(|x, y, out| {
                map_pairs(
                    x,
                    y,
                    out,
                    #[inline(always)]
                    |x: f32, y: f32| x * y,
                )
            }),
        )
    }

    /// `x ∨ y`, see [`Tensor::logical_or`](crate::Tensor::logical_or).
    #[inline(never)]
    pub fn logical_or() -> Scalar {
        Scalar::new(
            "logical_or",
            Function::Two(|x, y, out| {
                map_pairs(
                    x,
                    y,
                    out,
                    #[inline(always)]
                    |x: f32, y: f32| if x >= y { x } else { y },
                )
            }),
        )
    }
}

/// `if c is not 0 { a } else { b }`, in bits: written as a choice, the compiler makes it a jump for each number.
#[inline(always)]
fn choose(c: f32, a: f32, b: f32) -> f32 {
    let mask = if c != 0.0 { u32::MAX } else { 0 };
    f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask)
}

/// `if condition { 0 } else { x }`, likewise.
#[inline(always)]
pub(crate) fn unless(condition: bool, x: f32) -> f32 {
    f32::from_bits(x.to_bits() & if condition { 0 } else { u32::MAX })
}
