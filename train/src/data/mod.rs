//! Data in batches.
//!
//! | file | what is in it |
//! |---|---|
//! | `dataset` | [`Dataset`]: elements by number; [`TensorDataset`]: those of tensors in memory |
//! | `split` | [`split()`], [`split_stratified`]: parts to train on, to choose by, to test with |
//! | `batches` | [`Batches`]: which elements make up the next batch |
//! | `loader` | [`Loader`]: batches one after the other, prepared ahead |
//! | `augment` | [`Augment`], [`Augmented`]: pictures changed at random |
//! | `sources` | files that data come from, each kind with a feature of its own |
//! | `error` | [`DataError`]: what can be wrong with data |

mod augment;
mod batches;
mod dataset;
mod error;
mod loader;
mod sources;
mod split;

pub use augment::{Augment, Augmented};
pub use batches::{Batch, Batches, BatchesError, Position};
pub use dataset::{Dataset, TensorDataset};
pub use error::DataError;
pub use loader::{Loaded, Loader};
#[cfg(any(feature = "idx", feature = "npy"))]
pub use sources::ReadAs;
#[cfg(feature = "images")]
pub use sources::{Channels, ImageFolder, image_from};
#[cfg(feature = "idx")]
pub use sources::{IdxDataset, idx, idx_from};
#[cfg(feature = "npy")]
pub use sources::{NpyDataset, npy, npy_from, npz, npz_from, npz_names, write_npy, write_npz};
#[cfg(feature = "csv")]
pub use sources::{csv_classes, csv_classes_from, csv_names, csv_numbers, csv_numbers_from};
pub use split::{Subset, split, split_stratified};
