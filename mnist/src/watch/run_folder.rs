//! The run's files: settings, a line of numbers for each recorded step, what the panels show, results, and the model.

use crate::watch::console::print_error;
use crate::watch::event::{Event, Observer, Start, StepRecord, Summary};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is in a run's folder.
pub(crate) const CONFIG: &str = "config.json";
pub(crate) const METRICS: &str = "metrics.jsonl";
pub(crate) const PANELS: &str = "panels.jsonl";
pub(crate) const RESULTS: &str = "results.json";
pub(crate) const REPORT: &str = "report.html";
pub(crate) const FIGURE: [&str; 2] = ["figure.svg", "figure.png"];
pub(crate) const MODEL: &str = "model.safetensors";

/// Writes the files of a run into a folder as it goes on. What cannot be written is said once, and the run goes on.
pub(crate) struct RunFolder {
    path: PathBuf,
    /// A line for each recorded step.
    metrics: Option<BufWriter<File>>,
    /// A line for each other event.
    panels: Option<BufWriter<File>>,
    writable: bool,
    /// Folders that were made for a run which has not begun yet, innermost first.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// The folder `out`, or else a new one below `runs/` with the example's name and the time.
    ///
    /// # Errors
    /// The name of the file, if `out` has a file of an earlier run, which must not be overwritten.
    pub(crate) fn create(out: Option<&Path>, name: &str) -> Result<RunFolder, PathBuf> {
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
        let files = [CONFIG, METRICS, PANELS, RESULTS, REPORT, FIGURE[0], FIGURE[1], MODEL];
        if let Some(used) = files.iter().map(|file| path.join(file)).find(|file| file.exists()) {
            return Err(used);
        }
        let mut folder = RunFolder {
            path,
            metrics: None,
            panels: None,
            writable: true,
            made: if made.is_ok() { new } else { vec![] },
        };
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
        self.path().map(|path| path.join(MODEL))
    }

    fn give_up(&mut self, what: &str, error: &io::Error) {
        let folder = self.path.display();
        print_error(&format!("warning: {folder}: {error}; training goes on, but this is not saved: {what}"));
        (self.metrics, self.panels) = (None, None);
        self.writable = false;
    }

    /// Writes a file of what has become of the run.
    pub(crate) fn keep(&mut self, file: &str, content: &[u8]) {
        if self.writable
            && let Err(error) = fs::write(self.path.join(file), content)
        {
            self.give_up(file, &error);
        }
    }

    /// Writes the settings and opens the files of numbers.
    fn begin(&mut self, start: &Start) {
        self.made.clear();
        let [metrics, panels] = [METRICS, PANELS].map(|file| self.path.join(file));
        let opened = self.write(CONFIG, start).and_then(|()| {
            self.metrics = Some(BufWriter::new(File::create_new(metrics)?));
            self.panels = Some(BufWriter::new(File::create_new(panels)?));
            Ok(())
        });
        if let Err(error) = opened {
            self.give_up("the run's files", &error);
        }
    }

    /// Writes a small file at once.
    fn write(&self, file: &str, content: &impl Serialize) -> io::Result<()> {
        fs::write(self.path.join(file), serde_json::to_string_pretty(content)? + "\n")
    }

    fn write_step(&mut self, record: &StepRecord) {
        let written = append(&mut self.metrics, record)
            // After a test, so that an interrupted run leaves whole lines behind without a system call a step.
            .and_then(|()| if record.test.is_some() { self.flush() } else { Ok(()) });
        if let Err(error) = written {
            self.give_up("further numbers", &error);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        [&mut self.metrics, &mut self.panels].into_iter().flatten().try_for_each(Write::flush)
    }

    fn end(&mut self, summary: &Summary) {
        let Err(error) = self.flush().and_then(|()| self.write(RESULTS, summary)) else { return };
        self.give_up("the last numbers", &error);
    }
}

/// Of a run that was refused before it began nothing stays behind.
impl Drop for RunFolder {
    fn drop(&mut self) {
        // Only empty folders can be removed so.
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Appends a line, if the file is open.
fn append(file: &mut Option<BufWriter<File>>, content: &impl Serialize) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    writeln!(file, "{}", serde_json::to_string(content)?)
}

impl Observer for RunFolder {
    fn on_event(&mut self, event: &Event) {
        if !self.writable {
            return;
        }
        match event {
            Event::Start(start) => self.begin(start),
            Event::Step(record) => self.write_step(record),
            Event::Done(summary) => self.end(summary),
            Event::Model(_)
            | Event::Histograms(_)
            | Event::TrainingDigits(_)
            | Event::TestDigits(_)
            | Event::Checkpoint(_) => {
                if let Err(error) = append(&mut self.panels, event) {
                    self.give_up("further pictures", &error);
                }
            }
            Event::Paused(_) => {}
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
