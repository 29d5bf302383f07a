//! Operations of one operand, element by element.

#[cfg(test)]
mod cases;
mod expand;

#[cfg(test)]
pub(super) use cases::cases;
use expand::expanded;

use crate::op::{Attributes, Lowering, Op};
use crate::tape::graph::Var;
use tensor::{DType, ScalarExpr, ShapeError, Spec, Tensor, kernels, rules};

/// Beyond this a sigmoid is 0 or 1 to the last bit and its slope 0, and `∞ · 0` would be NaN.
const FAR: f64 = 1000.0;

macro_rules! unary {
    ($($(#[$doc:meta])* $op:ident, $name:ident, |$x:ident, $y:ident, $dy:ident| $vjp:expr;)*) => {
        $(
            struct $op;

            impl Op<1> for $op {
                fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
                    Ok(x)
                }
                #[track_caller]
                fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
                    x.$name()
                }
                #[allow(unused_variables)]
                fn vjp<'g>(&self, [$x]: [Var<'g>; 1], $y: Var<'g>, $dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
                    [Some($vjp)]
                }
                fn lower(&self) -> Lowering {
                    Lowering::elementwise(|[x]| x.$name())
                }
            }

            impl<'g> Var<'g> {
                $(#[$doc])*
                ///
                /// # Panics
                /// If the elements are of a type that it is not defined for.
                #[track_caller]
                pub fn $name(self) -> Var<'g> {
                    self.apply($op)
                }
            }
        )*
    };
}

unary! {
    /// `−x`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0.0_f64, 4.0]));
    /// assert_eq!((-x.sqrt()).value(), Tensor::from([0.0, -2.0]));
    /// assert_eq!(x.exp().ln().value(), x.value());
    /// ```
    Neg, neg, |x, y, dy| -dy;
    /// `|x|`; its gradient at 0 is 0.
    Abs, abs, |x, y, dy| dy * x.sign();
    /// `x²`.
    Square, square, |x, y, dy| dy * x * 2.0;
    /// `√x`. Errors 1, 2, 3 eps.
    Sqrt, sqrt, |x, y, dy| dy / (y * 2.0);
    /// `1 / x`. Errors 1, 2, 3 eps.
    Recip, recip, |x, y, dy| -(dy * y * y);
    /// `e^x`. Errors 1, 2, 3 eps.
    Exp, exp, |x, y, dy| dy * y;
    /// `e^x − 1`, accurate near 0. Errors 1, 2, 3 eps.
    ExpM1, exp_m1, |x, y, dy| dy * x.exp();
    /// The natural logarithm. Errors 1, 2, 3 eps.
    Ln, ln, |x, y, dy| dy / x;
    /// `ln(1 + x)`, accurate near 0. Errors 1, 2, 3 eps.
    Ln1p, ln_1p, |x, y, dy| dy / (x + 1.0);
    /// The sine of an angle in radians. Errors 1, 2, 3 eps.
    Sin, sin, |x, y, dy| dy * x.cos();
    /// The cosine of an angle in radians. Errors 1, 2, 3 eps.
    Cos, cos, |x, y, dy| -(dy * x.sin());
    /// The hyperbolic tangent. Errors 2, 4, 4 eps, also where it is nearly ±1: the gradient is `4 σ′(2x)` with the logistic
    /// function's σ′, not `1 − y²`.
    Tanh, tanh, |x, y, dy| sigmoid_grad(x * 2.0, dy) * 4.0;
    /// The logistic function `1 / (1 + e^−x)`. Errors 2, 4, 4 eps, also where it is nearly 1.
    Sigmoid, sigmoid, |x, y, dy| sigmoid_grad(x, dy);
    /// `ln(1 + e^x)`, a smooth rectifier, without overflow. Errors 2, 4, 4 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0.0_f64, 1000.0]));
    /// assert_eq!(x.softplus().value(), Tensor::from([2.0_f64.ln(), 1000.0]));
    /// ```
    Softplus, softplus, |x, y, dy| dy * x.sigmoid();
    /// `x · sigmoid(x)`, also known as swish. Errors 2, 4, 6 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0.0_f64, 1000.0]));
    /// assert_eq!(x.silu().value(), Tensor::from([0.0, 1000.0]));
    /// ```
    Silu, silu, |x, y, dy| {
        let x = x.clamp(-FAR, FAR);
        dy * (x.sigmoid() + sigmoid_grad(x, x))
    };
    /// The Gaussian error linear unit in its usual approximation,
    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))` (Hendrycks and Gimpel, 2016). Errors 8, 10, 250 eps, most of
    /// them for negative numbers, where it is nearly 0.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0.0_f64, 1000.0]));
    /// assert_eq!(x.gelu().value(), Tensor::from([0.0, 1000.0]));
    /// ```
    Gelu, gelu, |x, y, dy| {
        let x = x.clamp(-FAR, FAR);
        let (square, [a, b]) = (x * x, kernels::GELU_GATE);
        let gate = x * (square * b + a);
        dy * (gate.sigmoid() + x * sigmoid_grad(gate, square * (3.0 * b) + a))
    };
    /// The rectifier `max(x, 0)`; its gradient at 0 is 0. Where `x` is NaN so is the value, and the gradient passes: what
    /// comes from a NaN is not made a 0.
    Relu, relu, |x, y, dy| y.graph().apply(ReluGrad, [y, dy]);
}

