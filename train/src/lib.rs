//! What training any model needs around the model.
//!
//! # The tour
//!
//! | folder | what is in it |
//! |---|---|
//! | `data` | [`Dataset`], [`split()`], [`Batches`], [`Loader`]: data in batches, shuffled, and from any place on |
//! | [`metrics`] | accuracy, precision and recall, top-k, ROC AUC, errors of regression, over batches of any sizes |
//! | `trainer` | [`Trainer`]: the loop, with schedules, clipping, accumulation, averages, evaluation, early stopping, resuming |
//! | `lines` | [`JsonLines`]: the numbers of a run in a file |
//! | `checkpoint` | [`Checkpoint`], [`CheckpointFolder`]: a run that is killed goes on as if nothing had happened |
#![forbid(unsafe_code)]

mod checkpoint;
mod data;
mod lines;
pub mod metrics;
mod trainer;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointFolder};
#[cfg(any(feature = "idx", feature = "npy"))]
pub use data::ReadAs;
pub use data::{
    Batch, Batches, BatchesError, DataError, Dataset, Loaded, Loader, Position, Subset, TensorDataset, split,
    split_stratified,
};
#[cfg(feature = "images")]
pub use data::{Channels, ImageFolder, image_from};
#[cfg(feature = "idx")]
pub use data::{IdxDataset, idx, idx_from};
#[cfg(feature = "npy")]
pub use data::{NpyDataset, npy, npy_from, npz, npz_from, npz_names, write_npy, write_npz};
#[cfg(feature = "csv")]
pub use data::{csv_classes, csv_classes_from, csv_names, csv_numbers, csv_numbers_from};
pub use lines::JsonLines;
pub use trainer::{Record, Report, Stop, TrainError, Trainer};
