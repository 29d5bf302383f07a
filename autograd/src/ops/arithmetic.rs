//! Operations of two operands, with broadcasting; the engine sums the gradients back to the operands' shapes.

use crate::op::{Lowering, Op};
use crate::tape::graph::Var;
use tensor::{DType, ShapeError, Spec, Tensor, broadcast_shape};

macro_rules! binary {
    ($($(#[$doc:meta])* $op:ident, $name:ident, |$x:ident, $other:ident, $y:ident, $dy:ident| $left:expr, $right:expr;)*) => {
        $(
            struct $op;

            impl Op<2> for $op {
                fn infer(&self, [a, b]: [Spec; 2]) -> Result<Spec, ShapeError> {
                    Ok(a.with_shape(broadcast_shape(stringify!($name), a.shape, b.shape)?))
                }
                #[track_caller]
                fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
                    a.$name(b)
                }
                #[allow(unused_variables)]
                fn vjp<'g>(
                    &self,
                    [$x, $other]: [Var<'g>; 2],
                    $y: Var<'g>,
                    $dy: Var<'g>,
                    need: [bool; 2],
                ) -> [Option<Var<'g>>; 2] {
                    [need[0].then(|| $left), need[1].then(|| $right)]
                }
                fn lower(&self) -> Lowering {
                    Lowering::elementwise(|[x, y]| x.$name(y))
                }
            }

            impl<'g> Var<'g> {
                $(#[$doc])*
                ///
                /// # Panics
                /// If the shapes do not broadcast or the element types differ.
                #[track_caller]
                pub fn $name(self, other: Var<'g>) -> Var<'g> {
                    self.graph.apply($op, [self, other])
                }
            }
        )*
    };
}

binary! {
    /// `x + y`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 4.0]));
    /// let y = graph.input(Tensor::from([[2.0_f32], [3.0]])); // broadcast
    /// assert_eq!((x * y - x).value(), Tensor::from([[1.0_f32, 4.0], [2.0, 8.0]]));
    /// assert_eq!(x.pow(y).value(), Tensor::from([[1.0_f32, 16.0], [1.0, 64.0]]));
    /// assert_eq!(x.maximum(y).value(), Tensor::from([[2.0_f32, 4.0], [3.0, 4.0]]));
    /// ```
    Add, add, |a, b, y, dy| dy, dy;
    /// `x − y`.
    Sub, sub, |a, b, y, dy| dy, -dy;
    /// `x · y`.
    Mul, mul, |a, b, y, dy| dy * b, dy * a;
    /// `x / y`.
    Div, div, |a, b, y, dy| dy / b, -(dy * y / b);
    /// `x^y`. The gradient in `x` is 0 where `y` is 0, the one in `y` where `x` is 0 and `y` is not negative;
    /// that in `y` is NaN where `x` is negative, since it has the logarithm of `x`.
    Pow, pow, |a, b, y, dy| {
        let (zero, one) = (dy.scalar(0.0), dy.scalar(1.0));
        let flat = b.equal(zero);
        // The inner choice keeps the second gradient from 0^−1.
        flat.select(zero, dy * b * a.pow(flat.select(one, b) - 1.0))
    }, {
        let zero = dy.scalar(0.0);
        let flat = a.equal(zero).logical_and(b.greater_equal(zero));
        flat.select(zero, dy * y * flat.select(dy.scalar(1.0), a).ln())
    };
    /// The larger of `x` and `y`; where they are equal the gradient goes to `x`. NaN if either is.
    Maximum, maximum, |a, b, y, dy| {
        a.less(b).select(dy.scalar(0.0), dy)
    }, {
        a.less(b).select(dy, dy.scalar(0.0))
    };
    /// The smaller of `x` and `y`; where they are equal the gradient goes to `x`. NaN if either is.
    Minimum, minimum, |a, b, y, dy| {
        a.greater(b).select(dy.scalar(0.0), dy)
    }, {
        a.greater(b).select(dy, dy.scalar(0.0))
    };
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $op:ident, $name:ident;)*) => {
        $(
            struct $op;

            impl Op<2> for $op {
                fn infer(&self, [a, b]: [Spec; 2]) -> Result<Spec, ShapeError> {
                    Ok(Spec { shape: broadcast_shape(stringify!($name), a.shape, b.shape)?, dtype: DType::Bool })
                }
                #[track_caller]
                fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
                    a.$name(b)
                }
                fn differentiable(&self, _: usize) -> bool {
                    false
                }
                fn lower(&self) -> Lowering {
                    Lowering::elementwise(|[x, y]| x.$name(y))
                }
            }

            impl<'g> Var<'g> {
                $(#[$doc])*
                ///
                /// # Panics
                /// If the shapes do not broadcast or the element types differ.
                #[track_caller]
                pub fn $name(self, other: Var<'g>) -> Var<'g> {
                    self.graph.apply($op, [self, other])
                }
            }
        )*
    };
}

comparisons! {
    /// Whether `x = y`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0, 3.0]));
    /// let two = graph.constant(2.0_f32);
    /// let (low, same) = (x.less(two), x.equal(two));
    /// assert_eq!(low.value(), Tensor::from([true, false, false]));
    /// assert_eq!(low.logical_or(same).value(), Tensor::from([true, true, false]));
    /// ```
    Equal, equal;
    /// Whether `x ≠ y`.
    NotEqual, not_equal;
    /// Whether `x < y`.
    Less, less;
    /// Whether `x ≤ y`.
    LessEqual, less_equal;
    /// Whether `x > y`.
    Greater, greater;
    /// Whether `x ≥ y`.
    GreaterEqual, greater_equal;
    /// `x ∧ y` of truth values.
    LogicalAnd, logical_and;
    /// `x ∨ y` of truth values.
    LogicalOr, logical_or;
}

/// `if condition { a } else { b }`, element by element.
struct Select;

impl Op<3> for Select {
    fn infer(&self, [c, a, b]: [Spec; 3]) -> Result<Spec, ShapeError> {
        Ok(a.with_shape(tensor::rules::select_shape(c.shape, a.shape, b.shape)?))
    }
    #[track_caller]
    fn forward(&self, [c, a, b]: [&Tensor; 3]) -> Tensor {
        c.select(a, b)
    }
    fn vjp<'g>(
        &self,
        [c, ..]: [Var<'g>; 3],
        _: Var<'g>,
        dy: Var<'g>,
        need: [bool; 3],
    ) -> [Option<Var<'g>>; 3] {
        let zero = dy.scalar(0.0);
        [None, need[1].then(|| c.select(dy, zero)), need[2].then(|| c.select(zero, dy))]
    }
    fn lower(&self) -> Lowering {
        Lowering::elementwise(|[c, a, b]| c.select(a, b))
    }
}

impl<'g> Var<'g> {
    /// Where this condition is true the element of `a`, elsewhere that of `b`; the three shapes broadcast.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([-1.0_f32, 2.0]));
    /// let y = x.less(x.zeros_like()).select(x * 0.5, x);
    /// assert_eq!(y.value(), Tensor::from([-0.5_f32, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If this is not `bool`, the types of `a` and `b` differ, or the shapes do not broadcast.
    #[track_caller]
    pub fn select(self, a: Var<'g>, b: Var<'g>) -> Var<'g> {
        self.graph.apply(Select, [self, a, b])
    }
}

impl<'g> Var<'g> {
    /// A number as an operand of the type of this one.
    #[track_caller]
    fn operand(self, op: &str, number: f64) -> Var<'g> {
        let dtype = self.dtype();
        if !dtype.holds(number) {
            panic!(
                "{op}: the tensor {} holds {dtype}, which {number} is not; convert it with .to(…)",
                self.shape()
            );
        }
        self.scalar(number)
    }
}

