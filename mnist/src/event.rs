//! What the training loop tells those who watch. The loop knows none of them.

use crate::evaluate::Score;
use crate::options::Options;
use serde::Serialize;
use std::time::Duration;

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The run begins.
    Start(&'a Start<'a>),
    /// A step was recorded, with or without a test.
    Step(&'a StepRecord),
    /// The run is over.
    Done(&'a Summary),
}

/// What a run begins with.
#[derive(Clone, Debug, Serialize)]
pub struct Start<'a> {
    /// The example's name.
    pub name: &'a str,
    /// The settings as given; what was left to the example is in the fields below.
    pub options: &'a Options,
    /// The number of steps.
    pub steps: u64,
    /// A test every so many steps.
    pub test_every: u64,
    /// A record every so many steps.
    pub record_every: u64,
    /// Where the images came from, in words.
    pub source: String,
    /// SHA-256 of the four uncompressed data files.
    pub data_sha256: String,
    /// Number of training and of test images.
    pub images: [usize; 2],
    /// The layers of the model as a table.
    #[serde(skip)]
    pub model: String,
    /// Trained numbers in the model.
    pub parameters: usize,
    /// The optimizer and the schedule of the learning rate, as they print.
    pub optimizer: String,
    /// The schedule of the learning rate, as it prints.
    pub schedule: String,
    /// Threads computing.
    pub threads: usize,
    /// The vector instructions computed with.
    pub simd: String,
    /// Version of this program.
    pub version: &'static str,
    /// Version of the compiler that built it.
    pub rustc: &'static str,
}

/// One recorded step, as in `metrics.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct StepRecord {
    /// Number of training steps done before this record.
    pub step: u64,
    /// Passes over the training images, from 1.
    pub epoch: usize,
    /// Mean cross-entropy of the batch, in the training step's own forward pass (with dropout). At the end, when no batch
    /// is drawn any more, that of the last step, `None` if there was none; so for the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_loss: Option<f64>,
    /// Accuracy on the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// Learning rate of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// Mean cross-entropy and accuracy on the test images, where a test was due.
    #[serde(flatten)]
    pub test: Option<Score>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps were done.
    Finished,
    /// Ctrl-C.
    Interrupted,
    /// The loss is infinite or not a number any more.
    Diverged,
}

/// What a run ended with.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Why it ended.
    pub ending: Ending,
    /// Training steps done.
    pub steps: u64,
    /// How long it took, tests included.
    pub time: Duration,
    /// The last test, of the model as it is saved; but for a run that diverged, where it is of an earlier step.
    pub last: Option<Score>,
    /// The best test accuracy of all. It is chosen on the test images, so it flatters the model a little.
    pub best: Option<f64>,
}

/// Somebody who watches a run.
pub trait Observer {
    /// Takes notice of an event.
    fn notice(&mut self, event: &Event<'_>);
}
