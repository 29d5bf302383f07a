//! Data in batches.
//!
//! | file | what is in it |
//! |---|---|
//! | `dataset` | [`Dataset`]: elements by number; [`TensorDataset`]: those of tensors in memory |
//! | `split` | [`split()`], [`split_stratified`]: parts to train on, to choose by, to test with |
//! | `batches` | [`Batches`]: which elements make up the next batch |
//! | `table` | columns of CSV files, with the feature `csv` |
//! | `loader` | [`Loader`]: batches one after the other, prepared ahead |

mod batches;
mod dataset;
mod loader;
mod split;
#[cfg(feature = "csv")]
mod table;

pub use batches::{Batch, Batches, BatchesError, Position};
pub use dataset::{DataError, Dataset, TensorDataset};
pub use loader::{Loaded, Loader};
pub use split::{Subset, split, split_stratified};
#[cfg(feature = "csv")]
pub use table::{csv_classes, csv_names, csv_numbers};
