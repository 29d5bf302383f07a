//! What can be wrong with a checkpoint.

use nn::{Differences, LoadError, SaveError};
use optim::StateError;
use std::io;
use std::path::PathBuf;

/// Why a checkpoint cannot be written, read, or gone on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It cannot be written.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// It cannot be read, or is no safetensors file.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It is a safetensors file, but no checkpoint: the weights of a model alone, say.
    #[error("{} is no checkpoint of a run: it lacks {what}; weights alone are loaded by nn::load", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The note that every checkpoint has.
        what: &'static str,
    },
    /// It was written by a program with another format.
    #[error(
        "{} has the checkpoint format {found}, this program reads format {}; go on with the program that wrote it ({program})",
        path.display(), super::Checkpoint::FORMAT
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The program that wrote it.
        program: String,
    },
    /// A tensor or the state is not what was written.
    #[error("{} is damaged: the checksum of {what} is {found}, it should be {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The tensor, or `the state`.
        what: String,
        /// What the content has.
        found: String,
        /// What was noted when it was written.
        expected: String,
    },
    /// The model has other parameters.
    #[error("{} is a checkpoint of another model: {differences}", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What differs.
        differences: Differences,
    },
    /// The optimizer keeps something else.
    #[error("{}: the optimizer's state does not belong to this run: {error}", path.display())]
    OtherOptimizer {
        /// The file.
        path: PathBuf,
        /// What differs.
        error: StateError,
    },
    /// The state is not of the type that is asked for.
    #[error(
        "{}the run's state is not what this program keeps: {error}",
        path.as_ref().map_or(String::new(), |path| format!("{}: ", path.display()))
    )]
    State {
        /// The file; `None` if none has been written.
        path: Option<PathBuf>,
        /// What differs.
        error: serde_json::Error,
    },
    /// The folder of checkpoints cannot be read or written.
    #[error("{}: {error}", path.display())]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The newest checkpoint of a run is not whole, an earlier one is.
    #[error("{error}; the one before it is whole, after {step} steps: resume {}", before.display())]
    Newest {
        /// What is wrong with the newest.
        error: Box<CheckpointError>,
        /// Steps of the one before.
        step: u64,
        /// Its file.
        before: PathBuf,
    },
}
