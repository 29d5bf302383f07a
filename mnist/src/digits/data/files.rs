//! The four files of MNIST, and reading them from a folder.

use std::fs::File;
use std::io::BufReader;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, Builder};

use super::idx::{COLS, Decoded, Kind, ROWS, decode};
use super::names::{Listing, Naming};
use super::{DataError, Split, emnist};

/// One file of a data set.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataFile {
    /// Its name without `.gz`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// SHA-256 of the uncompressed file. Compressed files of equal content differ between mirrors.
    pub(super) sha256: &'static str,
}

/// Training images, training labels, test images, test labels: everywhere in this order.
pub(super) const MNIST: [DataFile; 4] = [
    DataFile {
        name: "train-images-idx3-ubyte",
        kind: Kind::Images,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    DataFile {
        name: "train-labels-idx1-ubyte",
        kind: Kind::Labels,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    DataFile {
        name: "t10k-images-idx3-ubyte",
        kind: Kind::Images,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    DataFile {
        name: "t10k-labels-idx1-ubyte",
        kind: Kind::Labels,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

/// A file that was read, and where it lies.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) path: PathBuf,
    pub(super) decoded: Decoded,
}

/// Reads the four files of a folder. The training images take longer than the rest together, so they have a thread to
/// themselves.
pub(super) fn read_folder(
    folder: &Path,
    naming: Naming,
    files: &[DataFile; 4],
) -> [Result<StoredFile, DataError>; 4] {
    let listing = Listing::of(folder);
    let read = |file: &DataFile| {
        let name = naming.file_name(file.name);
        let path = listing.find(&name)?;
        let path = path.ok_or_else(|| DataError::Missing {
            folder: folder.into(),
            name,
            files: files.iter().map(|file| naming.file_name(file.name)).collect(),
        })?;
        let mut stored = read_file(path, file.kind)?;
        if let (Naming::Emnist(_), Kind::Images) = (naming, file.kind) {
            emnist::turn_upright(&mut stored.decoded.data);
        }
        Ok(stored)
    };
    let [first, rest @ ..] = files;
    thread::scope(|scope| {
        let thread = Builder::new().spawn_scoped(scope, || read(first));
        let [b, c, d] = rest.each_ref().map(read);
        let a = match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // There is no thread to be had.
            Err(_) => read(first),
        };
        [a, b, c, d]
    })
}

fn read_file(path: PathBuf, kind: Kind) -> Result<StoredFile, DataError> {
    let input = File::open(&path).map_err(|source| DataError::Read { file: path.clone(), source })?;
    let decoded = decode(kind, &path, BufReader::with_capacity(1 << 16, input))?;
    Ok(StoredFile { path, decoded })
}

impl Split {
    /// The images and labels of two IDX files in memory, compressed with gzip or not.
    ///
    /// ```
    /// use mnist::data::Split;
    ///
    /// let images = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28][..], &[255; 784]].concat();
    /// let labels = [0, 0, 8, 1, 0, 0, 0, 1, 7];
    /// assert_eq!(Split::from_idx(&images, &labels)?.labels, [7]);
    /// # Ok::<(), mnist::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If one of them is no such file, or there are not as many images as labels.
    pub fn from_idx(images: &[u8], labels: &[u8]) -> Result<Split, DataError> {
        let read = |name: &str, kind, bytes| {
            let path = PathBuf::from(name);
            Ok(StoredFile { decoded: decode(kind, &path, bytes)?, path })
        };
        pair_up(read("images", Kind::Images, images)?, read("labels", Kind::Labels, labels)?)
    }
}

/// Puts images and their labels together.
pub(super) fn pair_up(images: StoredFile, labels: StoredFile) -> Result<Split, DataError> {
    let (image_file, label_file) = (images.path, labels.path);
    let split = Split { images: images.decoded.data, labels: labels.decoded.data, rows: ROWS, cols: COLS };
    let (images, labels) = (split.images.len() / split.pixels(), split.labels.len());
    if images != labels {
        return Err(DataError::Counts { image_file, label_file, images, labels });
    }
    Ok(split)
}
