//! Why a training cannot go on.

use crate::watch::{FolderError, RecordedError};
use crate::{BatchesError, CheckpointError, DataError};
use std::io;
use std::path::PathBuf;

/// Why a training could not begin or go on, or what of it is not there. The model is as it was after the last step that was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The place in the data is that of another data set.
    #[error(transparent)]
    Position(#[from] BatchesError),
    /// The run's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is in the run's folder cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The parts of a batch are not the inputs of the step.
    #[error(
        "train: an element of the data has {found} parts, and the step takes {expected}: [images, labels], say"
    )]
    Parts {
        /// Tensors of a batch.
        found: usize,
        /// Inputs of the step.
        expected: usize,
    },
    /// A loss, a gradient or a parameter is infinite or NaN.
    #[error(
        "train: {what} became {value} in step {step}; the last checkpoint before it stays.{} Try a smaller learning rate, clip_norm, \
         or another start", found.as_ref().map_or(String::new(), |found| format!(" {found}."))
    )]
    Diverged {
        /// The step, from 0.
        step: u64,
        /// The loss of a batch or of a set, the norm of the gradients, or a parameter.
        what: String,
        /// What it is.
        value: f64,
        /// The first operation that made such a number, where one did.
        found: Option<String>,
    },
    /// What is watched is not evaluated.
    #[error("train: {name:?} is watched, and there is no such value; there are {known}")]
    Watched {
        /// What was asked for.
        name: String,
        /// The values that there are.
        known: String,
    },
    /// Two sets have a value of one name.
    #[error("train: two values would be called {name:?}; give the sets or the values other names")]
    Names {
        /// The name.
        name: String,
    },
    /// The data are others, or are cut into other batches.
    #[error("train: the run was on {there}, and here are {here}")]
    OtherData {
        /// The data of the run.
        there: String,
        /// Those of the loader.
        here: String,
    },
    /// The run had other settings.
    #[error("{} is a checkpoint of another run: {}", checkpoint.display(), differences.join("; "))]
    OtherRun {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// What differs, in words.
        differences: Vec<String>,
    },
    /// A record that the run has told is not in its file.
    #[error(
        "{}: the run's metrics.jsonl lacks the record of step {step}, from a disk that was full, perhaps; resume an earlier checkpoint in \
         the same folder", checkpoint.display()
    )]
    Gap {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// The step.
        step: u64,
    },
    /// The training is done, and a part of what was asked for could not be written.
    #[error("the run's folder is not complete: {0}")]
    Incomplete(String),
    /// The page cannot be served.
    #[error("the live page cannot be served on port {port}: {error}")]
    Page {
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// The movie cannot be written.
    #[error("the movie {}: {error}", file.display())]
    #[cfg(feature = "movie")]
    Movie {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        error: crate::show::MovieError,
    },
}
