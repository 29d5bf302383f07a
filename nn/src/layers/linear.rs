//! The fully connected layer.

use super::expect_dtype;
use crate::{DType, Init, Layer, Module, Param, Rng, Var};

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
#[derive(Clone, Debug, Module)]
pub struct Linear {
    /// `W`, of shape `[inputs, outputs]`.
    pub weight: Param,
    /// `b`, of shape `[outputs]`.
    pub bias: Option<Param>,
    /// What the weights are drawn from, so that another initialiser can draw again.
    seed: u64,
}

impl Linear {
    /// A layer of this many inputs and outputs, with bias.
    ///
    /// # Panics
    /// If the weight has more elements than memory can hold.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, rng: &mut Rng) -> Linear {
        let seed = rng.bits();
        let weight = Init::XavierUniform.draw([inputs, outputs], DType::F32, &mut Rng::stream(seed, 0));
        let bias = Init::Zeros.draw([outputs], DType::F32, &mut Rng::stream(seed, 1));
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
    let value = init.draw(param.value().shape(), param.value().dtype(), rng);
    param.set(value);
}

impl Layer for Linear {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let (shape, weight) = (x.shape(), self.weight.value().shape());
        if shape.last() != Some(&weight[0]) {
            panic!(
                "linear: the input {shape} and the weight {weight} do not fit: the last axis must have {} elements; \
                 .flatten(1) merges the axes of an image",
                weight[0]
            );
        }
        expect_dtype("linear", x, &self.weight);
        let graph = x.graph();
        let _scope = graph.scope("Linear");
        let y = x.matmul(graph.param(&self.weight));
        match &self.bias {
            Some(bias) => y + graph.param(bias),
            None => y,
        }
    }
}
