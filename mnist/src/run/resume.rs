//! Finding a run to go on with.

use crate::run::settings::recorded;
use std::path::{Path, PathBuf};
use train::watch::files::{CHECKPOINTS, FIGURE, MODEL, REPORT};
use train::watch::{Ending, Event, RecordedError, Start};
use train::{Checkpoint, CheckpointError, CheckpointFolder};

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(
        "{} has no checkpoint to go on from: they have been removed, or the run was ended before its beginning was saved (then one a \
         minute, or with --checkpoint-every N); start it anew with another --out", .0.display()
    )]
    None(PathBuf),
    #[error(
        "{} is a run of another example, {there}: resume it with cargo run -p mnist --example {there} -- --resume {0}",
        folder.display()
    )]
    Example { folder: PathBuf, there: String },
}

/// What is found in the folder of a run.
pub(crate) enum Found {
    /// Its settings, and the checkpoint to go on from.
    Resumable(Box<(Start, Checkpoint)>),
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
    let (start, events) = recorded(folder)?;
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
    let checkpoint = checkpoint.ok_or(ResumeError::None(folder))?;
    Ok(Found::Resumable(Box::new((start, checkpoint))))
}
