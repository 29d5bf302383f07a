//! Which files of a folder are the data set's, whatever archive they come from.
//!
//! A file is found by its name on MNIST's page, `train-images-idx3-ubyte`, or with the dot that common archives unpack,
//! `train-images.idx3-ubyte`; compressed or not; in upper or lower case; itself or in a folder of such a name.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{DataError, emnist};

/// Folders below the one that is named, where well-known programs and archives put the files: torchvision below its
/// `root`, EMNIST's archive in `gzip`.
const BELOW: [&str; 5] = ["", "raw", "MNIST/raw", "EMNIST/raw", "gzip"];

/// How the files of a data set are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// As those of MNIST. So are those of Fashion-MNIST and others.
    Mnist,
    /// As those of this split of EMNIST.
    Emnist(&'static str),
}

impl Naming {
    /// The name without `.gz` of the file that MNIST calls `mnist`.
    pub(super) fn file_name(self, mnist: &str) -> String {
        match self {
            Self::Mnist => mnist.into(),
            Self::Emnist(split) => emnist::file_name(split, mnist),
        }
    }
}

/// The folder that has the files, `folder` or one below it, and how they are called. `mnist` are MNIST's names.
///
/// `folder/emnist-digits` stands for the files in `folder` whose names begin so.
pub(super) fn choose(folder: &Path, mnist: [&str; 4]) -> Result<(PathBuf, Naming), DataError> {
    let (folder, asked) = match split_of(folder) {
        Some((folder, split)) => (folder, Some(split)),
        None => (folder, None),
    };
    check_folder(folder)?;
    for below in BELOW {
        let folder = if below.is_empty() { folder.to_owned() } else { folder.join(below) };
        let listing = Listing::of(&folder);
        let has = |naming: Naming| {
            mnist.iter().any(|name| !listing.named(&spellings(&naming.file_name(name))).is_empty())
        };
        if asked.is_none() && has(Naming::Mnist) {
            return Ok((folder, Naming::Mnist));
        }
        let there =
            |split: &&'static str| asked.is_none_or(|asked| asked == *split) && has(Naming::Emnist(split));
        let digits: Vec<_> = emnist::DIGITS.into_iter().filter(there).collect();
        let letters: Vec<_> = emnist::LETTERS.into_iter().filter(there).collect();
        match digits[..] {
            [split] => return Ok((folder, Naming::Emnist(split))),
            [_, ..] => return Err(DataError::AmbiguousEmnist { folder, splits: digits }),
            [] if !letters.is_empty() => return Err(DataError::EmnistLetters { folder, splits: letters }),
            [] => (),
        }
    }
    Ok((folder.into(), asked.map_or(Naming::Mnist, Naming::Emnist)))
}

/// From `folder/emnist-digits`, which is no folder itself, the folder and the split.
fn split_of(path: &Path) -> Option<(&Path, &'static str)> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let splits = || emnist::DIGITS.into_iter().chain(emnist::LETTERS);
    let split = splits().find(|split| name.strip_prefix("emnist-") == Some(split))?;
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    (!path.exists() && parent.is_dir()).then_some((parent, split))
}

fn check_folder(folder: &Path) -> Result<(), DataError> {
    let reason = match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(error) => error,
    };
    Err(DataError::Folder { folder: folder.into(), source: reason })
}

/// The ways to write a file's name, those to take first in front.
pub(super) fn spellings(name: &str) -> [String; 4] {
    let dotted = name.replacen("-idx", ".idx", 1);
    [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")]
}

/// What is in a folder.
pub(super) struct Listing {
    folder: PathBuf,
    entries: Vec<OsString>,
}

impl Listing {
    /// An empty one if the folder cannot be listed: the files in it may be there to be read all the same.
    pub(super) fn of(folder: &Path) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut entries: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
        entries.sort();
        Self { folder: folder.into(), entries }
    }

    /// The file of this name (without `.gz`), if there is one.
    pub(super) fn find(&self, name: &str) -> Result<Option<PathBuf>, DataError> {
        let spellings = spellings(name);
        let found = self.named(&spellings);
        let below = || {
            let folders = found.iter().filter(|path| path.is_dir());
            folders.flat_map(|folder| Self::of(folder).named(&spellings)).find(|path| path.is_file())
        };
        if let Some(file) = found.iter().find(|path| path.is_file()).cloned().or_else(below) {
            return Ok(Some(file));
        }
        let Some(path) = found.into_iter().next() else { return Ok(None) };
        let reason = match path.metadata() {
            Ok(metadata) if metadata.is_dir() => "it is a folder, and there is no file of that name in it",
            Ok(_) => "not a regular file",
            Err(source) => return Err(DataError::Read { file: path, source }),
        };
        Err(DataError::Read { file: path, source: io::Error::new(io::ErrorKind::InvalidInput, reason) })
    }

    /// All that has one of these names, in this order; of one name the same case comes first.
    fn named(&self, spellings: &[String]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for spelling in spellings {
            let exact = self.folder.join(spelling);
            // A file that may not be looked at is not a missing one: opening tells what it is.
            let missing = |error: &io::Error| {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            };
            if exact.symlink_metadata().err().is_none_or(|error| !missing(&error)) {
                found.push(exact);
            }
            let others = self.entries.iter().filter(|entry| *entry != spelling.as_str());
            let others = others.filter(|entry| entry.eq_ignore_ascii_case(spelling));
            found.extend(others.map(|entry| self.folder.join(entry)));
        }
        found
    }
}
