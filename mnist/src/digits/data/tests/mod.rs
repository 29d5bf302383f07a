//! Tests of the whole search, with a small data set of its own and servers on this computer.

mod cache;
mod download;
mod folder;
mod idx;
mod names;
mod proxy;
mod resume;
mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::files::{DataFile, MNIST};
use super::*;

/// Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(300);

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A data set of 300 + 20 noisy images: its files, uncompressed and compressed, in the usual order.
struct Fixture {
    raw: [Vec<u8>; 4],
    gz: [Vec<u8>; 4],
    files: [DataFile; 4],
}

impl Fixture {
    fn new(seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let raw =
            [(0x0803, 300), (0x0801, 300), (0x0803, 20), (0x0801, 20)].map(|(magic, count): (u32, u32)| {
                let mut fields = vec![magic, count];
                if magic == 0x0803 {
                    fields.extend([28, 28]);
                }
                let len = if magic == 0x0803 { count * 784 } else { count };
                let mut file: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
                file.extend((0..len).map(|_| rng.random_range(0..if magic == 0x0803 { 255 } else { 10 })));
                file
            });
        let gz = raw.each_ref().map(|bytes| gzip(bytes));
        let mut files = MNIST;
        for (file, bytes) in files.iter_mut().zip(&raw) {
            file.sha256 = super::idx::hex(Sha256::new().chain_update(bytes)).leak();
        }
        Self { raw, gz, files }
    }

    /// The compressed file that a request for `name` (without a folder) asks for.
    fn by_name(&self, name: &str) -> Option<&[u8]> {
        let index = NAMES.iter().position(|file| name.strip_suffix(".gz") == Some(file))?;
        Some(&self.gz[index])
    }

    fn write_to(&self, folder: &Path, compressed: bool) {
        let (suffix, files) = if compressed { (".gz", &self.gz) } else { ("", &self.raw) };
        for (name, bytes) in NAMES.iter().zip(files) {
            fs::write(folder.join(format!("{name}{suffix}")), bytes).unwrap();
        }
    }

    /// A search for this data set as if it were MNIST, with time limits that only a test of them reaches.
    fn search(&self, mirrors: &[&str], cache: Option<PathBuf>) -> Search {
        Search {
            folder: None,
            cache,
            mirrors: mirrors.iter().map(ToString::to_string).collect(),
            proxies: Proxies::default(),
            timeouts: Timeouts {
                connect: PATIENCE,
                answer: PATIENCE,
                stall: PATIENCE,
                pace: PATIENCE,
                least: 1,
            },
            progress_bar: false,
            files: self.files,
        }
    }

    fn assert_found(&self, found: &Found) {
        let (files, _) = found.result.as_ref().expect("the files should have been found");
        for (file, raw) in files.iter().zip(&self.raw) {
            assert!(raw.ends_with(&file.decoded.data), "{}", file.path.display());
        }
    }
}

/// What looking in the cache and downloading came to, and the notices on the way.
struct Found {
    result: Result<([files::StoredFile; 4], Source), DownloadError>,
    notices: Vec<String>,
}

impl Found {
    fn source(&self) -> &Source {
        &self.result.as_ref().expect("the files should have been found").1
    }

    fn error(&self) -> String {
        self.result.as_ref().expect_err("the files should not have been found").to_string()
    }

    /// Whether there is a notice with this in it.
    fn told(&self, text: &str) -> bool {
        self.notices.iter().any(|notice| notice.contains(text))
    }
}

fn find(search: &Search) -> Found {
    let mut notices = Vec::new();
    let result = search.find_mnist(&mut |notice| notices.push(notice.to_string()));
    Found { result, notices }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Names of the files in a folder, sorted.
fn listing(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}
