//! Why a training cannot go on.

use crate::{BatchesError, CheckpointError, DataError};
use std::io;
use std::path::PathBuf;

/// Why a training could not begin or go on. The model is as it was after the last step that was done.
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
    /// A loss or a gradient is infinite or NaN.
    #[error(
        "train: {what} became {loss} in step {step}, before which the model is left. {found}. Try a smaller learning rate, clip_norm, \
         or another start"
    )]
    Diverged {
        /// The step, from 0.
        step: u64,
        /// The loss, or the norm of the gradients.
        what: &'static str,
        /// What it is.
        loss: f64,
        /// The first operation that makes such a number.
        found: String,
    },
    /// What is watched is not evaluated.
    #[error("train: {name:?} is watched, and there is no such value; there are {known}")]
    Watched {
        /// What was asked for.
        name: String,
        /// The values that there are.
        known: String,
    },
    /// A file of the run's folder cannot be written.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The data are others, or are cut into other batches.
    #[error("train: the run was on {there}, and here are {here}")]
    OtherData {
        /// The data of the run.
        there: String,
        /// Those of the loader.
        here: String,
    },
    /// Another program trains there.
    #[error("{}: another program writes to this run just now; wait for it, or end it", .0.display())]
    Locked(PathBuf),
    /// The run's folder has a run in it.
    #[error("{}: there is a run in this folder already; go on with it by resume, or choose another", .0.display())]
    Used(PathBuf),
}
