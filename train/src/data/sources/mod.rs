//! Files that data come from. A file may lie: nothing is allocated because a header says so, a line has an end, and what is no regular
//! file is not waited for.
//!
//! | file | what is in it | feature |
//! |---|---|---|
//! | `table` | columns of CSV files | `csv` |
//! | `file` | regular files, opened | any |

#[cfg(feature = "csv")]
mod file;
#[cfg(feature = "csv")]
mod table;

#[cfg(feature = "csv")]
pub use table::{csv_classes, csv_classes_from, csv_names, csv_numbers, csv_numbers_from};
