//! The compiled loops of scalar expressions: one for each primitive function, and one for expressions that occur so often that
//! what is between should stay in a register of the processor. Each gives what its expression gives, to the bit.

use super::scalar_expr::ScalarExpr;
use super::scalar_op::ScalarOp;
use crate::for_scalar_ops;
use crate::ops::batch_norm::loops;
use crate::ops::elementwise::kernels;
use std::sync::LazyLock;

/// No loop has more operands.
pub(super) const MOST_OPERANDS: usize = 6;

/// A function of three numbers, applied to slices.
type Ternary = fn(&[f32], &[f32], &[f32], &mut [f32]);

/// A function applied to slices, element by element.
#[derive(Clone, Copy)]
pub(super) enum Loop {
    One(fn(&[f32], &mut [f32])),
    Two(fn(&[f32], &[f32], &mut [f32])),
    Three(Ternary),
    Five(fn([&[f32]; 5], &mut [f32])),
    Six(fn([&[f32]; 6], &mut [f32])),
}

impl Loop {
    /// How many slices it reads.
    pub(super) fn arity(self) -> usize {
        match self {
            Loop::One(_) => 1,
            Loop::Two(_) => 2,
            Loop::Three(_) => 3,
            Loop::Five(_) => 5,
            Loop::Six(_) => 6,
        }
    }

    /// `out[i] = f(x[0][i], x[1][i], …)`.
    pub(super) fn apply(self, x: [&[f32]; MOST_OPERANDS], out: &mut [f32]) {
        match self {
            Loop::One(f) => f(x[0], out),
            Loop::Two(f) => f(x[0], x[1], out),
            Loop::Three(f) => f(x[0], x[1], x[2], out),
            Loop::Five(f) => {
                let [a, b, c, d, e, _] = x;
                f([a, b, c, d, e], out);
            }
            Loop::Six(f) => f(x, out),
        }
    }
}

/// The loop of each primitive function under its name, with truth values as numbers.
mod primitives {
    use crate::runtime::loops::{map, map_pairs};
    use crate::runtime::simd::vectorize;

    pub(super) use crate::ops::elementwise::kernels::*;

    pub(super) fn logical_not(x: &[f32], out: &mut [f32]) {
        map(x, out, |x: f32| 1.0 - x);
    }

    pub(super) fn logical_and(x: &[f32], y: &[f32], out: &mut [f32]) {
        map_pairs(x, y, out, |x: f32, y: f32| x * y);
    }

    pub(super) fn logical_or(x: &[f32], y: &[f32], out: &mut [f32]) {
        map_pairs(x, y, out, |x: f32, y: f32| if x >= y { x } else { y });
    }

    /// `if condition { a } else { b }`, in bits: written as a choice, the compiler makes it a jump for each number.
    pub(super) fn select(condition: &[f32], a: &[f32], b: &[f32], out: &mut [f32]) {
        vectorize(
            #[inline(always)]
            || {
                let operands = condition.iter().zip(a.iter().zip(b));
                out.iter_mut().zip(operands).for_each(|(o, (&c, (&a, &b)))| {
                    let mask = if c != 0.0 { u32::MAX } else { 0 };
                    *o = f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask);
                });
            },
        );
    }
}

macro_rules! loop_of {
    ($f:path, $x:ident) => {
        Loop::One($f)
    };
    ($f:path, $x:ident, $y:ident) => {
        Loop::Two($f)
    };
    ($f:path, $x:ident, $y:ident, $z:ident) => {
        Loop::Three($f)
    };
}

macro_rules! compiled {
    ($($op:ident $name:ident($($x:ident),+) $($symbol:literal)?: $kind:ident;)*) => {
        impl ScalarOp {
            /// Its loop.
            pub(super) fn compiled(self) -> Loop {
                match self {
                    $(ScalarOp::$op => loop_of!(primitives::$name, $($x),+),)*
                    ScalarOp::ToNumber => Loop::One(|x, out| out.copy_from_slice(x)),
                }
            }
        }
    };
}
for_scalar_ops!(compiled);

