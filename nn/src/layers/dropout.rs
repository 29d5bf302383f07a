//! Dropout.

use crate::{Layer, Module, Shape, Var};
use autograd::OrPanic;

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
    keep: f64,
    #[module(skip)]
    shared: Vec<isize>,
}

impl Dropout {
    /// Keeps elements with this probability.
    ///
    /// # Panics
    /// If it is not above 0 and at most 1; nothing could be learnt from a layer that keeps nothing.
    #[track_caller]
    pub fn new(keep: f64) -> Dropout {
        if !(keep > 0.0 && keep <= 1.0) {
            panic!(
                "dropout: the probability to keep an element must be above 0 and at most 1, not {keep} \
                 (it is 1 − the probability to drop)"
            );
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

impl Layer for Dropout {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let mut noise: Shape = x.shape();
        for &axis in &self.shared {
            noise = noise.with(noise.axis("dropout", axis).or_panic(), 1);
        }
        if !x.dtype().is_float() {
            panic!("dropout: the input {} is {}, not f32 or f64", x.shape(), x.dtype());
        }
        let graph = x.graph();
        if !graph.is_training() || self.keep == 1.0 {
            return x;
        }
        let _scope = graph.scope("Dropout");
        x * (graph.bernoulli(noise, self.keep, x.dtype()) * (1.0 / self.keep))
    }
}
