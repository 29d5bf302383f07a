//! Runs that are over, read back from their folders.

use crate::watch::event::{Ending, Event, Start, StepRecord, Summary};
use crate::watch::run_folder::{CONFIG, METRICS, PANELS, RESULTS};
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why a folder cannot be read as a run's.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// A file that every run has is not there, or cannot be read.
    #[error("{}: {error}; a run's folder has config.json and metrics.jsonl", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is there but has something else in it.
    #[error("{}{}: this is not what a run writes ({error})", file.display(), line.map_or(String::new(), |n| format!(", line {n}")))]
    Foreign {
        /// The file.
        file: PathBuf,
        /// Which line of it, from 1.
        line: Option<usize>,
        /// What is wrong.
        error: serde_json::Error,
    },
}

/// All that a run told, finished or not. What is missing of an interrupted run, up to half a line, is made up for.
pub(crate) fn read(folder: &Path) -> Result<(Start, Vec<Arc<Event>>), RecordedError> {
    let start: Start = whole(folder.join(CONFIG))?;
    let mut events = vec![Event::Start(Box::new(start.clone()))];
    let steps: Vec<StepRecord> = lines(folder.join(METRICS))?;
    let panels: Vec<Event> = match lines(folder.join(PANELS)) {
        // Runs of earlier versions have numbers alone.
        Err(RecordedError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => vec![],
        panels => panels?,
    };
    let done = match whole(folder.join(RESULTS)) {
        Err(RecordedError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            interrupted(&steps)
        }
        // The program was ended while it wrote.
        Err(RecordedError::Foreign { error, .. }) if error.is_eof() => interrupted(&steps),
        done => done?,
    };
    events.extend(panels);
    events.extend(steps.into_iter().map(Event::Step));
    events.push(Event::Done(done));
    Ok((start, events.into_iter().map(Arc::new).collect()))
}

/// What a run that was ended from outside would have said.
fn interrupted(steps: &[StepRecord]) -> Summary {
    let tests = || steps.iter().filter_map(|record| record.test);
    Summary {
        ending: Ending::Interrupted,
        steps: steps.last().map_or(0, |record| record.step),
        time: Duration::ZERO,
        last: tests().next_back(),
        best: tests().map(|test| test.accuracy).reduce(f64::max),
    }
}

fn text(file: &Path) -> Result<String, RecordedError> {
    fs::read_to_string(file).map_err(|error| RecordedError::File { file: file.to_owned(), error })
}

fn whole<T: DeserializeOwned>(file: PathBuf) -> Result<T, RecordedError> {
    let text = text(&file)?;
    serde_json::from_str(&text).map_err(|error| RecordedError::Foreign { file, line: None, error })
}

/// A value a line. A last line that was cut short is left out.
fn lines<T: DeserializeOwned>(file: PathBuf) -> Result<Vec<T>, RecordedError> {
    let text = text(&file)?;
    let mut values = vec![];
    for (i, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(value) => values.push(value),
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => return Err(RecordedError::Foreign { file, line: Some(i + 1), error }),
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    const START: &str = r#"{"name":"softmax","options":{"batch":100,"seed":0},"steps":9,"test_every":5,"record_every":1,
        "source":"","data_sha256":"","images":[1,1],"parameters":1,"optimizer":"","schedule":"","threads":1,"simd":"",
        "version":"","rustc":""}"#;

    #[test]
    fn an_interrupted_run_is_read_up_to_its_last_whole_line() {
        let folder = tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(CONFIG) && error.contains("a run's folder has"), "{error}");
        write(CONFIG, START);
        write(
            METRICS,
            "{\"step\":0,\"epoch\":1,\"test_loss\":2.5,\"test_accuracy\":0.5}\n{\"step\":1,\"epoch\":1}\n{\"st",
        );
        let (start, events) = read(folder.path()).unwrap();
        assert_eq!((start.name.as_str(), events.len()), ("softmax", 4));
        let Event::Done(done) = &**events.last().unwrap() else { panic!() };
        assert_eq!((done.ending, done.steps, done.best), (Ending::Interrupted, 1, Some(0.5)));

        for cut in ["", "{\"ending\":\"fin"] {
            write(RESULTS, cut);
            assert!(
                matches!(&**read(folder.path()).unwrap().1.last().unwrap(), Event::Done(done) if done.steps == 1)
            );
        }
        write(METRICS, "{\"step\":0,\"epoch\":1}\nwhat is this?\n");
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl, line 2: this is not what a run writes"), "{error}");
        write(CONFIG, "{}");
        assert!(read(folder.path()).unwrap_err().to_string().contains("missing field"));
    }
}
