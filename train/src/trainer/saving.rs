//! Saving the run while it goes on, so that a computer that fails does not take hours of training with it.

use super::progress::Progress;
use crate::print::print_error;
use crate::watch::{Event, RunFiles, Saved};
use crate::{Checkpoint, CheckpointError};
use nn::{Metadata, Module, SaveError, Tensor};
use optim::Optimizer;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// Unless steps are given, the files in the run's folder are at most so old.
const INTERVAL: Duration = Duration::from_secs(60);

/// Groups of a checkpoint's tensors beside those of model and optimizer: the best model's, and the averages of the weights.
pub(super) const BEST: &str = "best";
pub(super) const AVERAGE: &str = "average";

/// Parameters and buffers by name.
pub(super) type Params = Vec<(String, Tensor)>;

/// Where a run is saved: now and then into its folder, as a checkpoint to go on from and as a model, and in the end there and to a file
/// that was asked for.
#[derive(Default)]
pub(super) struct Saving {
    /// In the run's folder; none any more if they could not be written.
    pub(super) files: Option<RunFiles>,
    /// A file for the model, in the end.
    pub(super) file: Option<PathBuf>,
    /// What the model's files say of it.
    pub(super) notes: Metadata,
    /// Steps from one checkpoint to the next; by the clock if not given.
    pub(super) every: Option<u64>,
    /// When it is time to save into the run's folder again.
    due: Option<Instant>,
    failed: Vec<CheckpointError>,
}

/// What is saved.
pub(super) struct ToSave<'a> {
    pub(super) model: &'a dyn Module,
    pub(super) optimizer: &'a dyn Optimizer,
    pub(super) progress: &'a Progress,
    pub(super) best: &'a Params,
    pub(super) average: &'a [(String, Tensor)],
}

impl Saving {
    /// The training goes on from now.
    pub(super) fn begin(&mut self) {
        self.due = Some(Instant::now() + INTERVAL);
        self.failed.clear();
    }

    /// Whether it is time to save into the run's folder.
    pub(super) fn is_due(&self, step: u64) -> bool {
        self.files.is_some()
            && match self.every {
                Some(every) => step > 0 && step.is_multiple_of(every),
                None => self.due.is_some_and(|due| Instant::now() >= due),
            }
    }

    /// Saves into the run's folder.
    pub(super) fn keep(&mut self, run: &ToSave<'_>, emit: &mut dyn FnMut(Event)) {
        let Some(files) = self.checkpoint(run, emit) else { return };
        match self.save(run.model, run.progress.step, &files.model) {
            Ok(saved) => emit(Event::Checkpoint(saved)),
            Err(error) => {
                self.files = None;
                self.fail(error.into());
            }
        }
        self.due = Some(Instant::now() + INTERVAL);
    }

