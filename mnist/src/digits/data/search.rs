//! Where the digits are looked for, and in what order.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

use super::fetch::{Downloader, MIRRORS};
use super::files::{DataFile, MNIST, StoredFile, pair_up, read_folder};
use super::names::{Naming, choose};
use super::{DataError, Dataset, DownloadError, Notice, Proxies, Source, Split, Timeouts};
use crate::digits::synthetic;

/// Which digits are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// MNIST from wherever it can be had, and synthetic digits where it cannot.
    Auto,
    /// The four files of this folder (`--data DIR`), MNIST or another data set in the same format, or the `digits` or `mnist`
    /// split of EMNIST. Where there are both, `DIR/emnist-digits` stands for one of them.
    Folder(PathBuf),
    /// Digits that the program draws itself (`--synthetic`).
    Synthetic,
}

/// The places to look in. [`Search::from_env`] has the usual ones; change a field to have another mirror or cache.
///
/// # Examples
/// ```no_run
/// use mnist::data::{Choice, Search};
///
/// let mut search = Search::from_env();
/// search.mirrors = vec!["http://mirror.example.org/mnist/".into()];
/// let digits = search.load(&Choice::Auto, &mut |notice| eprintln!("{notice}"))?;
/// # Ok::<(), mnist::data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Search {
    /// The folder to take the files from, unless [`Choice::Folder`] names another.
    pub folder: Option<PathBuf>,
    /// The folder that downloaded files are kept in.
    pub cache: Option<PathBuf>,
    /// Addresses, each followed by a file's name, that are asked in turn.
    pub mirrors: Vec<String>,
    /// How the mirrors are reached.
    pub proxies: Proxies,
    /// How long to wait for a mirror.
    pub timeouts: Timeouts,
    /// Whether a download draws a progress bar (on standard error, if that is a terminal).
    pub progress_bar: bool,
    pub(super) files: [DataFile; 4],
}

impl Search {
    /// The seed of the synthetic digits. They are one data set, the same in every run.
    pub(crate) const SYNTHETIC_SEED: u64 = 0;

