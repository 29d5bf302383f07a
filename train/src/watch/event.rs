//! What the training loop tells those who watch. The loop knows none of them.

use super::panel::{Panel, Shown};
use super::record::{Record, Values};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run begins, with these settings.
    Start(Box<Start>),
    /// What the model looks like.
    Model(ModelView),
    /// A step was recorded, with or without an evaluation.
    Step(Record),
    /// How two kinds of the model's values are distributed.
    Histograms(Histograms),
    /// The model was saved.
    Checkpoint(Saved),
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
    /// Something that a panel of one's own shows.
    #[serde(untagged)]
    Shown(Shown),
}

impl Event {
    /// Whether those who watch can do without it. Numbers are never dropped, pictures are where somebody is slow.
    pub fn is_picture(&self) -> bool {
        matches!(self, Event::Histograms(_) | Event::Shown(_))
    }

    /// Whether a run that goes on after so many steps has this behind it, and will not emit it again.
    pub fn is_before(&self, step: u64) -> bool {
        match self {
            Event::Step(Record { step: of, .. })
            | Event::Histograms(Histograms { step: of, .. })
            | Event::Shown(Shown { step: of, .. }) => *of < step,
            Event::Checkpoint(checkpoint) => checkpoint.step <= step,
            Event::Start(_) | Event::Model(_) => true,
            Event::Resumed(_) | Event::Paused(_) | Event::Flush(_) | Event::Done(_) => false,
        }
    }
}

/// What a run begins with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// The run's name.
    pub name: String,
    /// What the program itself has to note.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
    /// The number of steps.
    pub steps: u64,
    /// An evaluation every so many steps.
    pub test_every: u64,
    /// A record every so many steps.
    pub record_every: u64,
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
    /// The sets that are evaluated.
    #[serde(default)]
    pub sets: Vec<String>,
    /// What there is to be seen.
    #[serde(default)]
    pub panels: Vec<Panel>,
    /// What tells how good the model is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
    /// Lines for the terminal: those above the picture of the model, and those below.
    #[serde(skip)]
    pub lines: [Vec<String>; 2],
}

/// The value that tells how good the model is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Its name, `test_accuracy` say.
    pub name: String,
    /// Whether a larger one is better.
    pub largest: bool,
}

impl Watched {
    /// The name for people.
    pub fn label(&self) -> String {
        self.name.replace('_', " ")
    }

    /// What the best value is called in files.
    pub fn best(&self) -> String {
        format!("{}_{}", self.extreme(), self.name)
    }

    /// `max` or `min`.
    pub fn extreme(&self) -> &'static str {
        if self.largest { "max" } else { "min" }
    }

    /// The better of two values, of which one may be no number.
    pub fn better(&self, a: f64, b: f64) -> f64 {
        if self.largest { f64::max(a, b) } else { f64::min(a, b) }
    }
}

/// The model for people to look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelView {
    /// Its layers as a table.
    pub table: String,
    /// The dataflow graph of its training step, drawn as SVG.
    pub graph: String,
}

/// The distributions of two kinds of values at a step: weights and biases, or, in a model with batch normalisation, what
/// goes into it and what the activations after it give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histograms {
    /// Number of training steps done before.
    pub step: u64,
    /// What the two are.
    pub titles: [String; 2],
    /// For each the 8 edges of 7 buckets with equally many values, see [`percentile_edges`](super::percentile_edges).
    pub edges: [[f32; 8]; 2],
}

/// A model that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
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
    /// It was asked to, by Ctrl-C say, or by its time limit.
    Interrupted,
    /// What is watched has not become better for as long as was waited.
    NoProgress,
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
    /// How long it took, evaluations included; seconds in files.
    #[serde(rename = "seconds", with = "seconds")]
    pub time: Duration,
    /// The last evaluation, of the model as it is saved; but for a run that diverged, where it is of an earlier step.
    #[serde(rename = "final")]
    pub last: Option<Values>,
    /// Of a run that diverged, the first operation that made a NaN or an infinity, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The best value of what is watched, by its name, as `max_test_accuracy`. It is chosen on the data that it is of, so it flatters the
    /// model a little.
    #[serde(flatten)]
    pub best: Values,
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
    fn events_are_read_as_they_were_written() {
        let record = Record { step: 3, epoch: 1, values: [("train_loss", 0.5)].into_iter().collect() };
        let text = serde_json::to_string(&Event::Step(record.clone())).unwrap();
        let Event::Step(read) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!(read, record);
        let time = Duration::from_millis(1500);
        let best: Values = [("max_test_accuracy", 0.5)].into_iter().collect();
        let summary = Summary { ending: Ending::Finished, steps: 1, time, last: None, cause: None, best };
        let text = serde_json::to_string(&summary).unwrap();
        assert_eq!(
            text,
            r#"{"ending":"finished","steps":1,"seconds":1.5,"final":null,"max_test_accuracy":0.5}"#
        );
        let read: Summary = serde_json::from_str(&text).unwrap();
        assert_eq!((read.time, read.best.get("max_test_accuracy")), (time, Some(0.5)));
    }

    #[test]
    fn a_program_notes_what_it_needs_beside_the_settings_of_all() {
        let mut start = Start { name: "run".into(), panels: vec![Panel::Bands(1)], ..Start::default() };
        start.settings.insert("seed".into(), 7.into());
        let read: Start = serde_json::from_str(&serde_json::to_string(&start).unwrap()).unwrap();
        assert_eq!((read.settings, read.panels), (start.settings, start.panels));
    }
}
