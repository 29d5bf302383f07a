//! Going on with a run that was ended: finding it, and refusing what is another.

use crate::run::progress::{Settings, State};
use crate::watch::event::{Ending, Event, Start};
use crate::watch::recorded::{self, RecordedError};
use crate::watch::run_folder::{CHECKPOINTS, FIGURE, MODEL, REPORT};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use train::{Checkpoint, CheckpointError, CheckpointFolder};

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(
        "{} has no checkpoint to go on from: the run was ended before the first (one a minute, or with \
         --checkpoint-every N); start it anew with another --out", .0.display()
    )]
    None(PathBuf),
    #[error(
        "{} is a run of another example, {there}: resume it with cargo run -p mnist --example {there} -- --resume {0}",
        folder.display()
    )]
    Example { folder: PathBuf, there: String },
    #[error(
        "{}: the run's metrics.jsonl lacks the record of step {step}, from a disk that was full, perhaps; resume an earlier checkpoint in \
         the same folder", checkpoint.display()
    )]
    Gap { checkpoint: PathBuf, step: u64 },
    #[error("{} is a checkpoint of another run: {}", checkpoint.display(), differences.join("; "))]
    Differs { checkpoint: PathBuf, differences: Vec<String> },
}

/// A run to go on with.
pub(crate) struct Resumed {
    pub(crate) start: Start,
    /// What it told, up to the checkpoint.
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) state: State,
}

/// What is found in the folder of a run.
pub(crate) enum Found {
    Resumable(Box<Resumed>),
    /// It has come to its end, after so many steps.
    Finished(u64),
}

/// The folder of the run, and the checkpoint in it that is named, if one is.
pub(crate) fn find(run: &Path) -> Result<(PathBuf, Option<PathBuf>), ResumeError> {
    if !run.is_file() {
        return Ok((run.to_owned(), None));
    }
    let named = |error| RecordedError::File { file: run.to_owned(), error };
    let file = run.canonicalize().map_err(named)?;
    let folder = file.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    // As it was written, if it was, rather than as it is without links.
    let folder = match run.parent().and_then(Path::parent) {
        Some(given) if given != Path::new("") => given,
        _ => folder,
    };
    Ok((folder.to_owned(), Some(file)))
}

/// Reads the run of the example `name` in the folder, at its newest checkpoint, or at the one in `file`. Nobody else writes to it meanwhile.
pub(crate) fn open(folder: &Path, file: Option<&Path>, name: &str) -> Result<Found, ResumeError> {
    let (start, events) = recorded::read(folder)?;
    let folder = folder.to_owned();
    if start.name != name {
        return Err(ResumeError::Example { folder, there: start.name });
    }
    let path = folder.join(CHECKPOINTS);
    let folder_of = || CheckpointFolder::open(&path);
    let newest = if path.is_dir() { folder_of()?.steps()?.last().copied() } else { None };
    if let (None, Some(Event::Done(done))) = (file, events.last().map(|event| &**event))
        && done.ending == Ending::Finished
        && newest.is_none_or(|newest| newest == done.steps)
        && [MODEL, REPORT, FIGURE[0], FIGURE[1]].iter().all(|file| folder.join(file).exists())
    {
        return Ok(Found::Finished(done.steps));
    }
    let checkpoint = match (file, newest) {
        (Some(file), _) => Some(Checkpoint::open(file)?),
        (None, Some(_)) => folder_of()?.newest()?,
        (None, None) => None,
    };
    let checkpoint = checkpoint.ok_or_else(|| ResumeError::None(folder.clone()))?;
    let state: State = checkpoint.state()?;
    let before = |event: &Arc<Event>| event.is_before(checkpoint.step());
    let events: Vec<Arc<Event>> = events.into_iter().filter(before).collect();
    if let Some(due) = last_due(&start, checkpoint.step())
        && !events.iter().any(|event| matches!(&**event, Event::Step(record) if record.step == due))
    {
        return Err(ResumeError::Gap { checkpoint: checkpoint.path().to_owned(), step: due });
    }
    Ok(Found::Resumable(Box::new(Resumed { start, events, checkpoint, state })))
}

/// The last step before this one that a record was due at.
fn last_due(start: &Start, step: u64) -> Option<u64> {
    let last = step.checked_sub(1)?;
    [start.record_every, start.test_every].into_iter().map(|every| last - last % every.max(1)).max()
}

impl Resumed {
    /// What may keep the run from going on to the bit.
    pub(crate) fn warnings(&self, start: &Start) -> Vec<String> {
        let mut warnings = self.checkpoint.warnings();
        if (&start.version, &start.rustc) != (&self.start.version, &self.start.rustc) {
            warnings.push(format!(
                "the run was begun by version {} ({}), this is {} ({}): it goes on, but perhaps not to the last bit",
                self.start.version, self.start.rustc, start.version, start.rustc
            ));
        }
        warnings
    }

    /// Refuses to go on with other settings than the run had.
    pub(crate) fn check(&self, start: &Start) -> Result<(), ResumeError> {
        let differences = Settings::of(start).differences(&self.state.settings);
        if differences.is_empty() {
            return Ok(());
        }
        Err(ResumeError::Differs { checkpoint: self.checkpoint.path().to_owned(), differences })
    }
}
