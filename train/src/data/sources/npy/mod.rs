//! NumPy's files: an array (`.npy`), and archives of arrays by name (`.npz`).
//!
//! | file | what is in it |
//! |---|---|
//! | `array` | [`npy`]: the array of a file |
//! | `archive` | [`npz`]: arrays of an archive by their names |
//! | `write` | [`write_npy`], [`write_npz`] |
//! | `rows` | [`NpyDataset`]: elements of arrays that stay in their files |
//! | `header` | what comes before the elements |

mod archive;
mod array;
mod header;
mod rows;
mod write;

pub use archive::{npz, npz_from, npz_names};
pub use array::{npy, npy_from};
pub use rows::NpyDataset;
pub use write::{write_npy, write_npz};
