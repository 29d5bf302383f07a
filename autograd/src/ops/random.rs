//! Random numbers as part of the graph. They are a pure function of the graph's key, an input node that holds seed and
//! step: the same key gives the same numbers, another step others.

use crate::op::{Attributes, Op};
use crate::tape::graph::{Graph, Var};
use tensor::{DType, Rng, Shape, ShapeError, Spec, Tensor};

/// Ones with probability `keep`, else zeros.
struct Bernoulli {
    keep: f64,
    shape: Shape,
    dtype: DType,
    /// Tells this from other random operations in the graph.
    stream: u64,
}

impl Op<1> for Bernoulli {
    fn attributes(&self) -> Attributes {
        Attributes::default()
            .with("keep", self.keep)
            .with("shape", self.shape)
            .with("dtype", self.dtype)
            .with("stream", self.stream)
    }
    fn infer(&self, _: [Spec; 1]) -> Result<Spec, ShapeError> {
        if !(0.0..=1.0).contains(&self.keep) {
            return Err(ShapeError::new(
                "bernoulli",
                format!("{}: {} is not a probability, which is from 0 to 1", self.shape, self.keep),
            ));
        }
        Ok(Spec { shape: self.shape, dtype: self.dtype })
    }
    #[track_caller]
    fn forward(&self, [key]: [&Tensor; 1]) -> Tensor {
        let key = key.contiguous();
        let Some(&[seed, step]) = key.as_slice::<i64>() else { unreachable!("a key is two integers") };
        let step = Rng::stream(seed as u64, step as u64).bits();
        Tensor::bernoulli(self.shape, self.keep, self.dtype, &mut Rng::stream(step, self.stream))
    }
    fn differentiable(&self, _: usize) -> bool {
        false
    }
}

impl Graph {
    /// Ones with probability `keep`, else zeros, drawn by the graph's seed and step; each call draws its own.
    ///
    /// ```
    /// # use autograd::{DType, Graph};
    /// let draw = |step| Graph::training(7, step).bernoulli([20], 0.5, DType::F32).value();
    /// assert_eq!(draw(0), draw(0));
    /// assert_ne!(draw(0), draw(1));
    /// ```
    ///
    /// # Panics
    /// If `keep` is not within 0..=1 or the type is no float.
    #[track_caller]
    pub fn bernoulli(&self, shape: impl Into<Shape>, keep: f64, dtype: DType) -> Var<'_> {
        let op = Bernoulli { keep, shape: shape.into(), dtype, stream: self.next_draw() };
        self.apply(op, [self.key()])
    }
}
