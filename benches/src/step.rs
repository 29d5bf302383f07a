//! The one place that knows how a model is trained and used: a training step, and a pass over the test images.

use crate::Model;
use clap::ValueEnum;
use mnist::LOSS_SCALE;
use mnist::data::{Batches, Dataset, Split};
use nn::{Graph, Layer, Rng, Sequential, Tensor, loss};
use optim::{Optimizer, Schedule};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};

/// How a step is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each operation when it is recorded.
    Eager,
    /// By a program compiled from the first step.
    Compiled,
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Eager => "eager",
            Mode::Compiled => "compiled",
        })
    }
}

/// A model in training on a data set: [`run`](TrainingStep::run) picks the next batch and does one step.
pub struct TrainingStep {
    model: Sequential,
    optimizer: Box<dyn Optimizer>,
    schedule: Box<dyn Schedule>,
    data: Dataset,
    batches: Batches,
    step: u64,
}

impl TrainingStep {
    /// One of the nine models with the tutorial's settings and the same initial values each time.
    ///
    /// # Errors
    /// If there are fewer images than a batch has, or the mode is not available.
    pub fn new(model: Model, data: Dataset, batch: usize, mode: Mode) -> Result<TrainingStep, String> {
        let network = (model.build)(&mut Rng::new(0));
        TrainingStep::with(network, model.optimizer(), Box::new(model.schedule()), data, batch, mode)
    }

    /// Any model of the images.
    ///
    /// # Errors
    /// As [`new`](TrainingStep::new).
    pub fn with(
        model: Sequential,
        optimizer: Box<dyn Optimizer>,
        schedule: Box<dyn Schedule>,
        data: Dataset,
        batch: usize,
        mode: Mode,
    ) -> Result<TrainingStep, String> {
        if mode == Mode::Compiled {
            return Err("there is no compiled mode yet, only --mode eager".into());
        }
        let batches = Batches::new(data.train.len(), batch, 1).map_err(|error| error.to_string())?;
        Ok(TrainingStep { model, optimizer, schedule, data, batches, step: 0 })
    }

    /// One step; returns the mean cross-entropy before it.
    pub fn run(&mut self) -> f64 {
        let (images, labels) = tensors(&self.data.train, self.batches.draw().indices);
        let graph = Graph::training(0, self.step);
        let logits = self.model.forward(graph.input(images));
        let loss = loss::softmax_cross_entropy(logits, graph.input(labels));
        let (grads, loss) = ((loss * LOSS_SCALE).backward(), loss.item());
        drop(graph); // now nobody else holds the weights, which are changed in place
        self.optimizer.step(&mut self.model, &grads, self.schedule.at(self.step));
        self.step += 1;
        loss
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Sequential {
        &self.model
    }

    /// The images it is trained and tested on.
    pub fn data(&self) -> &Dataset {
        &self.data
    }
}

/// Test images as batches that a model takes, converted once.
pub struct TestBatches(Vec<(Tensor, Tensor)>);

impl TestBatches {
    /// The images of `split` in batches of this size.
    pub fn new(split: &Split, batch: usize) -> TestBatches {
        let all: Vec<usize> = (0..split.len()).collect();
        TestBatches(all.chunks(batch).map(|indices| tensors(split, indices)).collect())
    }

    /// Classifies all of them; returns how many are recognised.
    pub fn classify(&self, model: &impl Layer) -> f64 {
        let right = |(images, labels): &(Tensor, Tensor)| {
            let graph = Graph::inference();
            let logits = model.forward(graph.input(images.clone()));
            loss::accuracy(&logits.value(), labels) * labels.count() as f64
        };
        self.0.iter().map(right).sum()
    }
}

/// Images as the models take them, and their labels.
pub(crate) fn tensors(split: &Split, indices: &[usize]) -> (Tensor, Tensor) {
    let mut images = vec![0.0; indices.len() * split.pixels()];
    let mut labels = vec![0; indices.len()];
    split.gather_images(indices, &mut images);
    split.gather_labels(indices, &mut labels);
    let images = Tensor::from(images).reshape([indices.len(), split.rows, split.cols, 1]);
    (images, Tensor::from(labels))
}