    /// Writes a checkpoint alone. Gives the files if it is there.
    pub(super) fn checkpoint(&mut self, run: &ToSave<'_>, emit: &mut dyn FnMut(Event)) -> Option<RunFiles> {
        let files = self.files.take()?;
        // A run that goes on from here has all records before this step, and writes those after it.
        let (flushed, is_flushed) = sync_channel(1);
        emit(Event::Flush(flushed));
        // An error is that nobody keeps records. Who cannot keep them has said so.
        if is_flushed.recv() == Ok(false) {
            return None;
        }
        let written = Checkpoint::new(run.progress.step, run.model, run.optimizer, run.progress)
            .map(|checkpoint| checkpoint.with(BEST, run.best.clone()).with(AVERAGE, run.average.to_vec()))
            .and_then(|checkpoint| files.checkpoints.write(&checkpoint));
        match written {
            Ok(_) => {
                self.files = Some(files.clone());
                Some(files)
            }
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    /// Saves the model that the run ends with to the file that was asked for.
    pub(super) fn last(&mut self, model: &dyn Module, step: u64, emit: &mut dyn FnMut(Event)) {
        if let Some(file) = self.file.clone() {
            match self.save(model, step, &file) {
                Ok(saved) => emit(Event::Checkpoint(saved)),
                Err(error) => self.failed.push(error.into()),
            }
        }
    }

    /// Saves the best model so far, with what is `watched` of it.
    pub(super) fn save_best(&mut self, best: &Params, (value, step): (f64, u64), watched: &str) {
        let Some(files) = self.files.as_ref().filter(|_| !best.is_empty()) else { return };
        let mut notes = self.notes.clone();
        notes.insert("step".into(), step.to_string());
        notes.insert(watched.into(), value.to_string());
        if let Err(error) = nn::save_tensors(best.clone(), &files.best, &notes) {
            self.fail(error.into());
        }
    }

    /// What could not be saved, first.
    pub(super) fn failed(&mut self) -> Option<CheckpointError> {
        let failed = std::mem::take(&mut self.failed);
        failed.into_iter().next()
    }

    /// The training is worth more than a file that cannot be written: that is said at once, and again at the end.
    fn fail(&mut self, error: CheckpointError) {
        print_error(&format!("warning: {error}; training goes on without checkpoints"));
        self.failed.push(error);
    }

    fn save(&mut self, model: &dyn Module, step: u64, file: &Path) -> Result<Saved, SaveError> {
        self.notes.insert("step".into(), step.to_string());
        nn::save(model, file, &self.notes)?;
        Ok(Saved { step, file: file.display().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CheckpointFolder;
    use nn::{Linear, Rng};
    use optim::Sgd;
    use tempfile::tempdir;

    fn after(step: u64) -> Progress {
        Progress { step, ..Progress::default() }
    }

    #[test]
    fn a_model_is_saved_when_it_is_time_and_told_of_once_it_is_there() {
        let out = tempdir().unwrap();
        let [folder, file, best] = ["run", "asked", "best"].map(|name| out.path().join(name));
        let mut model = Linear::new(2, 2, &mut Rng::new(1));
        let mut told = vec![];
        let mut emit = |event| match event {
            Event::Checkpoint(saved) => {
                assert!(Path::new(&saved.file).exists());
                told.push((saved.step, saved.file));
            }
            Event::Flush(_) => {}
            other => panic!("{other:?}"),
        };
        let checkpoints = CheckpointFolder::open(out.path().join("checkpoints")).unwrap();
        let files = RunFiles { checkpoints: checkpoints.clone(), model: folder.clone(), best };
        let mut saving = Saving { files: Some(files), file: Some(file.clone()), ..Saving::default() };
        saving.begin();
        let sgd = Sgd::new();
        let mut pass = |saving: &mut Saving, step| {
            let (progress, best) = (after(step), vec![]);
            let run =
                ToSave { model: &model, optimizer: &sgd, progress: &progress, best: &best, average: &[] };
            if saving.is_due(step) {
                saving.keep(&run, &mut emit);
            }
        };
        pass(&mut saving, 100);
        saving.due = Some(Instant::now());
        pass(&mut saving, 200);
        pass(&mut saving, 300);
        saving.every = Some(350);
        pass(&mut saving, 350);
        saving.last(&model, 400, &mut emit);
        assert!(saving.failed().is_none());
        let [folder, file] = [folder, file].map(|file| file.display().to_string());
        assert_eq!(told, [(200, folder.clone()), (350, folder), (400, file.clone())]);
        assert_eq!(nn::load(&mut model, &file).unwrap()["step"], "400");
        assert_eq!(checkpoints.steps().unwrap(), [200, 350]);
    }

    #[test]
    fn a_file_that_cannot_be_written_any_more_is_said_at_the_end() {
        let out = tempdir().unwrap();
        let checkpoints = CheckpointFolder::open(out.path().join("checkpoints")).unwrap();
        let nowhere = out.path().join("gone").join("model.safetensors");
        let files = RunFiles { checkpoints, model: nowhere.clone(), best: nowhere.clone() };
        let mut saving = Saving { files: Some(files), file: Some(nowhere), ..Saving::default() };
        let (model, sgd, progress) = (Linear::new(2, 2, &mut Rng::new(1)), Sgd::new(), after(7));
        let run = ToSave { model: &model, optimizer: &sgd, progress: &progress, best: &vec![], average: &[] };
        let mut emit = |event| assert!(matches!(event, Event::Flush(_)), "{event:?}");
        saving.keep(&run, &mut emit);
        saving.last(&model, 7, &mut emit);
        assert!(saving.files.is_none());
        assert_eq!(saving.failed.len(), 2);
    }
}
