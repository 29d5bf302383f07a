//! Dropout.

use super::{expect_float, refuse};
use crate::{Layer, Module, Shape, Var};

/// Sets elements to 0 at random while training, so that no unit can rely on any other (Srivastava et al., 2014).
///
/// In a training graph each element is kept with probability `keep` and then divided by it, so that the expected sum
/// stays; in an inference graph, and where `keep` is 1, `x` passes unchanged. What is dropped is fixed by the graph's seed
/// and step. PyTorch's `p` is 1 − `keep`.
///
/// ```
/// use nn::{DType, Dropout, Graph, Layer, Tensor};
///
/// let dropout = Dropout::new(0.5);
/// let x = Tensor::ones([4, 4], DType::F32);
/// let graph = Graph::training(42, 0);
/// let y = dropout.forward(graph.input(x.clone())).value();
/// assert!(y.to_vec::<f32>().iter().all(|&y| y == 0.0 || y == 2.0));
/// let graph = Graph::inference();
/// assert_eq!(dropout.forward(graph.input(x.clone())).value(), x);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Dropout {
    /// The probability to keep an element, above 0 and at most 1.
    pub keep: f64,
    /// The axes along which elements are kept or dropped together.
    #[module(skip)]
    pub shared: Vec<isize>,
}

impl Dropout {
    /// Keeps elements with this probability.
    ///
    /// # Panics
    /// If it is not above 0 and at most 1; nothing could be learnt from a layer that keeps nothing.
    #[track_caller]
    pub fn new(keep: f64) -> Dropout {
        if let Some(message) = refusal(keep) {
            panic!("{message}");
        }
        Dropout { keep, shared: vec![] }
    }

    /// Keeps or drops elements that differ only along these axes together: `[1, 2]` drops whole feature maps of images
    /// `[n, height, width, channels]` (TensorFlow's `noise_shape` with 1 for these axes, PyTorch's `Dropout2d`).
    pub fn shared_over(mut self, axes: impl Into<Vec<isize>>) -> Dropout {
        self.shared = axes.into();
        self
    }
}

/// What is wrong with a probability to keep elements.
fn refusal(keep: f64) -> Option<String> {
    let is_probability = keep > 0.0 && keep <= 1.0;
    (!is_probability).then(|| {
        format!(
            "dropout: the probability to keep an element must be above 0 and at most 1, not {keep} \
             (it is 1 − the probability to drop)"
        )
    })
}

impl Layer for Dropout {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let _scope = graph.scope("Dropout");
        if let Some(message) = refusal(self.keep) {
            refuse(x, None, message);
        }
        let mut noise: Shape = x.shape();
        for &axis in &self.shared {
            match noise.axis("dropout", axis) {
                Ok(axis) => noise = noise.with(axis, 1),
                Err(error) => refuse(x, None, error),
            }
        }
        expect_float("dropout", x);
        if !graph.is_training() || self.keep == 1.0 {
            return x;
        }
        x * (graph.bernoulli(noise, self.keep, x.dtype()) * (1.0 / self.keep))
    }
    fn debug(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
