//! The run's files: settings, a line of numbers for each recorded step, what the panels show, results, and the model.

use super::event::{Event, Observer, Start, Summary};
use super::files::{BEST, CHECKPOINTS, CONFIG, FIGURE, LOCK, METRICS, MODEL, PANELS, REPORT, RESULTS};
use super::record::Record;
use crate::print::print_error;
use crate::{CheckpointError, CheckpointFolder, JsonLines};
use serde::Serialize;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Where the model is saved.
#[derive(Clone, Debug)]
pub struct RunFiles {
    /// Checkpoints to go on from.
    pub checkpoints: CheckpointFolder,
    /// The model as it is.
    pub model: PathBuf,
    /// The best so far.
    pub best: PathBuf,
}

/// Why a folder is not used for a run.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is a run in it already.
    #[error("{}: there is a run in this folder already; choose another, or move that one away", .0.display())]
    Used(PathBuf),
    /// Another program writes to it.
    #[error("{}: another program writes to this run just now; wait for it, or end it", .0.display())]
    Locked(PathBuf),
    /// There is no run in it to go on with.
    #[error("{}: there is no run in this folder to go on with", .0.display())]
    Foreign(PathBuf),
    /// It cannot be written to.
    #[error("{}: the run's files cannot be written here ({error}); choose another folder", folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file in it cannot be read or written.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Writes the files of a run into a folder as it goes on. What cannot be written is said once, and the run goes on; at the end it has
