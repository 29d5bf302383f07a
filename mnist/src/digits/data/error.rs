//! What can go wrong with the data.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::idx::{COLS, MAX_ITEMS, ROWS};
use super::names::spellings;

/// Why a data set cannot be used. Each message names the file, the rule it breaks and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The folder lacks one of the four files.
    #[error(
        "{}: no such file, nor {}, in upper or lower case, nor a folder of such a name with the file in it. The folder \
         given by --data or MNIST_DIR holds {}, or the digits or mnist split of EMNIST",
        folder.join(name).display(),
        spellings(name)[1..].join(", "),
        files.join(", ")
    )]
    Missing {
        /// The folder looked in.
        folder: PathBuf,
        /// The name of the missing file, without `.gz`.
        name: String,
        /// The names of all four.
        files: Vec<String>,
    },
    /// There is no such folder, it is a file, or it may not be looked into.
    #[error("{}: {source}; --data and MNIST_DIR name the folder that holds the four files of MNIST", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The folder has both of EMNIST's splits of digits.
    #[error(
        "{}: this folder has {} splits of EMNIST, {}; say which: --data {}",
        folder.display(),
        splits.len(),
        splits.join(" and "),
        splits.iter().map(|split| folder.join(format!("emnist-{split}")).display().to_string()).collect::<Vec<_>>()
            .join(" or --data ")
    )]
    AmbiguousEmnist {
        /// The folder.
        folder: PathBuf,
        /// The splits.
        splits: Vec<&'static str>,
    },
    /// The folder has other splits of EMNIST than those of the digits.
    #[error(
        "{}: EMNIST's {} cannot be used, since the models here tell ten digits apart and it has letters; \
         its splits digits and mnist can (emnist-digits-train-images-idx3-ubyte and so on)",
        folder.display(),
        splits.join(", ")
    )]
    EmnistLetters {
        /// The folder.
        folder: PathBuf,
        /// The splits.
        splits: Vec<&'static str>,
    },
    /// The operating system does not let us read the file.
    #[error("{}: cannot be read ({source})", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The compressed file is cut off, or has a wrong checksum.
    #[error("{}: the gzip data is damaged or cut off ({source}); copy or download the file again", file.display())]
    Gzip {
        /// The file.
        file: PathBuf,
        /// What the decoder says.
        source: io::Error,
    },
    /// The compressed data is whole, and something else follows it. Zero bytes and line ends may.
    #[error("{}: the gzip data is whole, but {source}; cut them off, or copy or download the file again", file.display())]
    Trailing {
        /// The file.
        file: PathBuf,
        /// What follows.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file ends within its header.
    #[error(
        "{}: {actual} bytes are too few for an IDX header of {expected}; copy or download the file again",
        file.display()
    )]
    Header {
        /// The file.
        file: PathBuf,
        /// Bytes of a header.
        expected: usize,
        /// Bytes there are, uncompressed.
        actual: usize,
    },
    /// The first four bytes are not those of this kind of file.
    #[error("{}: the magic number is {found:#010x}, not {expected:#010x}: {hint}", file.display())]
    Magic {
        /// The file.
        file: PathBuf,
        /// The magic number of such a file.
        expected: u32,
        /// What is there.
        found: u32,
        /// What the file probably is.
        hint: &'static str,
    },
    /// The images are of another size.
    #[error("{}: the images are {rows}x{cols}, but the models here take {ROWS}x{COLS}", file.display())]
    ImageSize {
        /// The file.
        file: PathBuf,
        /// Height in pixels.
        rows: u32,
        /// Width in pixels.
        cols: u32,
    },
    /// The header says that there is nothing in the file.
    #[error("{}: the header claims 0 {what}; at least one is needed", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// "images" or "labels".
        what: &'static str,
    },
    /// There are fewer bytes than the header claims.
    #[error(
        "{}: the header claims {claimed} {what} ({claimed_bytes} bytes), but {actual_bytes} bytes follow it; \
         copy or download the file again",
        file.display()
    )]
    TooShort {
        /// The file.
        file: PathBuf,
        /// "images" or "labels".
        what: &'static str,
        /// How many the header claims.
        claimed: u32,
        /// How many bytes that would be.
        claimed_bytes: u64,
        /// How many bytes there are after the header, uncompressed.
        actual_bytes: u64,
    },
    /// There are more bytes than the header claims.
    #[error(
        "{}: bytes are left over after the {claimed} {what} that the header claims ({claimed_bytes} bytes); \
         copy or download the file again",
        file.display()
    )]
    TooLong {
        /// The file.
        file: PathBuf,
        /// "images" or "labels".
        what: &'static str,
        /// How many the header claims.
        claimed: u32,
        /// How many bytes those are.
        claimed_bytes: u64,
    },
    /// The header claims more than is sensible, and the file does go on beyond that.
    #[error("{}: the header claims {claimed} {what}; more than {MAX_ITEMS} are not read", file.display())]
    TooMany {
        /// The file.
        file: PathBuf,
        /// "images" or "labels".
        what: &'static str,
        /// How many the header claims.
        claimed: u32,
    },
    /// A label is not a digit.
    #[error("{}: label {index} is {value}, but a label is a digit from 0 to 9", file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// Which label, counted from 0.
        index: usize,
        /// Its value.
        value: u8,
    },
    /// An image file and a label file do not belong together.
    #[error(
        "{}: {images} images, but {labels} labels in {}; the two files must be of the same set",
        image_file.display(),
        label_file.display()
    )]
    Counts {
        /// The file of images.
        image_file: PathBuf,
        /// The file of labels.
        label_file: PathBuf,
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// One file of a folder is not MNIST's, while another one is.
    #[error(
        "{}: the SHA-256 is {found}, but MNIST's file has {expected}, and {} beside it is MNIST's: the file is damaged \
         or of another data set; copy or download it again",
        file.display(),
        beside.display()
    )]
    Digest {
        /// The file.
        file: PathBuf,
        /// SHA-256 of the uncompressed file.
        found: String,
        /// SHA-256 of MNIST's.
        expected: &'static str,
        /// A file that is MNIST's.
        beside: PathBuf,
    },
    /// A batch of no images, or of more than there are.
    #[error("a batch of {batch} out of {len} images: choose a batch size from 1 to {len}")]
    BatchSize {
        /// The size asked for.
        batch: usize,
        /// Number of images.
        len: usize,
    },
}

/// Why a file could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// There is no mirror to ask.
    #[error("there is no mirror to download from")]
    NoMirror,
    /// The proxy that the environment names cannot be used.
    #[error("the proxy named by {variable} cannot be used: {reason}")]
    Proxy {
        /// The environment variable.
        variable: &'static str,
        /// Why not.
        reason: String,
    },
    /// No answer: no network, no such host, a connection refused, or a time limit.
    #[error("{url} does not answer ({reason})")]
    Unreachable {
        /// The address.
        url: String,
        /// What the network says.
        reason: String,
    },
    /// The server answers, but not with the file.
    #[error("{url} answers with status {status} instead of the file")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke or stalled. What has arrived is kept, and the next attempt goes on from there.
    #[error("the download of {url} broke off after {done} bytes ({reason})")]
    Interrupted {
        /// The address.
        url: String,
        /// Bytes there so far.
        done: u64,
        /// What the network says.
        reason: String,
    },
    /// What arrived is not the file: wrong by its SHA-256, not an IDX file, or far too long.
    #[error("{url} is not the right file ({reason})")]
    WrongContent {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}
