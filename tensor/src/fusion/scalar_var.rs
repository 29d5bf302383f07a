//! Writing a scalar expression down, as variables are written in formulas.

use super::scalar_op::{Operand, ScalarOp, Step};
use crate::for_scalar_ops;
use crate::ops::elementwise::kernels::GELU_GATE;
use std::cell::RefCell;

/// Where an expression is written down; what is computed twice is there once.
#[derive(Debug, Default)]
pub(super) struct Arena(RefCell<Vec<Step>>);

impl Arena {
    /// What has been written down.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.0.borrow().clone()
    }

    #[track_caller]
    pub(super) fn push(&self, op: ScalarOp, operands: Vec<Operand>) -> Operand {
        let mut steps = self.0.borrow_mut();
        for (i, &operand) in operands.iter().enumerate() {
            let what = || match operand {
                Operand::Result(r) => steps[r].0.name(),
                _ => "a constant",
            };
            match (op.wants_truth(i), is_truth(&steps, operand)) {
                (Some(true), Some(false)) => panic!(
                    "scalar expression: {} takes a truth value, and {} is a number; compare it first",
                    op.name(),
                    what()
                ),
                (Some(false), Some(true)) if op != ScalarOp::Select => panic!(
                    "scalar expression: {} takes numbers, and {} gives a truth value; convert it with to_number()",
                    op.name(),
                    what()
                ),
                _ => {}
            }
        }
        let alike = if op == ScalarOp::Select { &operands[1..] } else { &operands[..] };
        if let [a, b] = alike
            && let (Some(a), Some(b)) = (is_truth(&steps, *a), is_truth(&steps, *b))
            && a != b
        {
            panic!(
                "scalar expression: {} takes two numbers or two truth values, and not one of each; convert one with to_number()",
                op.name()
            );
        }
        let step = (op, operands);
        let known = steps.iter().position(|other| *other == step);
        Operand::Result(known.unwrap_or_else(|| {
            steps.push(step);
            steps.len() - 1
        }))
    }
}

/// Whether an operand is a truth value; not known of an input.
fn is_truth(steps: &[Step], operand: Operand) -> Option<bool> {
    match operand {
        Operand::Input(_) => None,
        Operand::Constant(_) => Some(false),
        Operand::Result(r) => match &steps[r] {
            (ScalarOp::Select, operands) => {
                operands[1..].iter().find_map(|&operand| is_truth(steps, operand))
            }
            (op, _) => Some(op.is_truth()),
        },
    }
}

/// A number in a [`ScalarExpr`](crate::ScalarExpr) that is being written down.
#[derive(Clone, Copy, Debug)]
pub struct ScalarVar<'e> {
    arena: &'e Arena,
    operand: Operand,
}

impl<'e> ScalarVar<'e> {
    /// An input, constant or result in the expression of this arena.
    pub(super) fn new(arena: &'e Arena, operand: Operand) -> ScalarVar<'e> {
        ScalarVar { arena, operand }
    }

    #[track_caller]
    fn apply<const N: usize>(self, op: ScalarOp, others: [Operand; N]) -> ScalarVar<'e> {
        let operands = std::iter::once(self.operand).chain(others).collect();
        ScalarVar { operand: self.arena.push(op, operands), ..self }
    }
}

/// Something that can stand beside a [`ScalarVar`]: another, or a constant.
pub trait ScalarOperand<'e> {
    /// As an operand.
    fn operand(self) -> Operand;
}
impl<'e> ScalarOperand<'e> for ScalarVar<'e> {
    fn operand(self) -> Operand {
        self.operand
    }
}
impl<'e> ScalarOperand<'e> for f64 {
    fn operand(self) -> Operand {
        Operand::Constant(self)
    }
}

