//! Activation functions as layers.

use crate::{Layer, Module, Var};

/// A function applied to each element by itself. It has no parameters and keeps the shape.
///
/// ```
/// use nn::{Activation, Graph, Layer, Tensor};
/// let graph = Graph::inference();
/// let x = graph.input(Tensor::from([-2.0_f32, 0.0, 3.0]));
/// assert_eq!(Activation::Relu.forward(x).value().to_vec::<f32>(), [0.0, 0.0, 3.0]);
/// assert_eq!(Activation::LeakyRelu(0.5).forward(x).value().to_vec::<f32>(), [-1.0, 0.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Module)]
pub enum Activation {
    /// `x`.
    Identity,
    /// The rectifier `max(x, 0)`; its gradient at 0 is 0.
    Relu,
    /// `x` if positive, else this slope times `x`.
    LeakyRelu(f64),
    /// `x` if positive, else this scale times `e^x − 1` (Clevert et al., 2015).
    Elu(f64),
    /// `1 / (1 + e^−x)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `ln(1 + e^x)`, a smooth rectifier.
    Softplus,
    /// `x · sigmoid(x)`, also known as swish.
    Silu,
    /// `x · Φ(x)` with Φ the normal distribution's, in its usual approximation by `tanh` (Hendrycks and Gimpel, 2016).
    Gelu,
}

impl Activation {
    fn name(self) -> &'static str {
        match self {
            Activation::Identity => "Identity",
            Activation::Relu => "Relu",
            Activation::LeakyRelu(_) => "LeakyRelu",
            Activation::Elu(_) => "Elu",
            Activation::Sigmoid => "Sigmoid",
            Activation::Tanh => "Tanh",
            Activation::Softplus => "Softplus",
            Activation::Silu => "Silu",
            Activation::Gelu => "Gelu",
        }
    }
}

impl Layer for Activation {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let _scope = x.graph().scope(self.name());
        super::expect_float(&self.name().to_lowercase(), x);
        match *self {
            Activation::Identity => x,
            Activation::Relu => x.relu(),
            Activation::LeakyRelu(slope) => x.leaky_relu(slope),
            Activation::Elu(scale) => x.elu(scale),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Tanh => x.tanh(),
            Activation::Softplus => x.softplus(),
            Activation::Silu => x.silu(),
            Activation::Gelu => x.gelu(),
        }
    }
    fn debug(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
