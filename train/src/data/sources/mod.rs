//! Files that data come from. A file may lie: nothing is allocated because a header says so, a line has an end, and what is no regular
//! file is not waited for.
//!
//! | file | what is in it | feature |
//! |---|---|---|
//! | `table` | columns of CSV files | `csv` |
//! | `idx` | arrays of IDX files, and `IdxDataset`: a byte for a pixel | `idx` |
//! | `npy` | NumPy's arrays, and `NpyDataset`: elements that stay in their files | `npy` |
//! | `images` | `ImageFolder`: pictures in a folder for each class | `images` |
//! | `elements` | `ReadAs`: what elements of arrays become in tensors | those of arrays |
//! | `numbers` | what the bytes of an element mean | those of arrays |
//! | `expand` | compressed data, in proportion | those of arrays |
//! | `file` | regular files, opened | any |

#[cfg(any(feature = "idx", feature = "npy"))]
mod elements;
#[cfg(any(feature = "idx", feature = "npy"))]
mod expand;
#[cfg(any(feature = "csv", feature = "idx", feature = "images", feature = "npy"))]
mod file;
#[cfg(feature = "idx")]
mod idx;
#[cfg(feature = "images")]
mod images;
#[cfg(feature = "npy")]
mod npy;
#[cfg(any(feature = "idx", feature = "npy"))]
mod numbers;
#[cfg(feature = "csv")]
mod table;

#[cfg(any(feature = "idx", feature = "npy"))]
pub use elements::ReadAs;
#[cfg(feature = "idx")]
pub use idx::{IdxDataset, idx, idx_from};
#[cfg(feature = "images")]
pub use images::{Channels, ImageFolder, image_from};
#[cfg(feature = "npy")]
pub use npy::{NpyDataset, npy, npy_from, npz, npz_from, npz_names, write_npy, write_npz};
#[cfg(feature = "csv")]
pub use table::{csv_classes, csv_classes_from, csv_names, csv_numbers, csv_numbers_from};
