//! What the user is told while the digits are looked for.

use std::fmt;
use std::path::PathBuf;

use super::DownloadError;

/// Something worth telling the user while the digits are loaded; none of them stops the program. `Display` gives
/// one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The files of a folder are well formed, but are not those of MNIST.
    NotMnist {
        /// The folder.
        folder: PathBuf,
        /// The names of the files whose SHA-256 is not that of MNIST's.
        files: Vec<&'static str>,
    },
    /// The files of a folder are those of a split of EMNIST.
    Emnist {
        /// The folder.
        folder: PathBuf,
        /// The split: `digits` or `mnist`.
        split: &'static str,
    },
    /// A file in the cache folder is damaged and is downloaded again.
    DamagedCache {
        /// Which file, and what is wrong with it.
        reason: String,
    },
    /// The cache folder cannot be used: what is downloaded is used now, and downloaded again the next time.
    NoCache {
        /// Why not.
        reason: String,
    },
    /// A download begins, or goes on where an earlier one stopped.
    Downloading {
        /// The address.
        url: String,
        /// Bytes that are there already from an earlier attempt.
        done: u64,
        /// Length of the whole file in bytes, if the server tells.
        total: Option<u64>,
    },
    /// How far a download is: every few seconds, where no progress bar is drawn.
    Progress {
        /// The address.
        url: String,
        /// Bytes there so far.
        done: u64,
        /// Length of the whole file in bytes, if the server tells.
        total: Option<u64>,
    },
    /// A download failed, and another attempt follows.
    Retrying(DownloadError),
    /// The digits are not MNIST's: the program draws its own.
    Synthetic {
        /// Why MNIST could not be had; `None` when synthetic digits were asked for.
        why: Option<DownloadError>,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMnist { folder, files } => write!(
                f,
                "the files in {} are not those of MNIST ({} differ in SHA-256): another data set in the same format is used",
                folder.display(),
                files.join(", ")
            ),
            Self::Emnist { folder, split } => write!(
                f,
                "the files in {} are not those of MNIST but the {split} split of EMNIST, whose transposed images are turned upright",
                folder.display()
            ),
            Self::DamagedCache { reason } => {
                write!(f, "a cached file is damaged and will be downloaded again: {reason}")
            }
            Self::NoCache { reason } => {
                write!(f, "{reason}: what is downloaded is not kept for the next time")
            }
            Self::Downloading { url, done: 0, total } => write!(f, "downloading {url}{}", size(*total)),
            Self::Downloading { url, done, total } => {
                write!(f, "downloading the rest of {url}{}, {} are there", size(*total), in_bytes(*done))
            }
            Self::Progress { url, done, total } => {
                let name = url.rsplit('/').next().unwrap_or(url);
                match total {
                    Some(total) => write!(f, "{name}: {} of {}", in_bytes(*done), in_bytes(*total)),
                    None => write!(f, "{name}: {}", in_bytes(*done)),
                }
            }
            Self::Retrying(error) => write!(f, "{error}: trying again elsewhere"),
            Self::Synthetic { why } => {
                f.write_str("these digits are synthetic, drawn by the program, ")?;
                match why {
                    None => f.write_str("as asked for: for the real ones leave out --synthetic"),
                    Some(why) => write!(
                        f,
                        "since {why}: for the real ones pass --data DIR, set MNIST_DIR or connect to the network"
                    ),
                }
            }
        }
    }
}

fn size(total: Option<u64>) -> String {
    total.map_or_else(String::new, |total| format!(" ({})", in_bytes(total)))
}

/// Two decimal places of the unit in which they say something: the smallest file of MNIST has 4.54 kB.
fn in_bytes(bytes: u64) -> String {
    if bytes < 100_000 {
        format!("{:.2} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.2} MB", bytes as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_small_file_is_no_zero() {
        let told =
            |done, total| Notice::Downloading { url: "u".into(), done, total: Some(total) }.to_string();
        assert_eq!(told(0, 4542), "downloading u (4.54 kB)");
        assert_eq!(told(99_999, 9_912_422), "downloading the rest of u (9.91 MB), 100.00 kB are there");
    }
}