    /// The usual places: the folder named by the environment variable `MNIST_DIR`; `mnist` in the user's cache folder
    /// (`$XDG_CACHE_HOME` or `~/.cache` on Linux, `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows);
    /// [`MIRRORS`], through the proxy that the environment names.
    pub fn from_env() -> Self {
        Self {
            folder: std::env::var_os("MNIST_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from),
            cache: choose_native_strategy().ok().map(|folders| folders.cache_dir().join("mnist")),
            mirrors: MIRRORS.map(String::from).into(),
            proxies: Proxies::from_env(|name| std::env::var(name).ok()),
            timeouts: Timeouts::default(),
            progress_bar: true,
            files: MNIST,
        }
    }

    /// Loads the digits. With [`Choice::Auto`] they come from the first of these that applies:
    ///
    /// 1. the folder, if there is one;
    /// 2. the cache;
    /// 3. a mirror: files that the cache lacks, or whose SHA-256 is wrong, are downloaded into it;
    /// 4. the program itself, which draws 60,000 + 10,000 synthetic digits.
    ///
    /// # Errors
    /// A [`DataError`] if a file of a folder asked for (by `choice` or `self.folder`) is missing or damaged: what the
    /// user named is never silently replaced by something else. All four files must be MNIST's, or none of them, which
    /// is then another data set.
    pub fn load(&self, choice: &Choice, report: &mut dyn FnMut(Notice)) -> Result<Dataset, DataError> {
        let folder = match choice {
            Choice::Auto => self.folder.as_deref(),
            Choice::Folder(folder) => Some(folder.as_path()),
            Choice::Synthetic => return Ok(synthetic_digits(None, report)),
        };
        if let Some(folder) = folder {
            return self.load_folder(folder, report);
        }
        match self.find_mnist(report) {
            Ok((files, source)) => assemble(files, source),
            Err(why) => Ok(synthetic_digits(Some(why), report)),
        }
    }

    fn load_folder(&self, folder: &Path, report: &mut dyn FnMut(Notice)) -> Result<Dataset, DataError> {
        let (folder, naming) = choose(folder, self.files.map(|file| file.name))?;
        let [a, b, c, d] = read_folder(&folder, naming, &self.files);
        let files = [a?, b?, c?, d?];
        if let Naming::Emnist(split) = naming {
            report(Notice::Emnist { folder: folder.clone(), split });
            return assemble(files, Source::Emnist { path: folder, split });
        }
        let pairs = self.files.iter().zip(&files);
        let (genuine, others): (Vec<_>, Vec<_>) =
            pairs.partition(|(mnist, file)| file.decoded.sha256 == mnist.sha256);
        // Another data set has none of MNIST's files; beside one of them, a different file is a damaged one.
        if let (Some((_, beside)), Some((mnist, file))) = (genuine.first(), others.first()) {
            return Err(DataError::Digest {
                file: file.path.clone(),
                found: file.decoded.sha256.clone(),
                expected: mnist.sha256,
                beside: beside.path.clone(),
            });
        }
        let others: Vec<_> = others.iter().map(|(mnist, _)| mnist.name).collect();
        let dataset = assemble(files, Source::Folder { path: folder.clone(), genuine: others.is_empty() })?;
        if !others.is_empty() {
            report(Notice::NotMnist { folder, files: others });
        }
        Ok(dataset)
    }

    /// The four files of MNIST: from the cache, and from a mirror what is missing there.
    pub(super) fn find_mnist(
        &self,
        report: &mut dyn FnMut(Notice),
    ) -> Result<([StoredFile; 4], Source), DownloadError> {
        let mut downloader = Downloader {
            mirrors: self.mirrors.clone(),
            proxies: &self.proxies,
            timeouts: self.timeouts,
            progress_bar: self.progress_bar,
        };
        let mut cache: Option<Option<LockedCache>> = None;
        let mut mirror = None;
        let mut kept = true;
        let mut complete = |file: &DataFile, cached: Option<Result<StoredFile, DataError>>| {
            match cached {
                Some(Ok(found)) if found.decoded.sha256 == file.sha256 => return Ok(found),
                Some(Ok(found)) => {
                    let (path, sha256) = (found.path.display(), &found.decoded.sha256);
                    let reason = format!("{path}: the SHA-256 is {sha256}, not {}", file.sha256);
                    report(Notice::DamagedCache { reason });
                }
                Some(Err(DataError::Missing { .. })) | None => (),
                Some(Err(error)) => report(Notice::DamagedCache { reason: error.to_string() }),
            }
            let cache = cache.get_or_insert_with(|| {
                LockedCache::open(self.cache.as_deref())
                    .inspect_err(|reason| report(Notice::NoCache { reason: reason.clone() }))
                    .ok()
            });
            let folder = cache.as_ref().map(|cache| cache.folder.as_path());
            let fetched = downloader.fetch(file, folder, report)?;
            kept &= fetched.kept;
            mirror = Some(fetched.mirror);
            Ok(StoredFile { path: file.name.into(), decoded: fetched.decoded })
        };
        let [a, b, c, d] = match &self.cache {
            Some(folder) => read_folder(folder, Naming::Mnist, &self.files).map(Some),
            None => Default::default(),
        };
        let [fa, fb, fc, fd] = &self.files;
        let files = [complete(fa, a)?, complete(fb, b)?, complete(fc, c)?, complete(fd, d)?];
        let source = match (mirror, self.cache.clone()) {
            (None, Some(path)) => Source::Cache { path },
            (mirror, cache) => {
                Source::Download { mirror: mirror.unwrap_or_default(), cache: cache.filter(|_| kept) }
            }
        };
        Ok((files, source))
    }
}

/// The cache folder, open for writing by this program alone.
///
/// Whoever comes second does not wait (the first may be slow or stopped): it downloads for itself, into memory.
struct LockedCache {
    folder: PathBuf,
    _lock: File,
}

impl LockedCache {
    fn open(folder: Option<&Path>) -> Result<Self, String> {
        let folder = folder.ok_or("there is no cache folder, since the home folder is unknown")?;
        let unusable =
            |error: io::Error| format!("the cache folder {} cannot be used ({error})", folder.display());
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = File::create(folder.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(format!("another program is downloading into the cache folder {}", folder.display()))
            }
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

fn assemble(files: [StoredFile; 4], source: Source) -> Result<Dataset, DataError> {
    let [train_images, train_labels, test_images, test_labels] = files;
    let train = pair_up(train_images, train_labels)?;
    let test = pair_up(test_images, test_labels)?;
    Ok(Dataset { train, test, source })
}

fn synthetic_digits(why: Option<DownloadError>, report: &mut dyn FnMut(Notice)) -> Dataset {
    report(Notice::Synthetic { why });
    let seed = Search::SYNTHETIC_SEED;
    // Sets of different seeds share nothing but the styles of writing.
    let split = |seed, n| {
        let (images, labels) = synthetic::digits(seed, n);
        Split { images, labels, rows: 28, cols: 28 }
    };
    let (train, test) = (split(seed, 60_000), split(seed + 1, 10_000));
    Dataset { train, test, source: Source::Synthetic { seed } }
}