/// [failed](RunFolder::failed).
pub struct RunFolder {
    path: PathBuf,
    /// The run is this program's for as long as this file is locked.
    lock: Option<File>,
    /// The settings' file of a run that begins.
    config: Option<File>,
    /// Whether the folder has a run that goes on.
    goes_on: bool,
    /// A line for each recorded step.
    metrics: Option<JsonLines>,
    /// A line for each other event.
    panels: Option<JsonLines>,
    /// What could not be written.
    failed: Option<String>,
    /// Folders that were made for a run which has not begun yet, innermost first.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// The folder `out`, or else a new one below `runs/` with the example's name and the time.
    ///
    /// # Errors
    /// If `out` has a file of an earlier run, which must not be overwritten, or another program begins one there, or it cannot be
    /// written to.
    pub fn create(out: Option<&Path>, name: &str) -> Result<RunFolder, FolderError> {
        let missing = |path: &Path| -> Vec<PathBuf> {
            let above = path.ancestors().take_while(|folder| *folder != Path::new("") && !folder.exists());
            above.map(Path::to_owned).collect()
        };
        let (path, new, made) = match out {
            Some(path) => (path.to_owned(), missing(path), fs::create_dir_all(path)),
            None => {
                let runs = missing(Path::new("runs"));
                let (path, made) = new_folder(name);
                (path.clone(), [vec![path], runs].concat(), made)
            }
        };
        if let Some(used) = used(&path) {
            return Err(FolderError::Used(used));
        }
        let mut folder = RunFolder::at(path);
        let config = folder.path.join(CONFIG);
        made.map_err(|error| FolderError::Unwritable { folder: folder.path.clone(), error })?;
        folder.made = new;
        folder.lock()?;
        // Somebody may have begun and ended meanwhile.
        if let Some(used) = used(&folder.path) {
            return Err(FolderError::Used(used));
        }
        // Of a run that was killed before it began.
        [CONFIG, METRICS, PANELS].iter().for_each(|file| drop(fs::remove_file(folder.path.join(file))));
        match File::create_new(&config) {
            Ok(config) => folder.config = Some(config),
            // Somebody else was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                folder.made.clear();
                return Err(FolderError::Used(config));
            }
            Err(error) => return Err(FolderError::Unwritable { folder: folder.path.clone(), error }),
        }
        Ok(folder)
    }

    /// The folder of a run that is to go on.
    ///
    /// # Errors
    /// If another program writes to it, or it cannot be opened.
    pub fn open(path: &Path) -> Result<RunFolder, FolderError> {
        let mut folder = RunFolder::at(path.to_owned());
        folder.goes_on = true;
        if path.join(CONFIG).exists() {
            folder.lock()?;
        }
        Ok(folder)
    }

    fn at(path: PathBuf) -> RunFolder {
        RunFolder {
            path,
            lock: None,
            config: None,
            goes_on: false,
            metrics: None,
            panels: None,
            failed: None,
            made: vec![],
        }
    }

    /// Holds the run against other programs that want to go on with it.
    fn lock(&mut self) -> Result<(), FolderError> {
        let file = self.path.join(LOCK);
        let opened = File::options().create(true).append(true).read(true).open(&file);
        let lock = opened.map_err(|error| FolderError::Unwritable { folder: self.path.clone(), error })?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(FolderError::Locked(self.path.clone()));
        }
        // Where the system has no locks there is none.
        self.lock = Some(lock);
        Ok(())
    }

    /// The folder, if it can be written to.
    pub fn path(&self) -> Option<&Path> {
        self.failed.is_none().then_some(&*self.path)
    }

    /// Whether something was written that a training which goes on has to go on from.
    pub fn has_begun(&self) -> bool {
        self.metrics.is_some()
    }

    /// What of the run could not be written.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Where the run is saved as it goes on, if the folder can be written to.
    ///
    /// # Errors
    /// If there can be no folder of checkpoints.
    pub fn checkpoints(&self) -> Result<Option<RunFiles>, CheckpointError> {
        let Some(path) = self.path() else { return Ok(None) };
        let checkpoints = CheckpointFolder::open(path.join(CHECKPOINTS))?;
        Ok(Some(RunFiles { checkpoints, model: path.join(MODEL), best: path.join(BEST) }))
    }

    fn give_up(&mut self, what: &str, error: &io::Error) {
        let folder = self.path.display();
        print_error(&format!("warning: {folder}: {error}; training goes on, but this is not saved: {what}"));
        (self.metrics, self.panels) = (None, None);
        self.failed = Some(format!("{folder}: {error}; {what} could not be saved"));
    }

    /// Writes files of what has become of the run. Of one that does not fit nothing stays.
    pub fn keep(&mut self, files: &[(&str, &[u8])]) {
        if self.failed.is_some() {
            return;
        }
        let mut lost = vec![];
        for (file, content) in files {
            let path = self.path.join(file);
            if let Err(error) = fs::write(&path, content) {
                let _ = fs::remove_file(path);
                lost.push((*file, error));
            }
        }
        let names: Vec<&str> = lost.iter().map(|(file, _)| *file).collect();
        if let Some((_, error)) = lost.first() {
            self.give_up(&names.join(", "), error);
        }
    }

    /// Forgets what the run wrote after so many steps: from there it goes on.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn go_on_after(&mut self, step: u64) -> Result<(), FolderError> {
        // What they may still hold is of steps that are done again.
        (self.metrics, self.panels) = (None, None);
        self.goes_on = true;
        let failed = |file: &Path, error| FolderError::Io { file: file.to_owned(), error };
        let [metrics, panels, results] = [METRICS, PANELS, RESULTS].map(|file| self.path.join(file));
        // In this order: whoever is killed in between finds a run that goes on from here.
        let checkpoints = CheckpointFolder::open(self.path.join(CHECKPOINTS));
        let forgotten = checkpoints.and_then(|checkpoints| {
            checkpoints.clean_up()?;
            checkpoints.forget_after(step)
        });
        forgotten.map_err(|error| failed(&self.path, io::Error::other(error)))?;
        self.clean_up().map_err(|error| failed(&self.path, error))?;
        if results.exists() {
            fs::remove_file(&results).map_err(|error| failed(&results, error))?;
        }
        JsonLines::retain(&panels, |event: &Event| event.is_before(step))
            .map_err(|error| failed(&panels, error))?;
        JsonLines::retain(&metrics, |record: &Record| record.step < step)
            .map_err(|error| failed(&metrics, error))
    }

    /// Removes what killed writers have left half done.
    fn clean_up(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_litter = entry.file_name().to_str().is_some_and(|name| {
                name.starts_with('.') && name.ends_with(".tmp") || name.ends_with(".jsonl.tmp")
            });
            if is_litter && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes the settings and opens the files of numbers.
    fn begin(&mut self, start: &Start) {
        self.made.clear();
        let [metrics, panels] = [METRICS, PANELS].map(|file| self.path.join(file));
        let opened = self.write_config(start).and_then(|()| {
            let open = if self.goes_on { JsonLines::open } else { JsonLines::create };
            (self.metrics, self.panels) = (Some(open(metrics)?), Some(open(panels)?));
            Ok(())
        });
        if let Err(error) = opened {
            self.give_up("the run's files", &error);
        }
    }

    /// Of a new run. One that goes on keeps its own, but for the number of steps.
    fn write_config(&mut self, start: &Start) -> io::Result<()> {
        if let Some(mut config) = self.config.take() {
            config.write_all((serde_json::to_string_pretty(start)? + "\n").as_bytes())?;
            return config.sync_all();
        }
        let path = self.path.join(CONFIG);
        let mut there: Start = serde_json::from_slice(&fs::read(&path)?)?;
        if there.steps == start.steps {
            return Ok(());
        }
        there.steps = start.steps;
        let beside = self.path.join(format!(".{CONFIG}.tmp"));
        fs::write(&beside, serde_json::to_string_pretty(&there)? + "\n")?;
        File::open(&beside)?.sync_all()?;
        fs::rename(beside, path)
    }

    /// Writes a small file at once.
    fn write(&self, file: &str, content: &impl Serialize) -> io::Result<()> {
        fs::write(self.path.join(file), serde_json::to_string_pretty(content)? + "\n")
    }

    fn write_step(&mut self, record: &Record) {
        let written = append(&mut self.metrics, record)
            // After a test, so that an interrupted run leaves whole lines behind without a system call a step.
            .and_then(|()| if !record.evaluated().is_empty() { self.flush() } else { Ok(()) });
        if let Err(error) = written {
            self.give_up("further numbers", &error);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        [&mut self.metrics, &mut self.panels].into_iter().flatten().try_for_each(JsonLines::flush)
    }

    /// Whether all lines are on the disk: a checkpoint counts on them.
    fn sync(&mut self) -> bool {
        let synced =
            [&mut self.panels, &mut self.metrics].into_iter().flatten().try_for_each(JsonLines::sync);
        if let Err(error) = synced {
            self.give_up("further numbers", &error);
        }
        self.failed.is_none()
    }

    fn end(&mut self, summary: &Summary) {
        let Err(error) = self.flush().and_then(|()| self.write(RESULTS, summary)) else { return };
        self.give_up("the last numbers", &error);
    }
}

/// Of a run that was refused before it began nothing stays behind.
impl Drop for RunFolder {
    fn drop(&mut self) {
        let has_begun = self.goes_on || self.metrics.is_some() || self.failed.is_some();
        if self.config.is_some() && !has_begun {
            // The folder of checkpoints is empty.
            let _ = fs::remove_dir(self.path.join(CHECKPOINTS));
            [CONFIG, LOCK].into_iter().for_each(|file| drop(fs::remove_file(self.path.join(file))));
        }
        // Only empty folders can be removed so.
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Appends a line, if the file is open.
fn append(lines: &mut Option<JsonLines>, content: &impl Serialize) -> io::Result<()> {
    lines.as_mut().map_or(Ok(()), |lines| lines.append(content))
}

impl Observer for RunFolder {
    fn on_event(&mut self, event: &Event) {
        if let Event::Flush(flushed) = event {
            let _ = flushed.try_send(self.sync());
        }
        if self.failed.is_some() {
            return;
        }
        match event {
            Event::Start(start) => self.begin(start),
            Event::Step(record) => self.write_step(record),
            Event::Done(summary) => self.end(summary),
            Event::Model(_) | Event::Histograms(_) | Event::Shown(_) | Event::Checkpoint(_) => {
                if let Err(error) = append(&mut self.panels, event) {
                    self.give_up("further pictures", &error);
                }
            }
            Event::Resumed(_) | Event::Paused(_) | Event::Flush(_) => {}
        }
    }
}

/// A file of a run in this folder. A run that was killed before it had told or saved anything is none.
fn used(path: &Path) -> Option<PathBuf> {
    let is_empty = |file: &PathBuf| fs::metadata(file).is_ok_and(|about| about.len() == 0);
    let has_checkpoint = || {
        let entries = fs::read_dir(path.join(CHECKPOINTS)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(|name| !name.to_string_lossy().starts_with('.'))
    };
    let there = |name: &&str| Some(path.join(name)).filter(|file| file.exists());
    let told = [RESULTS, REPORT, FIGURE[0], FIGURE[1], MODEL, BEST].iter().find_map(there);
    let told = told.or_else(|| there(&METRICS).filter(|file| !is_empty(file)));
    // Whatever else is called so is somebody's.
    let is_ours = |file: &PathBuf| {
        is_empty(file) || fs::read(file).is_ok_and(|text| serde_json::from_slice::<Start>(&text).is_ok())
    };
    let told = told.or_else(|| there(&CONFIG).filter(|file| !is_ours(file)));
    told.or_else(|| has_checkpoint().then(|| path.join(CHECKPOINTS)))
}

/// The time as part of a folder's name. Clocks may be wrong: what is written begins in 1970, and ends with the year 9999.
fn stamp(now: SystemTime) -> String {
    const LAST: u64 = 253_402_300_799;
    let last = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(LAST)).unwrap_or(now);
    let time = now.clamp(SystemTime::UNIX_EPOCH, last.max(SystemTime::UNIX_EPOCH));
    humantime::format_rfc3339_seconds(time).to_string().trim_end_matches('Z').replace(':', "-")
}

/// A folder that did not exist before, by the time: two runs in one second get two folders.
fn new_folder(name: &str) -> (PathBuf, io::Result<()>) {
    let base = Path::new("runs").join(format!("{name}-{}", stamp(SystemTime::now())));
    if let Err(error) = fs::create_dir_all("runs") {
        return (base, Err(error));
    }
    for attempt in 1..1000 {
        let path = if attempt == 1 { base.clone() } else { base.with_added_extension(attempt.to_string()) };
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return (path, made),
        }
    }
    (base, Err(io::Error::from(io::ErrorKind::AlreadyExists)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_gives_a_name_too() {
        let (epoch, second) = (SystemTime::UNIX_EPOCH, Duration::from_secs(1));
        assert_eq!(stamp(epoch + 86_400 * second), "1970-01-02T00-00-00");
        assert_eq!(stamp(epoch - second), "1970-01-01T00-00-00");
        // The years -1200 and 11476.
        assert_eq!(stamp(epoch - Duration::from_secs(100_000_000_000)), "1970-01-01T00-00-00");
        assert_eq!(stamp(epoch + Duration::from_secs(300_000_000_000)), "9999-12-31T23-59-59");
    }
}
