//! How far a run is, and what it has in common with one that goes on with it.

use crate::watch::event::{Score, Start};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use train::Position;

/// How far a run is: what its next step depends on besides model and optimizer, and its results so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Training steps done.
    pub step: u64,
    /// Where the batches are.
    pub batches: Position,
    /// What the last recorded training step had to tell.
    pub outcome: Option<Outcome>,
    /// The last test.
    pub last: Option<Score>,
    /// The best test accuracy, and the step that it was of.
    pub best: Option<(f64, u64)>,
    /// How long it has taken.
    pub time: Duration,
}

/// What a training step has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub(crate) epoch: usize,
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
    pub(crate) lr: f64,
}

/// The state of a run in its checkpoints.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) progress: Progress,
}

/// What a run and the one that goes on with it have in common, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(crate) fn of(start: &Start) -> Settings {
        let Start {
            name, options, steps, test_every, record_every, data_sha256, optimizer, schedule, ..
        } = start;
        let all = [
            ("example", name.clone()),
            ("seed", options.seed.to_string()),
            ("batch size", options.batch.to_string()),
            ("number of steps", steps.to_string()),
            ("steps between tests", test_every.to_string()),
            ("steps between records", record_every.to_string()),
            ("data (SHA-256)", data_sha256.clone()),
            ("optimizer", optimizer.clone()),
            ("schedule", schedule.clone()),
        ];
        Settings(all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What is another here than `there`, in words.
    pub(crate) fn differences(&self, there: &Settings) -> Vec<String> {
        let none = String::from("not known");
        let other = |name: &String| there.0.get(name).unwrap_or(&none).clone();
        let differing = self.0.iter().map(|(name, here)| (name, here, other(name)));
        let differing = differing.filter(|(_, here, there)| *here != there);
        differing.map(|(name, here, there)| format!("its {name} was {there}, here it is {here}")).collect()
    }
}
