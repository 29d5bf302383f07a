//! What can be wrong with data.

use std::path::PathBuf;

/// Why there is no such data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file cannot be read.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A place in a file has something else than it should have.
    #[error(
        "{}{}{}: {reason}", file.display(),
        if *line > 0 { format!(", line {line}") } else { String::new() },
        column.as_ref().map_or(String::new(), |column| format!(", column {column:?}"))
    )]
    Cell {
        /// The file.
        file: PathBuf,
        /// The line, from 1; 0 if it is not known.
        line: u64,
        /// The name of the column.
        column: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// A file, or an array in it, is not what it should be.
    #[error("{}{}: {reason}", file.display(), array.as_ref().map_or(String::new(), |array| format!(", array {array:?}")))]
    Content {
        /// The file.
        file: PathBuf,
        /// The name of the array, where a file has several.
        array: Option<String>,
        /// What is wrong, and what to do about it.
        reason: String,
    },
    /// The parts of a data set have not the same length.
    #[error("data set: its parts have different numbers of elements: {}", shapes.join(", "))]
    Lengths {
        /// The shapes of the parts.
        shapes: Vec<String>,
    },
    /// There are no such parts.
    #[error("split: {0}")]
    Split(String),
}
