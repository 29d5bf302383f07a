//! What of a training is saved, and going on from it.

use super::TrainError;
use super::average::in_order;
use super::progress::{DataId, Line, Progress};
use super::settings::Trainer;
use crate::{Checkpoint, CheckpointFolder, Dataset, JsonLines, Loader};
use nn::Module;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of checkpoints, and the file of numbers.
const CHECKPOINTS: &str = "checkpoints";
const METRICS: &str = "metrics.jsonl";
const LOCK: &str = ".lock";

/// Groups of tensors beside those of model and optimizer.
const BEST: &str = "best";
const AVERAGE: &str = "average";

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Goes on with the run in the [folder](Trainer::folder), if there is one, at its newest checkpoint: model, optimizer, averages and
    /// `loader` are as they were, and [`fit`](Trainer::fit) ends with what it would have ended with, to the last bit. Returns whether
    /// there was one. The trainer, the loader's data and its order must be those of the run.
    ///
    /// ```
    /// use nn::{Layer, Linear, Rng, Tensor};
    /// use optim::Adam;
    /// use train::{Batches, Loader, TensorDataset, Trainer};
    ///
    /// # let folder = tempfile::tempdir()?.keep();
    /// let x = Tensor::from([[0.0_f32], [1.0], [2.0], [3.0]]);
    /// let fit = |steps: u64| -> Result<Tensor, Box<dyn std::error::Error>> {
    ///     let data = TensorDataset::new([x.clone(), &x * 2.0 + 1.0])?;
    ///     let mut loader = Loader::new(data, Batches::new(4, 2, 7)?);
    ///     let mut trainer = Trainer::new(Linear::new(1, 1, &mut Rng::new(1)), Adam::new(), |line: &Linear, [x, y]| {
    ///         [nn::loss::mse(line.forward(x), y)]
    ///     })
    ///     .schedule(0.05)
    ///     .folder(&folder)
    ///     .checkpoint_every(10);
    ///     trainer.resume(&mut loader)?;
    ///     trainer.fit(&mut loader, steps)?;
    ///     Ok(trainer.model().weight.value().clone())
    /// };
    /// fit(20)?; // … and the computer was switched off
    /// let resumed = fit(40)?;
    /// assert_eq!(std::fs::read_to_string(folder.join("metrics.jsonl"))?.lines().count(), 40);
    /// # assert!((resumed.item() - 2.0).abs() < 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the run is of another model, optimizer or data set, or its newest checkpoint is damaged; then nothing changes.
    pub fn resume<D: Dataset + 'static>(&mut self, loader: &mut Loader<D>) -> Result<bool, TrainError> {
        let Some(folder) = self.folder.clone() else { return Ok(false) };
        if !folder.join(CHECKPOINTS).is_dir() {
            return Ok(false);
        }
        self.lock(&folder)?;
        let checkpoints = CheckpointFolder::open(folder.join(CHECKPOINTS))?;
        let Some(newest) = checkpoints.newest()? else { return Ok(false) };
        let state: Progress = newest.state()?;
        let data = DataId::of(loader)?;
        if state.data != data {
            return Err(TrainError::OtherData { there: state.data.to_string(), here: data.to_string() });
        }
        let before = loader.position();
        loader.seek(state.position)?;
        if let Err(error) = newest.restore(&mut self.model, &mut *self.optimizer) {
            loader.seek(before)?;
            return Err(error.into());
        }
        let step = state.step;
        self.state = state;
        self.best = in_order(&self.model, newest.tensors(BEST));
        if let Some(average) = &mut self.average {
            average.resume(&self.model, in_order(&self.model, newest.tensors(AVERAGE)));
        }
        // What it may still hold is of steps that are done again.
        self.metrics = None;
        checkpoints.clean_up()?;
        checkpoints.forget_after(step)?;
        let metrics = folder.join(METRICS);
        JsonLines::retain(&metrics, |line: &Line| line.step < step)
            .map_err(|error| io_error(&metrics, error))?;
        self.metrics = Some(JsonLines::open(&metrics).map_err(|error| io_error(&metrics, error))?);
        self.checkpoints = Some(checkpoints);
        Ok(true)
    }

    /// Opens the folder of a run that begins, and leaves a checkpoint of its beginning there.
    pub(super) fn open_folder(&mut self) -> Result<(), TrainError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if self.metrics.is_some() {
            return Ok(());
        }
        let (folder, metrics) = (folder.clone(), folder.join(METRICS));
        fs::create_dir_all(&folder).map_err(|error| io_error(&folder, error))?;
        self.lock(&folder)?;
        let checkpoints = CheckpointFolder::open(folder.join(CHECKPOINTS))?;
        checkpoints.clean_up()?;
        if metrics.exists() || !checkpoints.steps()?.is_empty() {
            return Err(TrainError::Used(folder));
        }
        self.checkpoints = Some(checkpoints);
        // From the first moment on there is something to go on from.
        self.save()?;
        self.metrics = Some(JsonLines::create(&metrics).map_err(|error| io_error(&metrics, error))?);
        Ok(())
    }

    /// Holds the folder against other programs.
    fn lock(&mut self, folder: &Path) -> Result<(), TrainError> {
        if self.lock.is_none() {
            let path = folder.join(LOCK);
            let file = File::options().create(true).append(true).open(&path);
            let file = file.map_err(|error| io_error(&path, error))?;
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Err(TrainError::Locked(folder.to_owned()));
            }
            // Where the system has no locks there is none.
            self.lock = Some(file);
        }
        Ok(())
    }

    /// Writes a checkpoint, and before it all records.
    pub(super) fn save(&mut self) -> Result<(), TrainError> {
        self.sync()?;
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        let checkpoint = Checkpoint::new(self.state.step, &self.model, &*self.optimizer, &self.state)?;
        let checkpoint = checkpoint.with(BEST, self.best.clone()).with(AVERAGE, self.averages().to_vec());
        checkpoints.write(&checkpoint)?;
        Ok(())
    }

    /// Has all records on the disk.
    pub(super) fn sync(&mut self) -> Result<(), TrainError> {
        self.write(|metrics| metrics.sync())
    }

    /// Writes to the file of numbers, if there is one.
    pub(super) fn write(
        &mut self,
        f: impl FnOnce(&mut JsonLines) -> io::Result<()>,
    ) -> Result<(), TrainError> {
        let Some(metrics) = &mut self.metrics else { return Ok(()) };
        let file = || self.folder.as_ref().map(|folder| folder.join(METRICS)).unwrap_or_default();
        f(metrics).map_err(|error| io_error(&file(), error))
    }
}

fn io_error(file: &Path, error: io::Error) -> TrainError {
    TrainError::Io { file: PathBuf::from(file), error }
}
