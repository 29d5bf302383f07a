//! What training any model needs around the model.
//!
//! # The tour
//!
//! | folder | what is in it |
//! |---|---|
//! | `data` | [`Dataset`], [`split()`], [`Batches`], [`Loader`]: data in batches, shuffled, and from any place on; [`Augment`]: pictures changed at random |
//! | [`metrics`] | accuracy, precision and recall, top-k, ROC AUC, errors of regression, over batches of any sizes |
//! | `trainer` | [`Trainer`]: the loop, with schedules, clipping, accumulation, averages, evaluation, early stopping, resuming |
//! | [`watch`] | what the loop emits, and who watches it: the run's files, what a page asks |
//! | `terminal` | the run in the terminal, with the feature `terminal` |
//! | `show` | figures, the page, the movie, with the features `figures`, `page`, `movie` |
//! | `lines` | [`JsonLines`]: the numbers of a run in a file |
//! | `checkpoint` | [`Checkpoint`], [`CheckpointFolder`]: a run that is killed goes on as if nothing had happened |
//!
//! # Data in files
//!
//! | feature | what it brings |
//! |---|---|
//! | `csv` | `csv_numbers`, `csv_classes`: columns of tables |
//! | `idx` | `idx`, `IdxDataset`: arrays of MNIST's format, in memory as bytes |
//! | `images` | `ImageFolder`: PNG and JPEG pictures by class, decoded as they are needed |
//! | `npy` | `npy`, `npz`, `write_npy`, `write_npz`: NumPy's arrays; `NpyDataset`: those that are larger than memory |
//!
//! The readers take files for what they are: regular ones alone, no allocation because a header says so, and what is wrong is said with
//! file and place. Each has a form that reads what is in memory (`csv_numbers_from`, `idx_from`, `image_from`, `npy_from`, `npz_from`).
#![forbid(unsafe_code)]

mod checkpoint;
mod data;
mod lines;
pub mod metrics;
mod print;
#[cfg(feature = "figures")]
pub mod show;
#[cfg(feature = "terminal")]
pub mod terminal;
mod trainer;
pub mod watch;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointFolder};
#[cfg(any(feature = "idx", feature = "npy"))]
pub use data::ReadAs;
pub use data::{
    Augment, Augmented, Batch, Batches, BatchesError, DataError, Dataset, Loaded, Loader, Position, Subset,
    TensorDataset, split, split_stratified,
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
pub use print::{exit, print_error, print_line};
pub use trainer::{ConfusionPanel, PanelSource, Report, Seen, TrainError, Trainer};
