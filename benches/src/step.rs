//! The one place that knows how a model is trained and used: a training step, and a pass over the test images.

use crate::Model;
use clap::ValueEnum;
use mnist::Engine;
use mnist::data::{Batches, Dataset, Split};
use nn::{Graph, Layer, Program, Rng, Sequential, Tensor, loss};
use optim::{Optimizer, Schedule};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::sync::Arc;

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

impl From<Mode> for mnist::Mode {
    fn from(mode: Mode) -> mnist::Mode {
        match mode {
            Mode::Eager => mnist::Mode::Eager,
            Mode::Compiled => mnist::Mode::Compiled,
        }
    }
}

/// A model in training on a data set: [`run`](TrainingStep::run) picks the next batch and does one step, with the engine of
/// the training loop.
pub struct TrainingStep {
    model: Sequential,
    optimizer: Box<dyn Optimizer>,
    schedule: Box<dyn Schedule>,
    data: Arc<Dataset>,
    batches: Batches,
    engine: Engine,
    step: u64,
}

impl TrainingStep {
    /// One of the nine models with the tutorial's settings and the same initial values each time.
    ///
    /// # Errors
    /// If there are fewer images than a batch has.
    pub fn new(
        model: Model,
        data: impl Into<Arc<Dataset>>,
        batch: usize,
        mode: Mode,
    ) -> Result<TrainingStep, String> {
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
        data: impl Into<Arc<Dataset>>,
        batch: usize,
        mode: Mode,
    ) -> Result<TrainingStep, String> {
        let data = data.into();
        let batches = Batches::new(data.train.len(), batch, 1).map_err(|error| error.to_string())?;
        let engine = Engine::new(mode.into(), 0);
        Ok(TrainingStep { model, optimizer, schedule, data, batches, engine, step: 0 })
    }

    /// One step; returns the mean cross-entropy before it.
    pub fn run(&mut self) -> f64 {
        let (lr, indices) = (self.schedule.at(self.step), self.batches.draw().indices);
        self.step += 1;
        self.engine.train(&mut self.model, &mut *self.optimizer, lr, &self.data.train, indices).loss()
    }

    /// The accuracy on the test images, as the training loop takes it on the way.
    pub fn test(&mut self) -> Option<f64> {
        Some(self.engine.test(&self.model, &self.data.test)?.accuracy)
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
    mode: Mode,
    program: Option<Program>,
}

impl TestBatches {
    /// The images of `split` in batches of this size; what is left over is left out.
    pub fn new(split: &Split, batch: usize, mode: Mode) -> TestBatches {
        let all: Vec<usize> = (0..split.len()).collect();
        let batches = all.chunks_exact(batch).map(|indices| tensors(split, indices)).collect();
        TestBatches { batches, mode, program: None }
    }

    /// Classifies all of them; returns how many are recognised.
    ///
    /// # Panics
    /// If it is another model than the first time.
    pub fn classify(&mut self, model: &impl Layer) -> f64 {
        let mut right = 0.0;
        for (images, labels) in &self.batches {
            let logits = match self.mode {
                Mode::Eager => model.forward(Graph::inference().input(images.clone())).value(),
                Mode::Compiled => {
                    let program = self.program.get_or_insert_with(|| {
                        let graph = Graph::inference();
                        graph.compile(&[model.forward(graph.input(images.clone()))])
                    });
                    match program.run(model, 0, std::slice::from_ref(images)) {
                        Ok(outputs) => outputs[0].clone(),
                        Err(error) => panic!("classify: {error}"),
                    }
                }
            };
            right += loss::accuracy(&logits, labels) * labels.numel() as f64;
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
