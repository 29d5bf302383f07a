//! The one place that knows how a model is trained and used: a training step, and a pass over the test images.

use crate::Model;
use clap::ValueEnum;
use mnist::Engine;
use mnist::data::{Batches, Dataset, Split};
use nn::{Graph, Layer, Module, Program, Rng, Sequential, Tensor, loss};
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

impl From<Mode> for mnist::Mode {
    fn from(mode: Mode) -> mnist::Mode {
        match mode {
            Mode::Eager => mnist::Mode::Eager,
            Mode::Compiled => mnist::Mode::Compiled,
        }
    }
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
    engine: Engine,
    step: u64,
}

impl TrainingStep {
    /// One of the nine models with the tutorial's settings and the same initial values each time.
    ///
    /// # Errors
    /// If there are fewer images than a batch has.
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
        let batches = Batches::new(data.train.len(), batch, 1).map_err(|error| error.to_string())?;
        Ok(TrainingStep {
            model,
            optimizer,
            schedule,
            data,
            batches,
            engine: Engine::new(mode.into(), 0),
            step: 0,
        })
    }

    /// One step; returns the mean cross-entropy before it.
    pub fn run(&mut self) -> f64 {
        let (lr, indices) = (self.schedule.at(self.step), self.batches.draw().indices);
        let optimizer = &mut *self.optimizer;
        let loss = self.engine.train(&mut self.model, optimizer, lr, &self.data.train, indices).loss();
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
pub struct TestBatches {
    batches: Vec<(Tensor, Tensor)>,
    programs: Vec<Program>,
}

impl TestBatches {
    /// The images of `split` in batches of this size.
    pub fn new(split: &Split, batch: usize) -> TestBatches {
        let all: Vec<usize> = (0..split.len()).collect();
        let batches = all.chunks(batch).map(|indices| tensors(split, indices)).collect();
        TestBatches { batches, programs: vec![] }
    }

    /// Classifies all of them, replaying a program for each size of batch; returns how many are recognised.
    pub fn classify<L: Layer + Module>(&mut self, model: &L) -> f64 {
        let mut right = 0.0;
        for (images, labels) in &self.batches {
            let inputs = std::slice::from_ref(images);
            let at = self.programs.iter().position(|program| program.fits(inputs)).unwrap_or_else(|| {
                let graph = Graph::inference();
                self.programs.push(graph.compile(&[model.forward(graph.input(images.clone()))]));
                self.programs.len() - 1
            });
            match self.programs[at].run(model, 0, inputs) {
                Ok([logits]) => right += loss::accuracy(logits, labels) * labels.count() as f64,
                _ => unreachable!("it was compiled for this model and these images"),
            }
        }
        right
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
