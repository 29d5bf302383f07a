//! Saving the model while it learns, so that a computer that fails does not take hours of training with it.

use crate::watch::console::print_error;
use crate::watch::event::{Checkpoint, Event};
use nn::{Metadata, Module, SaveError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file in the run's folder is at most so old, and a test interval older.
const INTERVAL: Duration = Duration::from_secs(60);

/// Where a model is saved: now and then into the run's folder, and in the end there and to the file that was asked for.
#[derive(Default)]
pub struct Checkpoints {
    /// The file in the run's folder; none any more if it could not be written.
    folder: Option<PathBuf>,
    file: Option<PathBuf>,
    notes: Metadata,
    /// When it is time to save into the run's folder again.
    due: Option<Instant>,
    failed: Option<SaveError>,
}

impl Checkpoints {
    /// Saves with these notes, and the step.
    pub(crate) fn new(folder: Option<PathBuf>, file: Option<PathBuf>, notes: Metadata) -> Checkpoints {
        Checkpoints { folder, file, notes, due: Some(Instant::now() + INTERVAL), failed: None }
    }

    /// Saves into the run's folder if the last time is a while ago.
    pub(crate) fn now_and_then(&mut self, model: &impl Module, step: u64, emit: &mut dyn FnMut(Event)) {
        if self.due.is_some_and(|due| Instant::now() >= due) {
            self.keep(model, step, emit);
        }
    }

    /// Saves the model that the run ends with.
    pub(crate) fn last(&mut self, model: &impl Module, step: u64, emit: &mut dyn FnMut(Event)) {
        self.keep(model, step, emit);
        if let Some(file) = self.file.clone() {
            match self.save(model, step, &file) {
                Ok(checkpoint) => emit(Event::Checkpoint(checkpoint)),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Why the model is not in the file that was asked for.
    pub(crate) fn failed(&mut self) -> Option<SaveError> {
        self.failed.take()
    }

    /// The training is worth more than this file: if it cannot be written, that is said once.
    fn keep(&mut self, model: &impl Module, step: u64, emit: &mut dyn FnMut(Event)) {
        let Some(file) = self.folder.take() else { return };
        match self.save(model, step, &file) {
            Ok(checkpoint) => {
                emit(Event::Checkpoint(checkpoint));
                self.folder = Some(file);
            }
            Err(error) => print_error(&format!("warning: {error}")),
        }
        self.due = Some(Instant::now() + INTERVAL);
    }

    fn save(&mut self, model: &impl Module, step: u64, file: &Path) -> Result<Checkpoint, SaveError> {
        self.notes.insert("step".into(), step.to_string());
        nn::save(model, file, &self.notes)?;
        Ok(Checkpoint { step, file: file.display().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::models;
    use nn::Rng;
    use tempfile::tempdir;

    #[test]
    fn a_model_is_saved_when_it_is_time_and_told_of_once_it_is_there() {
        let out = tempdir().unwrap();
        let [folder, file] = ["run.safetensors", "asked.safetensors"].map(|name| out.path().join(name));
        let mut model = models::softmax(&mut Rng::new(1));
        let mut told = vec![];
        let mut emit = |event| match event {
            Event::Checkpoint(checkpoint) => {
                assert!(Path::new(&checkpoint.file).exists());
                told.push((checkpoint.step, checkpoint.file));
            }
            other => panic!("{other:?}"),
        };
        let mut checkpoints = Checkpoints::new(Some(folder.clone()), Some(file.clone()), Metadata::default());
        checkpoints.now_and_then(&model, 100, &mut emit);
        checkpoints.due = Some(Instant::now());
        checkpoints.now_and_then(&model, 200, &mut emit);
        checkpoints.now_and_then(&model, 300, &mut emit);
        checkpoints.last(&model, 400, &mut emit);
        assert!(checkpoints.failed().is_none());
        let [folder, file] = [folder, file].map(|file| file.display().to_string());
        assert_eq!(told, [(200, folder.clone()), (400, folder), (400, file.clone())]);
        assert_eq!(nn::load(&mut model, &file).unwrap()["step"], "400");
    }

    #[test]
    fn a_file_that_cannot_be_written_any_more_is_said_at_the_end() {
        let nowhere = tempdir().unwrap().path().join("gone").join("model.safetensors");
        let mut checkpoints = Checkpoints::new(Some(nowhere.clone()), Some(nowhere), Metadata::default());
        checkpoints.last(&models::softmax(&mut Rng::new(1)), 7, &mut |event| panic!("{event:?}"));
        assert!(checkpoints.failed().is_some() && checkpoints.folder.is_none());
    }
}