macro_rules! methods {
    ($($op:ident $name:ident($x:ident $(, $y:ident)*) $($symbol:literal)?: $kind:ident;)*) => {
        impl<'e> ScalarVar<'e> {
            $(
                #[doc = concat!("See [`Tensor::", stringify!($name), "`](crate::Tensor::", stringify!($name), ").")]
                #[track_caller]
                #[allow(clippy::should_implement_trait, reason = "the operators are there too")]
                pub fn $name(self $(, $y: impl ScalarOperand<'e>)*) -> ScalarVar<'e> {
                    self.apply(ScalarOp::$op, [$($y.operand()),*])
                }
            )*
        }
    };
}
for_scalar_ops!(methods);

/// What is composed of others.
impl<'e> ScalarVar<'e> {
    /// A constant in the same expression.
    pub fn constant(self, x: f64) -> ScalarVar<'e> {
        ScalarVar { operand: Operand::Constant(x), ..self }
    }

    /// A number as it is, a truth value as 0 or 1.
    pub fn to_number(self) -> ScalarVar<'e> {
        self.apply(ScalarOp::ToNumber, [])
    }

    /// Whether `x > y`.
    #[track_caller]
    pub fn greater(self, other: impl ScalarOperand<'e>) -> ScalarVar<'e> {
        ScalarVar { operand: other.operand(), ..self }.less(self)
    }

    /// Whether `x ≥ y`.
    #[track_caller]
    pub fn greater_equal(self, other: impl ScalarOperand<'e>) -> ScalarVar<'e> {
        ScalarVar { operand: other.operand(), ..self }.less_equal(self)
    }

    /// `x²`
    #[track_caller]
    pub fn square(self) -> ScalarVar<'e> {
        self * self
    }

    /// `1 / x`
    #[track_caller]
    pub fn recip(self) -> ScalarVar<'e> {
        1.0 / self
    }

    /// `x` kept within `low..=high`, see [`Tensor::clamp`](crate::Tensor::clamp).
    #[track_caller]
    pub fn clamp(self, low: f64, high: f64) -> ScalarVar<'e> {
        assert!(low <= high, "scalar expression: clamp between {low} and {high}, which is no range");
        self.maximum(low).minimum(high)
    }

    /// `x^exponent` for a fixed exponent.
    #[track_caller]
    pub fn powf(self, exponent: f64) -> ScalarVar<'e> {
        self.pow(exponent)
    }

    /// The tangent of an angle in radians.
    #[track_caller]
    pub fn tan(self) -> ScalarVar<'e> {
        self.sin() / self.cos()
    }

    /// `x` if positive, else `slope · x`.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> ScalarVar<'e> {
        self.greater(0.0).select(self, self * slope)
    }

    /// `x` if positive, else `scale · (e^x − 1)`.
    #[track_caller]
    pub fn elu(self, scale: f64) -> ScalarVar<'e> {
        self.greater(0.0).select(self, self.minimum(0.0).exp_m1() * scale)
    }

    /// The rectifier `max(x, 0)`.
    #[track_caller]
    pub fn relu(self) -> ScalarVar<'e> {
        self.maximum(0.0)
    }

    /// See [`kernels::relu_grad`](crate::kernels::relu_grad).
    #[track_caller]
    pub fn relu_grad(self, dy: ScalarVar<'e>) -> ScalarVar<'e> {
        self.equal(0.0).select(0.0, dy)
    }

    /// See [`Tensor::softplus`](crate::Tensor::softplus).
    #[track_caller]
    pub fn softplus(self) -> ScalarVar<'e> {
        self.relu() + (-self.abs()).exp().ln_1p()
    }

    /// See [`kernels::sigmoid_grad`](crate::kernels::sigmoid_grad).
    #[track_caller]
    pub fn sigmoid_grad(self, dy: ScalarVar<'e>) -> ScalarVar<'e> {
        let e = (-self.abs()).exp();
        dy * (e / (1.0 + e).square())
    }

    /// See [`Tensor::silu`](crate::Tensor::silu).
    #[track_caller]
    pub fn silu(self) -> ScalarVar<'e> {
        self.gated(self)
    }

    /// See [`Tensor::gelu`](crate::Tensor::gelu).
    #[track_caller]
    pub fn gelu(self) -> ScalarVar<'e> {
        let [a, b] = GELU_GATE;
        self.gated(self * (self.square() * b + a))
    }

    /// `x · σ(gate)`. A gate far below 0 is closed, though `−∞ · 0` would be NaN.
    #[track_caller]
    fn gated(self, gate: ScalarVar<'e>) -> ScalarVar<'e> {
        self.maximum(-1000.0) * gate.sigmoid()
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident;)*) => {
        $(
            impl<'e, T: ScalarOperand<'e>> std::ops::$trait<T> for ScalarVar<'e> {
                type Output = ScalarVar<'e>;
                #[track_caller]
                fn $method(self, other: T) -> ScalarVar<'e> {
                    ScalarVar::$method(self, other)
                }
            }
            impl<'e> std::ops::$trait<ScalarVar<'e>> for f64 {
                type Output = ScalarVar<'e>;
                #[track_caller]
                fn $method(self, other: ScalarVar<'e>) -> ScalarVar<'e> {
                    other.constant(self).$method(other)
                }
            }
        )*
    };
}
operators! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl<'e> std::ops::Neg for ScalarVar<'e> {
    type Output = ScalarVar<'e>;
    #[track_caller]
    fn neg(self) -> ScalarVar<'e> {
        self.apply(ScalarOp::Neg, [])
    }
}