/// The expressions that have a loop of their own.
static RECOGNISED: LazyLock<Vec<(ScalarExpr, Loop)>> = LazyLock::new(|| {
    vec![
        (ScalarExpr::new(|[x]| x.square()), Loop::One(kernels::square)),
        (ScalarExpr::new(|[x]| x.recip()), Loop::One(kernels::recip)),
        (ScalarExpr::new(|[x]| x.relu()), Loop::One(kernels::relu)),
        (ScalarExpr::new(|[y, dy]| y.relu_grad(dy)), Loop::Two(kernels::relu_grad)),
        (ScalarExpr::new(|[x]| x.softplus()), Loop::One(kernels::softplus)),
        (ScalarExpr::new(|[x, dy]| x.sigmoid_grad(dy)), Loop::Two(kernels::sigmoid_grad)),
        (ScalarExpr::new(|[x]| x.silu()), Loop::One(kernels::silu)),
        (ScalarExpr::new(|[x]| x.gelu()), Loop::One(kernels::gelu)),
        (
            ScalarExpr::new(|[x, mean, inv_std, scale, offset]| (x - mean) * inv_std * scale + offset),
            Loop::Five(loops::normalize),
        ),
        (
            ScalarExpr::new(|[x, mean, inv_std, scale, offset]| {
                ((x - mean) * inv_std * scale + offset).relu()
            }),
            Loop::Five(loops::normalize_relu),
        ),
        (
            ScalarExpr::new(|[x, mean, inv_std, scale, offset, dy]| {
                ((x - mean) * inv_std * scale + offset).relu().relu_grad(dy)
            }),
            Loop::Six(loops::normalize_relu_grad),
        ),
        (
            ScalarExpr::new(|[x, mean, factor, shift, slope, dy]| factor * (dy - shift - (x - mean) * slope)),
            Loop::Six(loops::normalize_grad),
        ),
    ]
});

impl ScalarExpr {
    /// The loop for all of it, if it has one: if it is a primitive function of its inputs, or is recognised.
    pub(super) fn compiled(&self) -> Option<Loop> {
        let mut steps = self.steps();
        if let (1, Some((op, operands))) = (self.steps().len(), steps.next()) {
            let inputs = (0..self.arity()).map(super::Operand::Input);
            if inputs.eq(operands.iter().copied()) {
                return Some(op.compiled());
            }
        }
        RECOGNISED.iter().find(|(known, _)| known == self).map(|(_, compiled)| *compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Rng, Tensor};

    /// Numbers of every kind: both zeros, infinities, NaN, subnormals, the largest.
    fn numbers(seed: u64) -> Vec<f32> {
        let edges =
            [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, -1e-45, f32::MAX];
        let rng = &mut Rng::new(seed);
        let normal = Tensor::normal([500], 0.0, 3.0, DType::F32, rng).to_vec::<f32>();
        // Every pair of edges meets in the columns of different seeds.
        let turned = (0..100).map(|i| edges[i * (seed as usize + 1) / [1, 10][seed as usize % 2] % 10]);
        turned.chain(normal).collect()
    }

    #[test]
    fn a_compiled_loop_has_the_bits_of_its_expression() {
        let columns: Vec<Vec<f32>> = (0..MOST_OPERANDS as u64).map(numbers).collect();
        for (expr, compiled) in RECOGNISED.iter() {
            assert_eq!(compiled.arity(), expr.arity(), "{expr}");
            let mut found = vec![0.0; columns[0].len()];
            compiled.apply(std::array::from_fn(|i| columns[i].as_slice()), &mut found);
            let x: Vec<Tensor> = columns.iter().map(|x| Tensor::from(x.as_slice())).collect();
            let expected = expr.define(&x.iter().take(expr.arity()).collect::<Vec<_>>()).to_vec::<f32>();
            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                assert!(same, "{expr} of row {i}: {found} and {expected}");
            }
        }
    }
}
