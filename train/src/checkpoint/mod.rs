//! Checkpoints: all that a run needs to go on as if nothing had happened.
//!
//! | file | what is in it |
//! |---|---|
//! | `file` | [`Checkpoint`]: one file, with model, optimizer and whatever else the run's next step depends on |
//! | `folder` | [`CheckpointFolder`]: the last few of a run; the newest that is whole |
//! | `error` | [`CheckpointError`]: what can be wrong with one |

mod error;
mod file;
mod folder;

pub use error::CheckpointError;
pub use file::Checkpoint;
pub(crate) use file::checksum;
pub use folder::CheckpointFolder;
