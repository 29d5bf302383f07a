//! The fully connected layer.

use super::{expect_dtype, refuse};
use crate::{DType, Init, Layer, Module, Param, Rng, Var};
use std::fmt;

/// `y = x · W + b`: every output is a weighted sum of all inputs (TensorFlow's `dense`, PyTorch's `Linear` with the weight
/// transposed).
///
/// From `[…, inputs]` to `[…, outputs]`, for any number of leading axes. Weights start as [`Init::XavierUniform`], the
/// bias as zeros (as in Keras).
///
/// ```
/// use nn::{DType, Graph, Init, Layer, Linear, Rng, Tensor};
///
/// let rng = &mut Rng::new(42);
/// let layer = Linear::new(784, 10, rng).init(Init::TruncatedNormal { mean: 0.0, std: 0.1 }, Init::Constant(0.1));
/// let graph = Graph::inference();
/// let y = layer.forward(graph.input(Tensor::zeros([100, 784], DType::F32)));
/// assert_eq!(y.shape(), [100, 10]);
/// assert_eq!(y.value().max(..).item() as f32, 0.1);
/// ```
#[derive(Clone, Module)]
pub struct Linear {
    /// `W`, of shape `[inputs, outputs]`.
    pub weight: Param,
    /// `b`, of shape `[outputs]`.
    pub bias: Option<Param>,
    /// What the weights are drawn from, so that another initialiser can draw again.
    seed: u64,
}

impl fmt::Debug for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linear").field("weight", &self.weight).field("bias", &self.bias).finish()
    }
}

impl Linear {
    /// A layer of this many inputs and outputs, with bias.
    ///
    /// # Panics
    /// If the weight has more elements than memory can hold.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, rng: &mut Rng) -> Linear {
        let seed = rng.bits();
        let weight = Init::XavierUniform.sample([inputs, outputs], DType::F32, &mut Rng::stream(seed, 0));
        let bias = Init::Zeros.sample([outputs], DType::F32, &mut Rng::stream(seed, 1));
        Linear { weight: Param::new(weight), bias: Some(Param::new(bias)), seed }
    }

    /// Other initial values.
    ///
    /// # Panics
    /// If a bound or deviation makes no sense.
    #[track_caller]
    pub fn init(mut self, weight: Init, bias: Init) -> Linear {
        redraw(&mut self.weight, weight, &mut Rng::stream(self.seed, 0));
        if let Some(param) = &mut self.bias {
            redraw(param, bias, &mut Rng::stream(self.seed, 1));
        }
        self
    }

    /// Only `x · W`; a batch normalisation that follows has an offset of its own.
    pub fn without_bias(mut self) -> Linear {
        self.bias = None;
        self
    }
}

/// Draws a parameter again.
#[track_caller]
pub(super) fn redraw(param: &mut Param, init: Init, rng: &mut Rng) {
    let value = init.sample(param.value().shape(), param.value().dtype(), rng);
    param.set(value);
}

impl Layer for Linear {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let _scope = graph.scope("Linear");
        let (shape, weight) = (x.shape(), self.weight.value().shape());
        if shape.last() != Some(&weight[0]) {
            let flat: usize = shape.iter().skip(1).product();
            let remedy = match shape[..] {
                [] => "a single number is no row of numbers".to_owned(),
                [n, _, _, ..] if flat == weight[0] => format!(".flatten(1) makes it [{n}, {flat}]"),
                [.., last] => {
                    format!("change the input, or the layer to one of Linear::new({last}, {}, …)", weight[1])
                }
            };
            let message = format!(
                "linear: the input {shape} and the weight {weight} do not fit: the last axis must have {} elements; {remedy}",
                weight[0]
            );
            refuse(x, Some(&self.weight), message);
        }
        expect_dtype("linear", x, &self.weight);
        let y = x.matmul(graph.param(&self.weight));
        match &self.bias {
            Some(bias) => y + graph.param(bias),
            None => y,
        }
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
