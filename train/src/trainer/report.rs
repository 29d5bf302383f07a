//! What a training ended with.

use crate::watch::Ending;
use std::time::Duration;

/// What a training ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why it ended.
    pub ending: Ending,
    /// Training steps done, those before a resumption included.
    pub steps: u64,
    /// How long they took.
    pub time: Duration,
    /// The best value of what is watched, and the step that it was of.
    pub best: Option<(f64, u64)>,
}
