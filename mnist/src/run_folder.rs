//! The run's files: settings, a line of numbers for each recorded step, and the model.

use crate::event::{Event, Observer, Start, StepRecord};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is in a run's folder.
const FILES: [&str; 3] = ["config.json", "metrics.jsonl", "model.safetensors"];

/// Writes `config.json` and `metrics.jsonl` into a folder. What cannot be written is said once, and the run goes on.
pub(crate) struct RunFolder {
    path: PathBuf,
    metrics: Option<BufWriter<File>>,
    writable: bool,
}

impl RunFolder {
    /// The folder `out`, or else a new one below `runs/` with the example's name and the time.
    ///
    /// # Errors
    /// The name of the file, if `out` has a file of an earlier run, which must not be overwritten.
    pub(crate) fn create(out: Option<&Path>, name: &str) -> Result<RunFolder, PathBuf> {
        let (path, made) = match out {
            Some(path) => (path.to_owned(), fs::create_dir_all(path)),
            None => new_folder(name),
        };
        if let Some(used) = FILES.iter().map(|file| path.join(file)).find(|file| file.exists()) {
            return Err(used);
        }
        let mut folder = RunFolder { path, metrics: None, writable: true };
        if let Err(error) = made {
            folder.give_up("the run's files", &error);
        }
        Ok(folder)
    }

    /// The folder, if it can be written to.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.writable.then_some(&*self.path)
    }

    /// Where the model is to be saved, if the folder can be written to.
    pub(crate) fn model(&self) -> Option<PathBuf> {
        self.path().map(|path| path.join(FILES[2]))
    }

    fn give_up(&mut self, what: &str, error: &io::Error) {
        eprintln!("warning: {}: {error}; {what} are not saved, training goes on", self.path.display());
        self.metrics = None;
        self.writable = false;
    }

    /// Writes the settings and opens the file of numbers.
    fn begin(&mut self, start: &Start<'_>) {
        let [config, metrics, _] = FILES.map(|file| self.path.join(file));
        let opened = serde_json::to_string_pretty(start)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(config, text + "\n"))
            .and_then(|()| File::create_new(metrics));
        match opened {
            Ok(file) => self.metrics = Some(BufWriter::new(file)),
            Err(error) => self.give_up("the run's files", &error),
        }
    }

    fn write_step(&mut self, record: &StepRecord) {
        let Some(metrics) = &mut self.metrics else { return };
        let written = serde_json::to_string(record)
            .map_err(io::Error::from)
            .and_then(|line| writeln!(metrics, "{line}"))
            // After a test, so that an interrupted run leaves whole lines behind without a system call a step.
            .and_then(|()| if record.test.is_some() { metrics.flush() } else { Ok(()) });
        if let Err(error) = written {
            self.give_up("further numbers", &error);
        }
    }
}

impl Observer for RunFolder {
    fn notice(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(start) if self.writable => self.begin(start),
            Event::Step(record) => self.write_step(record),
            Event::Done(_) => {
                if let Some(Err(error)) = self.metrics.as_mut().map(Write::flush) {
                    self.give_up("the last numbers", &error);
                }
            }
            Event::Start(_) => {}
        }
    }
}

/// A folder that did not exist before: two runs in one second get two folders.
fn new_folder(name: &str) -> (PathBuf, io::Result<()>) {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(':', "-");
    let base = Path::new("runs").join(format!("{name}-{}", time.trim_end_matches('Z')));
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
