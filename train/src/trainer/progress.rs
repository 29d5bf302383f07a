//! How far a training is.

use crate::Position;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How far a training is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Training steps done.
    pub(super) step: u64,
    /// Batches that were trained on.
    pub(super) batch: u64,
    pub(super) position: Position,
    /// Elements of the data, and of a batch.
    pub(super) data: [usize; 2],
    /// The best value of what is watched, and its step.
    pub(super) best: Option<(f64, u64)>,
    /// Evaluations since then.
    pub(super) waited: u64,
    /// How long it has taken.
    pub(super) time: Duration,
}
