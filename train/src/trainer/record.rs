//! What a training has to tell.

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The numbers of a step, a line of `metrics.jsonl`: those of its batches as the step found them, and of the sets that were evaluated after
/// it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Training steps done before this one.
    pub step: u64,
    /// Passes over the training data, from 1.
    pub epoch: usize,
    /// The learning rate.
    pub lr: f64,
    /// `train_loss`, and what else there is of the batch; and of every set that was evaluated, `test_loss` and the like.
    /// NaN and infinities are `null` in the file, and NaN when read.
    #[serde(flatten, deserialize_with = "numbers")]
    pub values: BTreeMap<String, f64>,
}

fn numbers<'a, D: Deserializer<'a>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All steps were done.
    Finished,
    /// It was asked to, from elsewhere or by its time limit.
    Interrupted,
    /// What is watched has not become better for as long as was waited.
    NoProgress,
}

/// What a training ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why it ended.
    pub stop: Stop,
    /// Training steps done, those before a resumption included.
    pub steps: u64,
    /// How long they took.
    pub time: Duration,
    /// The best value of what is watched, and the step that it was of.
    pub best: Option<(f64, u64)>,
}