macro_rules! operators {
    ($($trait:ident, $method:ident;)*) => {
        $(
            impl<'g> std::ops::$trait for Var<'g> {
                type Output = Var<'g>;
                #[track_caller]
                fn $method(self, other: Var<'g>) -> Var<'g> {
                    Var::$method(self, other)
                }
            }
            impl<'g> std::ops::$trait<f64> for Var<'g> {
                type Output = Var<'g>;
                #[track_caller]
                fn $method(self, other: f64) -> Var<'g> {
                    Var::$method(self, self.operand(stringify!($method), other))
                }
            }
            impl<'g> std::ops::$trait<Var<'g>> for f64 {
                type Output = Var<'g>;
                #[track_caller]
                fn $method(self, other: Var<'g>) -> Var<'g> {
                    Var::$method(other.operand(stringify!($method), self), other)
                }
            }
        )*
    };
}
operators! {
    Add, add;
    Sub, sub;
    Mul, mul;
    Div, div;
}

impl<'g> std::ops::Neg for Var<'g> {
    type Output = Var<'g>;
    #[track_caller]
    fn neg(self) -> Var<'g> {
        Var::neg(self)
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let mut cases = vec![];
    for (a, b) in [([2, 3], vec![2, 3]), ([2, 3], vec![3]), ([2, 1], vec![1, 3]), ([2, 3], vec![])] {
        let (a, b) = (&a[..], &b[..]);
        cases.extend([
            Case::new("add", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| x[0] + x[1]),
            Case::new("sub", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| x[0] - x[1]),
            Case::new("mul", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| x[0] * x[1]),
            Case::new("div", [Case::normal(a, 1), Case::positive(b, 2)], |_, x| x[0] / x[1]),
            Case::new("pow", [Case::positive(a, 1), Case::normal(b, 2)], |_, x| x[0].pow(x[1])),
            Case::new("maximum", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| x[0].maximum(x[1])),
            Case::new("minimum", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| x[0].minimum(x[1])),
            Case::new("select", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| {
                x[0].less(x[1]).select(x[0] * 2.0, x[1])
            }),
        ]);
    }
    cases
}
