//! How far a training is.

use crate::watch::Values;
use crate::{DataError, Dataset, Loader, Position};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How far a training is: what its next step depends on besides model, optimizer and averages, and its results so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Training steps done.
    pub(super) step: u64,
    /// Batches that were trained on.
    pub(super) batch: u64,
    pub(super) position: Position,
    pub(super) data: DataId,
    /// What else has to be the same when the run goes on, by name.
    pub(super) identity: BTreeMap<String, String>,
    /// What the last recorded training step had to tell.
    pub(super) outcome: Option<Outcome>,
    /// The last evaluation.
    pub(super) last: Option<Values>,
    /// The best value of what is watched, and its step.
    pub(super) best: Option<(f64, u64)>,
    /// Evaluations since then.
    pub(super) waited: u64,
    /// How many times the learning rate was reduced for want of progress, and evaluations since then.
    pub(super) reduced: (u64, u64),
    /// How long it has taken.
    pub(super) time: Duration,
}

impl Progress {
    /// What has to be the same and is not, in words.
    pub(super) fn differences(&self, here: &BTreeMap<String, String>) -> Vec<String> {
        let none = String::from("not known");
        let there = |name: &String| self.identity.get(name).unwrap_or(&none);
        let differing = here.iter().filter(|(name, here)| there(name) != *here);
        differing.map(|(name, here)| format!("its {name} was {}, here it is {here}", there(name))).collect()
    }
}

/// What a training step has to tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// From 1.
    pub(super) epoch: usize,
    pub(super) values: Values,
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
