//! The checkpoints of a run: the last few.

use super::{Checkpoint, CheckpointError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ENDING: &str = ".safetensors";

/// A folder with the last checkpoints of one run, `step-N.safetensors`.
///
/// One run at a time writes to it.
///
/// ```
/// use nn::{Linear, Rng};
/// use optim::Sgd;
/// use train::{Checkpoint, CheckpointFolder};
///
/// let (mut model, mut sgd) = (Linear::new(2, 1, &mut Rng::new(1)), Sgd::new());
/// let folder = tempfile::tempdir()?;
/// let checkpoints = CheckpointFolder::open(folder.path())?.keep(2);
/// for step in [100, 200, 300] {
///     checkpoints.write(&Checkpoint::new(step, &model, &sgd, &())?)?;
/// }
/// assert_eq!(checkpoints.steps()?, [200, 300]);
/// let newest = checkpoints.newest()?.unwrap();
/// newest.restore(&mut model, &mut sgd)?;
/// assert_eq!(newest.step(), 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    path: PathBuf,
    keep: usize,
}

impl CheckpointFolder {
    /// The folder of this path, made if it is not there. The last 3 checkpoints are kept unless another number is
    /// [given](CheckpointFolder::keep).
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> Result<CheckpointFolder, CheckpointError> {
        let folder = CheckpointFolder { path: path.into(), keep: 3 };
        fs::create_dir_all(&folder.path).map_err(|error| folder.failed(error))?;
        Ok(folder)
    }

    /// Removes what killed writers have left half done. Only for who knows that nobody writes to the folder just now.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn clean_up(&self) -> Result<(), CheckpointError> {
        for name in self.names()?.into_iter().filter(|name| name.starts_with('.') && name.ends_with(".tmp")) {
            let path = self.path.join(name);
            fs::remove_file(&path).map_err(|error| CheckpointError::Folder { path, error })?;
        }
        Ok(())
    }

    /// Keeps so many of the last checkpoints.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn keep(self, keep: usize) -> CheckpointFolder {
        assert!(keep > 0, "checkpoints: at least one is kept, or none should be written");
        CheckpointFolder { keep, ..self }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the checkpoint after so many steps.
    pub fn file(&self, step: u64) -> PathBuf {
        self.path.join(format!("step-{step}{ENDING}"))
    }

    /// Writes a checkpoint. Those that are not kept any more are removed once it is there.
    ///
    /// # Errors
    /// If it cannot be written, or old ones cannot be removed.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<PathBuf, CheckpointError> {
        let file = self.file(checkpoint.step());
        checkpoint.write(&file)?;
        let others: Vec<u64> = self.steps()?.into_iter().filter(|step| *step != checkpoint.step()).collect();
        for old in &others[..others.len().saturating_sub(self.keep - 1)] {
            self.remove(*old)?;
        }
        Ok(file)
    }

    /// The steps of which there is a checkpoint, in order.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let of = |name: &String| name.strip_prefix("step-")?.strip_suffix(ENDING)?.parse::<u64>().ok();
        let is_ours = |step: &u64, name: &String| self.file(*step).file_name() == Some(name.as_ref());
        let names = self.names()?;
        let steps = names.iter().filter_map(|name| of(name).filter(|step| is_ours(step, name)));
        let mut steps: Vec<u64> = steps.collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// The newest checkpoint; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is damaged: the error names the newest before it that is whole, if there is one.
    pub fn newest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let mut steps = self.steps()?.into_iter().rev();
        let Some(newest) = steps.next() else { return Ok(None) };
        match Checkpoint::open(self.file(newest)) {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(error) => {
                let whole = steps.find_map(|step| Checkpoint::open(self.file(step)).ok());
                Err(match whole {
                    Some(before) => CheckpointError::Newest {
                        error: Box::new(error),
                        step: before.step(),
                        before: before.path().to_owned(),
                    },
                    None => error,
                })
            }
        }
    }

    /// Forgets those after this step: the run goes on from there.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn forget_after(&self, step: u64) -> Result<(), CheckpointError> {
        self.steps()?.into_iter().filter(|&later| later > step).try_for_each(|later| self.remove(later))
    }

    fn remove(&self, step: u64) -> Result<(), CheckpointError> {
        let path = self.file(step);
        fs::remove_file(&path).map_err(|error| CheckpointError::Folder { path, error })
    }

    fn names(&self) -> Result<Vec<String>, CheckpointError> {
        let listed = fs::read_dir(&self.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let names = listed.map_err(|error| self.failed(error))?.into_iter().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.into_string().ok()).collect())
    }

    fn failed(&self, error: io::Error) -> CheckpointError {
        CheckpointError::Folder { path: self.path.clone(), error }
    }
}
