//! What the training loop tells those who watch. The loop knows none of them.

use crate::run::options::Options;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// Loss and accuracy on a set of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean cross-entropy. NaN and infinities are `null` in files, and NaN when read.
    #[serde(rename = "test_loss", deserialize_with = "number_or_nan")]
    pub loss: f64,
    /// Share of the images that are recognised, from 0 to 1.
    #[serde(rename = "test_accuracy")]
    pub accuracy: f64,
}

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run begins, with these settings.
    Start(Box<Start>),
    /// What the model looks like.
    Model(ModelView),
    /// A step was recorded, with or without a test.
    Step(StepRecord),
    /// How two kinds of the model's values are distributed.
    Histograms(Histograms),
    /// What the model took the digits of a training batch for.
    TrainingDigits(Digits),
    /// What the model took the test digits for.
    TestDigits(Digits),
    /// The model was saved.
    Checkpoint(Checkpoint),
    /// A run that was ended after so many steps goes on.
    Resumed(u64),
    /// Somebody paused the training, or had it go on.
    Paused(bool),
    /// What was emitted so far is to be on the disk before the loop goes on: a checkpoint follows.
    /// Is answered whether it is.
    #[serde(skip)]
    Flush(SyncSender<bool>),
    /// The run is over.
    Done(Summary),
}

impl Event {
    /// Whether those who watch can do without it. Numbers are never dropped, pictures are where somebody is slow.
    pub fn is_picture(&self) -> bool {
        matches!(self, Event::Histograms(_) | Event::TrainingDigits(_) | Event::TestDigits(_))
    }

    /// Whether a run that goes on after so many steps has this behind it, and will not emit it again.
    pub(crate) fn is_before(&self, step: u64) -> bool {
        match self {
            Event::Step(StepRecord { step: of, .. })
            | Event::Histograms(Histograms { step: of, .. })
            | Event::TrainingDigits(Digits { step: of, .. })
            | Event::TestDigits(Digits { step: of, .. }) => *of < step,
            Event::Checkpoint(checkpoint) => checkpoint.step <= step,
            Event::Start(_) | Event::Model(_) => true,
            Event::Resumed(_) | Event::Paused(_) | Event::Flush(_) | Event::Done(_) => false,
        }
    }
}

/// What a run begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The example's name.
    pub name: String,
    /// The settings as given; what was left to the example is in the fields below.
    pub options: Options,
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
    /// Trained numbers in the model.
    pub parameters: usize,
    /// The optimizer, as it prints.
    pub optimizer: String,
    /// The schedule of the learning rate, as it prints.
    pub schedule: String,
    /// Threads computing.
    pub threads: usize,
    /// The vector instructions computed with.
    pub simd: String,
    /// Version of this program.
    pub version: String,
    /// Version of the compiler that built it.
    pub rustc: String,
}

/// The model for people to look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelView {
    /// Its layers as a table.
    pub table: String,
    /// The dataflow graph of its training step, drawn as SVG.
    pub graph: String,
}

/// One recorded step, as in `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// The distributions of two kinds of values at a step: weights and biases, or, in a model with batch normalisation, what
/// goes into it and what the activations after it give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histograms {
    /// Number of training steps done before.
    pub step: u64,
    /// What the two are.
    pub titles: [String; 2],
    /// For each the 8 edges of 7 buckets with equally many values, see [`percentile_edges`](crate::percentile_edges).
    pub edges: [[f32; 8]; 2],
}

/// Digits as the model read them, misrecognised ones first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digits {
    /// Number of training steps done before.
    pub step: u64,
    /// How many were read.
    pub of: usize,
    /// How many of them were misrecognised.
    pub wrong: usize,
    /// Places in the data set of those to show.
    pub indices: Vec<usize>,
    /// What they are.
    pub labels: Vec<u8>,
    /// What they were taken for.
    pub computed: Vec<u8>,
}

impl Digits {
    /// Of all digits that were read, those to show: the first `limit` after those that are wrong have moved to the front.
    pub fn new(step: u64, indices: &[usize], labels: &[u8], computed: &[u8], limit: usize) -> Digits {
        let (right, mut order): (Vec<usize>, Vec<usize>) =
            (0..indices.len()).partition(|&i| labels[i] == computed[i]);
        let wrong = order.len();
        order.extend(right);
        order.truncate(limit);
        Digits {
            step,
            of: indices.len(),
            wrong,
            indices: order.iter().map(|&i| indices[i]).collect(),
            labels: order.iter().map(|&i| labels[i]).collect(),
            computed: order.iter().map(|&i| computed[i]).collect(),
        }
    }
}

/// A model that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of training steps that it has behind it.
    pub step: u64,
    /// The file, as it was named.
    pub file: String,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were done.
    Finished,
    /// Ctrl-C.
    Interrupted,
    /// The loss is infinite or not a number any more.
    Diverged,
}

/// What a run ended with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Why it ended.
    pub ending: Ending,
    /// Training steps done.
    pub steps: u64,
    /// How long it took, tests included; seconds in files.
    #[serde(rename = "seconds", with = "seconds")]
    pub time: Duration,
    /// The last test, of the model as it is saved; but for a run that diverged, where it is of an earlier step.
    #[serde(rename = "final")]
    pub last: Option<Score>,
    /// The best test accuracy of all. It is chosen on the test images, so it flatters the model a little.
    #[serde(rename = "max_test_accuracy")]
    pub best: Option<f64>,
    /// Of a run that diverged, the first operation that made a NaN or an infinity, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

fn number_or_nan<'a, D: Deserializer<'a>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// A duration as a number of seconds.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((time.as_secs_f64() * 1e3).round() / 1e3)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(Error::custom)
    }
}

/// Somebody who watches a run, in a thread of its own.
pub trait Observer: Send {
    /// Takes notice of an event.
    fn on_event(&mut self, event: &Event);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misrecognised_digits_come_first() {
        let digits = Digits::new(7, &[40, 41, 42, 43], &[1, 2, 3, 4], &[1, 9, 3, 9], 3);
        assert_eq!((digits.step, digits.of, digits.wrong), (7, 4, 2));
        assert_eq!(digits.indices, [41, 43, 40]);
        assert_eq!((digits.labels, digits.computed), (vec![2, 4, 1], vec![9, 9, 1]));
    }

    #[test]
    fn events_are_read_as_they_were_written() {
        let record = StepRecord {
            step: 3,
            epoch: 1,
            train_loss: Some(0.5),
            train_accuracy: Some(0.25),
            lr: None,
            test: Some(Score { loss: 0.1, accuracy: 0.9 }),
        };
        let text = serde_json::to_string(&Event::Step(record.clone())).unwrap();
        let Event::Step(read) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!(read, record);
        let score = Score { loss: f64::INFINITY, accuracy: 0.1 };
        let text = serde_json::to_string(&StepRecord { test: Some(score), ..record }).unwrap();
        let read: StepRecord = serde_json::from_str(&text).unwrap();
        assert!(read.test.is_some_and(|test| test.loss.is_nan() && test.accuracy == 0.1), "{text}");
        let time = Duration::from_millis(1500);
        let summary =
            Summary { ending: Ending::Finished, steps: 1, time, last: None, best: Some(0.5), cause: None };
        let text = serde_json::to_string(&summary).unwrap();
        assert!(text.contains(r#""ending":"finished""#) && text.contains(r#""seconds":1.5"#), "{text}");
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap().time, time);
    }
}
