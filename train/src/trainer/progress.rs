//! How far a training is.

use crate::{DataError, Dataset, Loader, Position};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How far a training is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Training steps done.
    pub(super) step: u64,
    /// Batches that were trained on.
    pub(super) batch: u64,
    pub(super) position: Position,
    pub(super) data: DataId,
    /// The best value of what is watched, and its step.
    pub(super) best: Option<(f64, u64)>,
    /// Evaluations since then.
    pub(super) waited: u64,
    /// How long it has taken.
    pub(super) time: Duration,
}

/// What of a line of numbers decides whether it stays.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) step: u64,
}

/// What data are known by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct DataId {
    elements: usize,
    batch: usize,
    /// A checksum of the first batch: of the order, and of what is in it.
    first: u32,
}

impl DataId {
    pub(super) fn of<D: Dataset + 'static>(loader: &Loader<D>) -> Result<DataId, DataError> {
        Ok(DataId { elements: loader.data().len(), batch: loader.batch(), first: loader.first_checksum()? })
    }
}

impl fmt::Display for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DataId { elements, batch, first } = self;
        write!(f, "{elements} elements in batches of {batch}, the first with checksum {first:08x}")
    }
}
