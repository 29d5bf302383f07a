//! The IDX file format of MNIST, <http://yann.lecun.com/exdb/mnist/>: a big-endian header (magic number, number of
//! items and, for images, rows and columns) followed by one byte for each pixel or label.
//!
//! A file may lie. So nothing is allocated because a header says so: memory grows with the bytes that are really
//! there, and never beyond [`MAX_ITEMS`] images.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::gzip::{self, Gunzip, Trailing};
use super::{DataError, Split};

/// Height of an image in pixels.
pub(super) const ROWS: usize = 28;
/// Width of an image in pixels.
pub(super) const COLS: usize = 28;
/// More items than this in one file are refused: 235 MB of images, above the largest set of digits in this format
/// (EMNIST's, 240,000).
pub(super) const MAX_ITEMS: usize = 300_000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Images,
    Labels,
}

impl Kind {
    /// Two zero bytes, 8 for "unsigned byte", and the number of dimensions.
    fn magic(self) -> u32 {
        match self {
            Self::Images => 0x0803,
            Self::Labels => 0x0801,
        }
    }

    fn header_len(self) -> usize {
        match self {
            Self::Images => 16,
            Self::Labels => 8,
        }
    }

    fn item_len(self) -> usize {
        match self {
            Self::Images => ROWS * COLS,
            Self::Labels => 1,
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// A file's pixels or labels, and the SHA-256 of the whole uncompressed file in hex.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) data: Vec<u8>,
    pub(super) sha256: String,
}

/// Reads a whole IDX file, compressed with gzip or not (its first bytes tell). `file` is for the error messages.
pub(super) fn decode(kind: Kind, file: &Path, mut input: impl BufRead) -> Result<Decoded, DataError> {
    let start = input.fill_buf().map_err(|source| DataError::Read { file: file.into(), source })?;
    if start.starts_with(&gzip::MAGIC) {
        decode_plain(kind, file, Gunzip::new(input), |file, source| match source.downcast::<Trailing>() {
            Ok(source) => DataError::Trailing { file, source: source.into() },
            Err(source) => DataError::Gzip { file, source },
        })
    } else {
        decode_plain(kind, file, input, |file, source| DataError::Read { file, source })
    }
}

fn decode_plain(
    kind: Kind,
    file: &Path,
    mut input: impl Read,
    failed: fn(PathBuf, io::Error) -> DataError,
) -> Result<Decoded, DataError> {
    let mut header = Vec::with_capacity(kind.header_len());
    let header_len = kind.header_len();
    input
        .by_ref()
        .take(header_len as u64)
        .read_to_end(&mut header)
        .map_err(|source| failed(file.into(), source))?;
    let claimed = check_header(kind, file, &header)?;
    let claimed_bytes = u64::from(claimed) * kind.item_len() as u64;

    // One byte more than allowed, to see whether the file goes on.
    let limit = claimed_bytes.min((MAX_ITEMS * kind.item_len()) as u64);
    let mut data = vec![];
    input.take(limit + 1).read_to_end(&mut data).map_err(|source| failed(file.into(), source))?;
    data.shrink_to_fit();

    let actual_bytes = data.len() as u64;
    let (file_name, what) = (|| file.to_path_buf(), kind.what());
    if actual_bytes > limit {
        return Err(if claimed_bytes > limit {
            DataError::TooMany { file: file_name(), what, claimed }
        } else {
            DataError::TooLong { file: file_name(), what, claimed, claimed_bytes }
        });
    }
    if actual_bytes < claimed_bytes {
        return Err(DataError::TooShort { file: file_name(), what, claimed, claimed_bytes, actual_bytes });
    }
    if kind == Kind::Labels
        && let Some(index) = data.iter().position(|&label| label > 9)
    {
        return Err(DataError::Label { file: file_name(), index, value: data[index] });
    }
    let sha256 = hex(Sha256::new().chain_update(&header).chain_update(&data));
    Ok(Decoded { data, sha256 })
}

/// Checks magic number and dimensions, and returns the number of items that the header claims.
fn check_header(kind: Kind, file: &Path, header: &[u8]) -> Result<u32, DataError> {
    let file = file.to_path_buf();
    let (expected, actual) = (kind.header_len(), header.len());
    let field = |i: usize| {
        header.get(4 * i..).and_then(<[u8]>::first_chunk).map(|bytes: &[u8; 4]| u32::from_be_bytes(*bytes))
    };
    let (Some(found), Some(claimed)) = (field(0), field(1)) else {
        return Err(DataError::Header { file, expected, actual });
    };
    if found != kind.magic() {
        let hint = match found {
            0x0801 => "this is a file of labels; are two files mixed up?",
            0x0803 => "this is a file of images; are two files mixed up?",
            0x504b_0304 => "this is a zip archive; unpack it",
            _ if found >> 24 == u32::from(b'<') => "this is a page of HTML or XML; download the file again",
            _ if (0x08..=0x0e).contains(&(found >> 8)) => {
                "this is an IDX file of other numbers, or of other dimensions"
            }
            _ => "this is not an IDX file of bytes; download the file again",
        };
        return Err(DataError::Magic { file, expected: kind.magic(), found, hint });
    }
    if kind == Kind::Images {
        let (Some(rows), Some(cols)) = (field(2), field(3)) else {
            return Err(DataError::Header { file, expected, actual });
        };
        if (rows as usize, cols as usize) != (ROWS, COLS) {
            return Err(DataError::ImageSize { file, rows, cols });
        }
    }
    if claimed == 0 {
        return Err(DataError::Empty { file, what: kind.what() });
    }
    Ok(claimed)
}

/// The header of a file with these images.
pub(super) fn image_header(split: &Split) -> Vec<u8> {
    let fields = [Kind::Images.magic(), split.len() as u32, split.rows as u32, split.cols as u32];
    fields.iter().flat_map(|field| field.to_be_bytes()).collect()
}

/// The header of a file with these labels.
pub(super) fn label_header(split: &Split) -> Vec<u8> {
    let fields = [Kind::Labels.magic(), split.len() as u32];
    fields.iter().flat_map(|field| field.to_be_bytes()).collect()
}

/// The digest in lower-case hex.
pub(super) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