/// `dy · σ′(x)`, the gradient of the logistic function σ.
struct SigmoidGrad;

#[track_caller]
fn sigmoid_grad<'g>(x: Var<'g>, dy: Var<'g>) -> Var<'g> {
    x.graph().apply(SigmoidGrad, [x, dy])
}

impl Op<2> for SigmoidGrad {
    fn infer(&self, [x, dy]: [Spec; 2]) -> Result<Spec, ShapeError> {
        rules::same_dtype("sigmoid_grad", &[x, dy])?;
        Ok(x.with_shape(tensor::broadcast_shape("sigmoid_grad", x.shape, dy.shape)?))
    }
    #[track_caller]
    fn forward(&self, [x, dy]: [&Tensor; 2]) -> Tensor {
        kernels::sigmoid_grad(x, dy)
    }
    fn vjp<'g>(
        &self,
        [x, dy]: [Var<'g>; 2],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        [
            // σ″ = σ′ (1 − 2σ), and 1 − 2σ(x) is −tanh(x/2), which loses no digits around 0.
            need[0].then(|| -(sigmoid_grad(x, dz * dy) * (x * 0.5).tanh())),
            need[1].then(|| sigmoid_grad(x, dz)),
        ]
    }
    fn lower(&self) -> Lowering {
        Lowering::elementwise(|[x, dy]| x.sigmoid_grad(dy))
    }
}

/// What is left of the gradient `dy` where the rectifier's result `y` is not 0.
struct ReluGrad;

impl Op<2> for ReluGrad {
    fn infer(&self, [y, dy]: [Spec; 2]) -> Result<Spec, ShapeError> {
        rules::same_dtype("relu_grad", &[y, dy])?;
        Ok(y.with_shape(tensor::broadcast_shape("relu_grad", y.shape, dy.shape)?))
    }
    #[track_caller]
    fn forward(&self, [y, dy]: [&Tensor; 2]) -> Tensor {
        kernels::relu_grad(y, dy)
    }
    fn vjp<'g>(&self, [y, _]: [Var<'g>; 2], _: Var<'g>, dz: Var<'g>, _: [bool; 2]) -> [Option<Var<'g>>; 2] {
        [None, Some(dz.graph().apply(ReluGrad, [y, dz]))]
    }
    // Which numbers are 0 changes almost nowhere.
    fn differentiable(&self, i: usize) -> bool {
        i == 1
    }
    fn lower(&self) -> Lowering {
        Lowering::elementwise(|[y, dy]| y.relu_grad(dy))
    }
}

macro_rules! flat {
    ($($(#[$doc:meta])* $op:ident, $name:ident;)*) => {
        $(
            struct $op;

            impl Op<1> for $op {
                fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
                    Ok(x)
                }
                #[track_caller]
                fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
                    x.$name()
                }
                fn differentiable(&self, _: usize) -> bool {
                    false
                }
                fn lower(&self) -> Lowering {
                    Lowering::elementwise(|[x]| x.$name())
                }
            }

            impl<'g> Var<'g> {
                $(#[$doc])*
                ///
                /// It is flat almost everywhere, so no gradient flows through it.
                ///
                /// # Panics
                /// If the elements are of a type that it is not defined for.
                #[track_caller]
                pub fn $name(self) -> Var<'g> {
                    self.apply($op)
                }
            }
        )*
    };
}

flat! {
    /// −1, 0 or 1 as `x` is negative, zero or positive.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([-1.5_f32, 0.0, 2.5]));
    /// assert_eq!(x.sign().value(), Tensor::from([-1.0_f32, 0.0, 1.0]));
    /// assert_eq!(x.round().value(), Tensor::from([-2.0_f32, 0.0, 2.0]));
    /// ```
    Sign, sign;
    /// The largest integer not above `x`.
    Floor, floor;
    /// The smallest integer not below `x`.
    Ceil, ceil;
    /// The nearest integer, halves to the even one.
    Round, round;
    /// `¬x` of truth values.
    LogicalNot, logical_not;
}

