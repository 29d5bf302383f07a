//! The digits: 60,000 to train on and 10,000 to test with, each an image of 28×28 grey pixels and a label 0 to 9.
//!
//! [`load`] finds them: in a folder that you name, in the user's cache folder, on the network, or, where there is
//! none, in the program itself, which can draw digits of its own.
//!
//! | file | what is in it |
//! |---|---|
//! | `split.rs` | [`Split`]: images and labels, and gathering a batch of them |
//! | `half.rs` | [`Half`]: one of the two sets as data to train on |
//! | `search.rs` | [`Search`], [`Choice`]: where the digits are looked for, and in what order |
//! | `source.rs` | [`Source`]: where they came from |
//! | `files.rs` | the four files of MNIST, their digests, reading a folder |
//! | `names.rs`, `emnist.rs` | which files of a folder those are; EMNIST's two splits of digits |
//! | `idx.rs`, `gzip.rs` | the IDX file format, compressed or not |
//! | `fetch` | fetching a file from a mirror, resuming it, proxies and time limits |
//! | `error.rs`, `notice.rs` | what can go wrong, and what the user is told along the way |

mod emnist;
mod error;
mod fetch;
mod files;
mod gzip;
mod half;
mod idx;
mod names;
mod notice;
mod search;
mod source;
mod split;
#[cfg(test)]
mod tests;

pub use error::{DataError, DownloadError};
pub use fetch::MIRRORS;
pub use fetch::http::{Proxies, Timeouts};
pub use half::Half;
pub use notice::Notice;
pub use search::{Choice, Search};
pub use source::Source;
pub use split::Split;
pub use train::{Batch, Batches};

use sha2::{Digest, Sha256};

/// A training set, a test set, and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The images to train on (60,000 in MNIST).
    pub train: Split,
    /// The images to test with, never trained on (10,000 in MNIST).
    pub test: Split,
    /// Where the digits came from. Its `Display` is one line for the user.
    pub source: Source,
}

impl Dataset {
    /// SHA-256 over the four uncompressed IDX files one after the other, in lower-case hex: an identity of the data
    /// to note beside a result. It is the same whether the files were compressed or not, and what
    /// `zcat train-images* train-labels* t10k-images* t10k-labels* | sha256sum` prints (for EMNIST, of the files with its
    /// images turned upright).
    ///
    /// It takes about 30 ms for MNIST on a processor with SHA instructions.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for split in [&self.train, &self.test] {
            hasher.update(idx::image_header(split));
            hasher.update(&split.images);
            hasher.update(idx::label_header(split));
            hasher.update(&split.labels);
        }
        idx::hex(hasher)
    }
}

/// Loads the digits: [`Search::load`] with the places and mirrors that [`Search::from_env`] knows.
///
/// `report` is given each [`Notice`] as it arises (a damaged cache, a mirror that does not answer, synthetic digits);
/// print them, or pass `&mut |_| ()` to stay silent.
///
/// # Errors
/// A [`DataError`] that names the file, when a folder was asked for by name and its files are missing or damaged.
/// Without a folder there is no error: where nothing can be downloaded the digits are synthetic.
///
/// # Examples
/// ```no_run
/// use mnist::data::{Choice, load};
///
/// let digits = load(&Choice::Auto, &mut |notice| eprintln!("{notice}"))?;
/// println!("{}: {} + {} images", digits.source, digits.train.len(), digits.test.len());
/// # Ok::<(), mnist::data::DataError>(())
/// ```
pub fn load(choice: &Choice, report: &mut dyn FnMut(Notice)) -> Result<Dataset, DataError> {
    Search::from_env().load(choice, report)
}
