//! The digits that are trained on.

use mnist::data::{Choice, DataError, Dataset, Search, Source, Split};
use mnist::synthetic;
use std::path::Path;

/// The digits of this folder, or those that lie in `MNIST_DIR` or the cache; synthetic ones where there are none. Nothing is
/// downloaded: what is measured shall not depend on a network.
///
/// # Errors
/// If a folder is named whose files are missing or damaged.
pub fn digits(folder: Option<&Path>) -> Result<Dataset, DataError> {
    let mut search = Search::from_env();
    search.mirrors.clear();
    let choice = folder.map_or(Choice::Auto, |folder| Choice::Folder(folder.into()));
    search.load(&choice, &mut |notice| eprintln!("{notice}"))
}

/// A small set of synthetic digits, drawn at once.
pub fn few_digits(train: usize, test: usize) -> Dataset {
    let split = |seed, n| {
        let (images, labels) = synthetic::digits(seed, n);
        Split { images, labels, rows: 28, cols: 28 }
    };
    Dataset { train: split(0, train), test: split(1, test), source: Source::Synthetic { seed: 0 } }
}