/// The value itself, where no gradient passes.
struct Detach;

impl Op<1> for Detach {
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x)
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.clone()
    }
    fn differentiable(&self, _: usize) -> bool {
        false
    }
}

struct Clamp {
    low: f64,
    high: f64,
}

impl Op<1> for Clamp {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("low", self.low).with("high", self.high)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        rules::check_clamp(x.shape, self.low, self.high)?;
        Ok(x)
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.clamp(self.low, self.high)
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        let outside = x.less(x.scalar(self.low)).logical_or(x.greater(x.scalar(self.high)));
        [Some(outside.select(dy.scalar(0.0), dy))]
    }
    fn lower(&self) -> Lowering {
        Lowering::elementwise(|[x]| x.clamp(self.low, self.high))
    }
}

/// Conversion to another element type; the gradient is converted back.
struct Cast(DType);

impl Op<1> for Cast {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("dtype", self.0)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_dtype(self.0))
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.to(self.0)
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy.to(x.dtype()))]
    }
    fn lower(&self) -> Lowering {
        match self.0 {
            DType::F32 => Lowering::elementwise(|[x]| x.to_number()),
            _ => Lowering::Opaque,
        }
    }
}

impl<'g> Var<'g> {
    /// This variable, if it holds floats; what is composed of several operations asks first, to refuse by its own name.
    #[track_caller]
    pub(crate) fn floats(self, op: &str) -> Var<'g> {
        if !self.dtype().is_float() {
            panic!(
                "{op}: the tensor {} holds {}, not floats; convert it with .to(…)",
                self.shape(),
                self.dtype()
            );
        }
        self
    }

    /// The same value as a constant of differentiation: no gradient flows through it.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from(3.0_f32));
    /// let [dx] = graph.grad(x * x.detach(), [x]);
    /// assert_eq!(dx.item(), 3.0); // and not 6
    /// ```
    pub fn detach(self) -> Var<'g> {
        self.apply(Detach)
    }

    /// `x` kept within `low..=high`; no gradient outside. Where `x` is NaN so is the value, and the gradient passes.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([-2.0_f32, 0.5, 2.0]));
    /// assert_eq!(x.clamp(-1.0, 1.0).value(), Tensor::from([-1.0_f32, 0.5, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If `low` is not at most `high`, or the elements are not floats.
    #[track_caller]
    pub fn clamp(self, low: f64, high: f64) -> Var<'g> {
        self.apply(Clamp { low, high })
    }

    /// The elements converted to another type.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([-1.7_f32, 2.5]));
    /// assert_eq!(x.to(DType::I64).value(), Tensor::from([-1_i64, 2]));
    /// ```
    #[track_caller]
    pub fn to(self, dtype: DType) -> Var<'g> {
        if dtype == self.dtype() { self } else { self.apply(Cast(dtype)) }
    }

    /// `x^exponent` for a fixed exponent. Errors 1, 3, 4 eps for an exponent of 2.5.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 4.0]));
    /// assert_eq!(x.powf(2.0).value(), Tensor::from([1.0_f32, 16.0]));
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn powf(self, exponent: f64) -> Var<'g> {
        expanded(&ScalarExpr::new(|[x]| x.powf(exponent)), &[self.floats("powf")])
    }

    /// The tangent of an angle in radians. Errors 2, 4, 8 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from(std::f64::consts::FRAC_PI_4));
    /// assert!((x.tan().item() - 1.0).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn tan(self) -> Var<'g> {
        expanded(&ScalarExpr::new(|[x]| x.tan()), &[self.floats("tan")])
    }

    /// A rectifier that lets a little through: `x` if positive, else `slope · x`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([-2.0_f32, 3.0]));
    /// assert_eq!(x.leaky_relu(0.5).value(), Tensor::from([-1.0_f32, 3.0]));
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Var<'g> {
        expanded(&ScalarExpr::new(|[x]| x.leaky_relu(slope)), &[self.floats("leaky_relu")])
    }

    /// The exponential linear unit: `x` if positive, else `scale · (e^x − 1)`. Errors 1, 2, 3 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([-1000.0_f32, 3.0]));
    /// assert_eq!(x.elu(1.5).value(), Tensor::from([-1.5_f32, 3.0]));
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn elu(self, scale: f64) -> Var<'g> {
        expanded(&ScalarExpr::new(|[x]| x.elu(scale)), &[self.floats("elu")])
    }
}
