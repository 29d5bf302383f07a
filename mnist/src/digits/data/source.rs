//! Where the digits came from.

use std::fmt;
use std::path::PathBuf;

/// Where a [`Dataset`](super::Dataset) came from. `Display` gives one line without a full stop:
/// `MNIST, from the folder /data/mnist`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder that the user named.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Whether these are MNIST's own files, by their SHA-256. If not, it is another data set in the same format,
        /// Fashion-MNIST for example.
        genuine: bool,
    },
    /// A split of EMNIST in a folder that the user named, its images turned upright.
    Emnist {
        /// The folder.
        path: PathBuf,
        /// The split: `digits` or `mnist`.
        split: &'static str,
    },
    /// MNIST, from the cache folder.
    Cache {
        /// The cache folder.
        path: PathBuf,
    },
    /// MNIST, downloaded just now.
    Download {
        /// The mirror that the (last) file came from.
        mirror: String,
        /// The cache folder where the files are kept for the next time, unless it could not be written to.
        cache: Option<PathBuf>,
    },
    /// Digits that the program drew itself.
    Synthetic {
        /// The seed they were drawn with.
        seed: u64,
    },
}

impl Source {
    /// Whether these are the real MNIST files, byte for byte.
    pub fn is_mnist(&self) -> bool {
        match self {
            Self::Folder { genuine, .. } => *genuine,
            Self::Cache { .. } | Self::Download { .. } => true,
            Self::Emnist { .. } | Self::Synthetic { .. } => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, genuine: true } => write!(f, "MNIST, from the folder {}", path.display()),
            Self::Folder { path, genuine: false } => {
                write!(f, "another data set in MNIST's format, from the folder {}", path.display())
            }
            Self::Emnist { path, split } => {
                write!(f, "the {split} split of EMNIST, turned upright, from the folder {}", path.display())
            }
            Self::Cache { path } => write!(f, "MNIST, from the cache folder {}", path.display()),
            Self::Download { mirror, cache: Some(path) } => {
                write!(f, "MNIST, downloaded from {mirror} and kept in {}", path.display())
            }
            Self::Download { mirror, cache: None } => write!(f, "MNIST, downloaded from {mirror}, not kept"),
            Self::Synthetic { seed } => write!(f, "synthetic digits, drawn by the program (seed {seed})"),
        }
    }
}
