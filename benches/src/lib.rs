//! What the benchmarks measure: the nine models of the tutorial on made-up batches.
//!
//! ```
//! let mut step = benches::TrainingStep::new("softmax", 100);
//! let before = step.run();
//! assert!((0..50).map(|_| step.run()).last().unwrap() < before);
//! ```
//!
//! Run them with `cargo bench -p benches`, or one of them with `cargo bench -p benches --bench steps -- batchnorm_conv`.
#![forbid(unsafe_code)]

use mnist::{LOSS_SCALE, models};
use nn::{DType, Graph, Layer, Rng, Sequential, Tensor, loss};
use optim::{Adam, Optimizer, Sgd};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// A function that builds a model.
pub type Build = fn(&mut Rng) -> Sequential;

/// The nine models by the names of their examples.
pub const MODELS: [(&str, Build); 9] = [
    ("softmax", models::softmax),
    ("five_layers_sigmoid", models::five_layers_sigmoid),
    ("five_layers_relu_lrdecay", models::five_layers_relu),
    ("five_layers_relu_lrdecay_dropout", models::five_layers_relu_dropout),
    ("convolutional", models::convolutional),
    ("convolutional_bigger_dropout", models::convolutional_bigger_dropout),
    ("batchnorm_five_layers_sigmoid", models::batchnorm_five_layers_sigmoid),
    ("batchnorm_five_layers_relu", models::batchnorm_five_layers_relu),
    ("batchnorm_conv", models::batchnorm_conv),
];

/// A model, its optimizer and one batch of random images, trained on over and over.
pub struct TrainingStep {
    model: Sequential,
    optimizer: Box<dyn Optimizer>,
    lr: f64,
    images: Tensor,
    labels: Tensor,
    step: u64,
}

impl TrainingStep {
    /// The model of this name with a batch of this many images.
    ///
    /// # Panics
    /// If there is no such model.
    pub fn new(name: &str, batch: usize) -> TrainingStep {
        let Some((_, build)) = MODELS.iter().find(|(other, _)| *other == name) else {
            panic!("there is no model {name}; there are {:?}", MODELS.map(|(name, _)| name));
        };
        let rng = &mut Rng::new(0);
        let labels: Vec<i64> = (0..batch).map(|_| (rng.unit() * 10.0) as i64).collect();
        let softmax = name == "softmax";
        TrainingStep {
            model: build(rng),
            optimizer: if softmax { Box::new(Sgd::new()) } else { Box::new(Adam::new()) },
            lr: if softmax { 0.005 } else { 0.001 },
            images: Tensor::uniform([batch, 28, 28, 1], 0.0, 1.0, DType::F32, rng),
            labels: Tensor::from(labels),
            step: 0,
        }
    }

    /// One step; returns the loss before it.
    pub fn run(&mut self) -> f64 {
        let graph = Graph::training(0, self.step);
        let logits = self.model.forward(graph.input(self.images.clone()));
        let loss = loss::softmax_cross_entropy(logits, graph.input(self.labels.clone()));
        let (grads, loss) = ((loss * LOSS_SCALE).backward(), loss.item());
        drop(graph);
        self.optimizer.step(&mut self.model, &grads, self.lr);
        self.step += 1;
        loss
    }

    /// Classifies the batch; returns the logits.
    pub fn infer(&self) -> Tensor {
        let graph = Graph::inference();
        self.model.forward(graph.input(self.images.clone())).value()
    }
}
