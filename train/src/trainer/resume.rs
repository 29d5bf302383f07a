//! Going on with a run that was ended.

use super::TrainError;
use super::average::in_order;
use super::progress::{DataId, Progress};
use super::saving::{AVERAGE, BEST};
use super::settings::{Place, Trainer};
use crate::print::print_error;
use crate::watch::{Event, FolderError, RunFolder, Start, files, recorded};
use crate::{Checkpoint, CheckpointFolder, Dataset, Loader};
use nn::Module;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

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
    /// assert_eq!(std::fs::read_to_string(folder.join("metrics.jsonl"))?.lines().count(), 41);
    /// # assert!((resumed.item() - 2.0).abs() < 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the run is of another model, optimizer, data set or setting, its newest checkpoint is damaged, or another program writes to it;
    /// then nothing changes.
    pub fn resume<D: Dataset + 'static>(&mut self, loader: &mut Loader<D>) -> Result<bool, TrainError> {
        let path = match &self.place {
            Place::Nowhere => return Ok(false),
            Place::Path(path) => path.clone(),
            Place::Opened(folder) => match folder.path() {
                Some(path) => path.to_owned(),
                None => return Ok(false),
            },
        };
        if !path.join(files::CHECKPOINTS).is_dir() {
            return Ok(false);
        }
        let folder = self.hold(&path)?;
        match CheckpointFolder::open(path.join(files::CHECKPOINTS))?.newest()? {
            Some(newest) => self.go_on(loader, folder, &path, &newest).map(|()| true),
            None => Ok(false),
        }
    }

    /// Goes on with the run in the [folder](Trainer::folder) at this checkpoint of it.
    ///
    /// # Errors
    /// As [`resume`](Trainer::resume).
    ///
    /// # Panics
    /// If there is no folder.
    #[track_caller]
    pub fn resume_from<D: Dataset + 'static>(
        &mut self,
        loader: &mut Loader<D>,
        checkpoint: &Checkpoint,
    ) -> Result<(), TrainError> {
        let path = match &self.place {
            Place::Path(path) => path.clone(),
            Place::Opened(opened) => opened.path().map(Path::to_owned).unwrap_or_default(),
            Place::Nowhere => panic!("resume_from: where is the run? say folder(…) first"),
        };
        let folder = self.hold(&path)?;
        self.go_on(loader, folder, &path, checkpoint)
    }

    /// Holds the folder against other programs, unless it is held already.
    fn hold(&mut self, path: &Path) -> Result<Option<RunFolder>, TrainError> {
        match &self.place {
            Place::Opened(_) => Ok(None),
            _ if !path.join(files::CONFIG).exists() => Err(FolderError::Foreign(path.to_owned()).into()),
            _ => Ok(Some(RunFolder::open(path)?)),
        }
    }

    fn go_on<D: Dataset + 'static>(
        &mut self,
        loader: &mut Loader<D>,
        folder: Option<RunFolder>,
        path: &Path,
        checkpoint: &Checkpoint,
    ) -> Result<(), TrainError> {
        let state: Progress = checkpoint.state()?;
        let differences = state.differences(&self.identity());
        if !differences.is_empty() {
            return Err(TrainError::OtherRun { checkpoint: checkpoint.path().to_owned(), differences });
        }
        let data = DataId::of(loader)?;
        if state.data != data {
            return Err(TrainError::OtherData { there: state.data.to_string(), here: data.to_string() });
        }
        let (start, events) = recorded(path)?;
        let events: Vec<Arc<Event>> =
            events.into_iter().filter(|event| event.is_before(state.step)).collect();
        let is_there = |due: u64| {
            events.iter().any(|event| matches!(&**event, Event::Step(record) if record.step == due))
        };
        if let Some(step) = last_due(&start, state.step).filter(|&due| !is_there(due)) {
            return Err(TrainError::Gap { checkpoint: checkpoint.path().to_owned(), step });
        }
        let before = loader.position();
        loader.seek(state.position)?;
        if let Err(error) = checkpoint.restore(&mut self.model, &mut *self.optimizer) {
            loader.seek(before)?;
            return Err(error.into());
        }
        self.state = state;
        self.unevaluated = None;
        self.best = in_order(&self.model, checkpoint.tensors(BEST));
        if let Some(average) = &mut self.average {
            average.resume(&self.model, in_order(&self.model, checkpoint.tensors(AVERAGE)));
        }
        self.warn(checkpoint, &start);
        // Nothing of the run has changed up to here.
        if let Some(folder) = folder {
            self.place = Place::Opened(Box::new(folder));
        }
        if let Place::Opened(folder) = &mut self.place {
            folder.go_on_after(self.state.step)?;
        }
        if let Some(history) = &mut self.history {
            history.go_on_after(&events);
        }
        Ok(())
    }

    /// Says what may keep the run from going on to the bit.
    fn warn(&self, checkpoint: &Checkpoint, there: &Start) {
        let mut warnings = checkpoint.warnings();
        let [version, rustc] = self.versions();
        if [&there.version, &there.rustc] != [&version, &rustc] {
            warnings.push(format!(
                "the run was begun by version {} ({}), this is {version} ({rustc}): it goes on, but perhaps not to the last bit",
                there.version, there.rustc
            ));
        }
        warnings.iter().for_each(|warning| print_error(&format!("warning: {warning}")));
    }

    /// What has to be the same when the run goes on.
    pub(super) fn identity(&self) -> BTreeMap<String, String> {
        let mut identity = self.about.identity.clone();
        identity.insert("steps between records".to_owned(), self.record_every.to_string());
        if !self.sets.is_empty() {
            identity.insert("steps between tests".to_owned(), self.evaluate_every.to_string());
        }
        identity
    }

    /// Opens the folder of a run that begins, or takes the one of a run that goes on.
    pub(super) fn open_folder(&mut self) -> Result<(), TrainError> {
        if let Place::Path(path) = &self.place {
            self.place = Place::Opened(Box::new(RunFolder::create(Some(path), "")?));
        }
        if let Place::Opened(folder) = &mut self.place {
            if folder.has_begun() {
                // The record after the last step is written again.
                folder.go_on_after(self.state.step)?;
            }
            self.saving.files = folder.checkpoints()?;
        }
        Ok(())
    }
}

/// The last step before this one that a record was due at.
fn last_due(start: &Start, step: u64) -> Option<u64> {
    let last = step.checked_sub(1)?;
    [start.record_every, start.test_every].into_iter().map(|every| last - last % every.max(1)).max()
}
