//! Saving the run while it goes on, so that a computer that fails does not take hours of training with it.

use crate::run::progress::{Progress, Settings, State};
use crate::watch::console::print_error;
use crate::watch::event::{self, Event};
use nn::{Metadata, Module, SaveError, Tensor};
use optim::Optimizer;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use train::{Checkpoint, CheckpointError, CheckpointFolder};

/// Unless steps are given, the files in the run's folder are at most so old.
const INTERVAL: Duration = Duration::from_secs(60);

/// The group of a checkpoint's tensors that are the best model's.
pub(crate) const BEST: &str = "best";

/// Where a run is saved: now and then into its folder, as a checkpoint to go on from and as a model, and in the end there and to the file
/// that was asked for.
#[derive(Default)]
pub struct Checkpoints {
    /// In the run's folder; none any more if they could not be written.
    folder: Option<InFolder>,
    file: Option<PathBuf>,
    notes: Metadata,
    settings: Settings,
    /// Steps from one checkpoint to the next; by the clock if not given.
    every: Option<u64>,
    /// When it is time to save into the run's folder again.
    due: Option<Instant>,
    /// The parameters of the best model so far.
    best: Option<Vec<(String, Tensor)>>,
    failed: Vec<CheckpointError>,
}

/// The files in a run's folder.
pub(crate) struct InFolder {
    pub(crate) checkpoints: CheckpointFolder,
    pub(crate) model: PathBuf,
    pub(crate) best: PathBuf,
}

impl Checkpoints {
    /// Saves with these notes, and the step; a checkpoint `every` so many steps, or by the clock.
    pub(crate) fn new(
        folder: Option<InFolder>,
        file: Option<PathBuf>,
        notes: Metadata,
        settings: Settings,
        every: Option<u64>,
    ) -> Checkpoints {
        let due = Some(Instant::now() + INTERVAL);
        Checkpoints { folder, file, notes, settings, every, due, best: None, failed: vec![] }
    }

    /// Goes on with the best model of an earlier part of the run.
    pub(crate) fn set_best(&mut self, params: Vec<(String, Tensor)>) {
        self.best = (!params.is_empty()).then_some(params);
    }

    /// Remembers the model as the best one so far: its values are shared until it is trained further.
    pub(crate) fn note_best(&mut self, model: &impl Module) {
        if self.folder.is_some() {
            let params = model.params().into_iter();
            self.best = Some(params.map(|(name, param)| (name, param.value().clone())).collect());
        }
    }

    /// Saves into the run's folder if it is time.
    pub(crate) fn now_and_then(
        &mut self,
        model: &impl Module,
        optimizer: &dyn Optimizer,
        progress: &Progress,
        emit: &mut dyn FnMut(Event),
    ) {
        let is_time = match self.every {
            Some(every) => progress.step > 0 && progress.step.is_multiple_of(every),
            None => self.due.is_some_and(|due| Instant::now() >= due),
        };
        if is_time {
            self.keep(model, optimizer, progress, emit);
        }
    }

    /// Saves the model that the run ends with.
    pub(crate) fn last(
        &mut self,
        model: &impl Module,
        optimizer: &dyn Optimizer,
        progress: &Progress,
        emit: &mut dyn FnMut(Event),
    ) {
        self.keep(model, optimizer, progress, emit);
        self.save_best(progress);
        if let Some(file) = self.file.clone() {
            match self.save(model, progress.step, &file) {
                Ok(checkpoint) => emit(Event::Checkpoint(checkpoint)),
                Err(error) => self.failed.push(error.into()),
            }
        }
    }

    /// Saves the model of the best test.
    pub(crate) fn save_best(&mut self, progress: &Progress) {
        let (Some(folder), Some(best), Some((accuracy, step))) = (&self.folder, &self.best, progress.best)
        else {
            return;
        };
        let mut notes = self.notes.clone();
        notes.insert("step".into(), step.to_string());
        notes.insert("test_accuracy".into(), accuracy.to_string());
        if let Err(error) = nn::save_tensors(best.clone(), &folder.best, &notes) {
            self.fail(error.into());
        }
    }

    /// What could not be saved.
    pub(crate) fn failed(&mut self) -> Vec<CheckpointError> {
        std::mem::take(&mut self.failed)
    }

    /// The training is worth more than a file that cannot be written: that is said at once, and again at the end.
    fn fail(&mut self, error: CheckpointError) {
        print_error(&format!("warning: {error}; training goes on without checkpoints"));
        self.failed.push(error);
    }

    fn keep(
        &mut self,
        model: &impl Module,
        optimizer: &dyn Optimizer,
        progress: &Progress,
        emit: &mut dyn FnMut(Event),
    ) {
        let Some(folder) = self.folder.take() else { return };
        // A run that goes on from here has all records before this step, and writes those after it.
        let (flushed, is_flushed) = sync_channel(1);
        emit(Event::Flush(flushed));
        // An error is that nobody keeps records. Who cannot keep them has said so.
        if is_flushed.recv() == Ok(false) {
            return;
        }
        let state = State { settings: self.settings.clone(), progress: progress.clone() };
        let written = Checkpoint::new(progress.step, model, optimizer, &state)
            .map(|checkpoint| checkpoint.with(BEST, self.best.clone().unwrap_or_default()))
            .and_then(|checkpoint| folder.checkpoints.write(&checkpoint))
            .and_then(|_| Ok(self.save(model, progress.step, &folder.model)?));
        match written {
            Ok(checkpoint) => {
                emit(Event::Checkpoint(checkpoint));
                self.folder = Some(folder);
            }
            Err(error) => self.fail(error),
        }
        self.due = Some(Instant::now() + INTERVAL);
    }

    fn save(&mut self, model: &impl Module, step: u64, file: &Path) -> Result<event::Checkpoint, SaveError> {
        self.notes.insert("step".into(), step.to_string());
        nn::save(model, file, &self.notes)?;
        Ok(event::Checkpoint { step, file: file.display().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::models;
    use nn::Rng;
    use optim::Sgd;
    use tempfile::tempdir;

    fn after(step: u64) -> Progress {
        Progress { step, ..Progress::default() }
    }

    #[test]
    fn a_model_is_saved_when_it_is_time_and_told_of_once_it_is_there() {
        let out = tempdir().unwrap();
        let [folder, file, best] = ["run", "asked", "best"].map(|name| out.path().join(name));
        let mut model = models::softmax(&mut Rng::new(1));
        let mut told = vec![];
        let mut emit = |event| match event {
            Event::Checkpoint(checkpoint) => {
                assert!(Path::new(&checkpoint.file).exists());
                told.push((checkpoint.step, checkpoint.file));
            }
            Event::Flush(_) => {}
            other => panic!("{other:?}"),
        };
        let checkpoints = CheckpointFolder::open(out.path().join("checkpoints")).unwrap();
        let in_folder = InFolder { checkpoints: checkpoints.clone(), model: folder.clone(), best };
        let mut saved = Checkpoints::new(
            Some(in_folder),
            Some(file.clone()),
            Metadata::default(),
            Settings::default(),
            None,
        );
        let sgd = Sgd::new();
        saved.now_and_then(&model, &sgd, &after(100), &mut emit);
        saved.due = Some(Instant::now());
        saved.now_and_then(&model, &sgd, &after(200), &mut emit);
        saved.now_and_then(&model, &sgd, &after(300), &mut emit);
        saved.every = Some(350);
        saved.now_and_then(&model, &sgd, &after(350), &mut emit);
        saved.last(&model, &sgd, &after(400), &mut emit);
        assert!(saved.failed().is_empty());
        let [folder, file] = [folder, file].map(|file| file.display().to_string());
        assert_eq!(told, [(200, folder.clone()), (350, folder.clone()), (400, folder), (400, file.clone())]);
        assert_eq!(nn::load(&mut model, &file).unwrap()["step"], "400");
        assert_eq!(checkpoints.steps().unwrap(), [200, 350, 400]);
    }

    #[test]
    fn a_file_that_cannot_be_written_any_more_is_said_at_the_end() {
        let out = tempdir().unwrap();
        let checkpoints = CheckpointFolder::open(out.path().join("checkpoints")).unwrap();
        let nowhere = out.path().join("gone").join("model.safetensors");
        let folder = InFolder { checkpoints, model: nowhere.clone(), best: nowhere.clone() };
        let settings = Settings::default();
        let mut saved = Checkpoints::new(Some(folder), Some(nowhere), Metadata::default(), settings, None);
        saved.last(&models::softmax(&mut Rng::new(1)), &Sgd::new(), &after(7), &mut |event| {
            assert!(matches!(event, Event::Flush(_)), "{event:?}");
        });
        assert_eq!(saved.failed().len(), 2);
        assert!(saved.folder.is_none());
    }
}
