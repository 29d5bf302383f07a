//! Runs that are over, read back from their folders.

use super::event::{Ending, Event, Start, Summary, Watched};
use super::files::{CONFIG, METRICS, PANELS, RESULTS};
use super::panel::{Curve, Panel};
use super::record::{Record, Values};
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

/// All that the run in a folder told, finished or not. What is missing of an interrupted run, up to half a line, is made up for.
///
/// # Errors
/// If there is no run in the folder, or a file of it has something else in it.
pub fn recorded(folder: &Path) -> Result<(Start, Vec<Arc<Event>>), RecordedError> {
    let mut start: Start = whole(folder.join(CONFIG))?;
    let steps: Vec<Record> = lines(folder.join(METRICS), follows)?;
    let panels: Vec<Event> = match lines(folder.join(PANELS), |_, _| Ok(())) {
        // Runs of earlier versions have numbers alone.
        Err(RecordedError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => vec![],
        panels => panels?,
    };
    if start.panels.is_empty() && start.sets.is_empty() {
        of_earlier_version(&mut start, &steps, &panels);
    }
    let done = match whole(folder.join(RESULTS)) {
        Err(RecordedError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            interrupted(&steps, start.watched.as_ref())
        }
        // The program was ended while it wrote.
        Err(RecordedError::Foreign { error, .. }) if error.is_eof() => {
            interrupted(&steps, start.watched.as_ref())
        }
        done => done?,
    };
    let mut events = vec![Event::Start(Box::new(start.clone()))];
    events.extend(panels);
    events.extend(steps.into_iter().map(Event::Step));
    events.push(Event::Done(done));
    Ok((start, events.into_iter().map(Arc::new).collect()))
}

/// A run of an earlier version does not say what there is to be seen of it, and has one set.
fn of_earlier_version(start: &mut Start, steps: &[Record], panels: &[Event]) {
    const SET: &str = "test";
    let mut curves: Vec<Panel> = vec![];
    for (name, _) in steps.iter().flat_map(|record| record.values.of_set("train")) {
        let panel = Panel::Curve(Curve::of(name));
        if !curves.contains(&panel) {
            curves.push(panel);
        }
    }
    curves.extend([Panel::Bands(0), Panel::Bands(1)]);
    for event in panels {
        if let Event::Shown(shown) = event {
            let (title, note) = (shown.panel.replace('_', " "), String::new());
            let panel = Panel::Own { name: shown.panel.clone(), title, note };
            if !curves.contains(&panel) {
                curves.push(panel);
            }
        }
    }
    (start.sets, start.panels) = (vec![SET.to_owned()], curves);
    let accuracy = format!("{SET}_accuracy");
    if steps.iter().any(|record| record.values.get(&accuracy).is_some()) {
        start.watched.get_or_insert(Watched { name: accuracy, largest: true });
    }
}

/// What a run that was ended from outside would have said.
fn interrupted(steps: &[Record], watched: Option<&Watched>) -> Summary {
    let best = watched.and_then(|watched| {
        let values = steps.iter().filter_map(|record| record.values.get(&watched.name));
        Some((watched.best(), values.reduce(|a, b| watched.better(a, b))?))
    });
    Summary {
        ending: Ending::Interrupted,
        steps: steps.last().map_or(0, |record| record.step),
        time: Duration::ZERO,
        last: steps.iter().rev().map(Record::evaluated).find(|values| !values.is_empty()),
        cause: None,
        best: Values::from_iter(best),
    }
}

/// A run's file is never so long.
const LARGEST: u64 = 1 << 30;

/// The text of a file, up to a character that was cut short at its end.
fn text(file: &Path) -> Result<String, RecordedError> {
    let failed = |error| RecordedError::File { file: file.to_owned(), error };
    let about = fs::metadata(file).map_err(failed)?;
    // A pipe or a device may never end.
    if !about.is_file() {
        return Err(failed(io::Error::other("it is no regular file")));
    }
    if about.len() > LARGEST {
        return Err(failed(io::Error::other(format!(
            "it has {} bytes, more than a run writes",
            about.len()
        ))));
    }
    let bytes = fs::read(file).map_err(failed)?;
    String::from_utf8(bytes).or_else(|error| match error.utf8_error().error_len() {
        None => {
            let whole = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(whole);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        Some(_) => Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it is no text"))),
    })
}

fn whole<T: DeserializeOwned>(file: PathBuf) -> Result<T, RecordedError> {
    let text = text(&file)?;
    serde_json::from_str(&text).map_err(|error| RecordedError::Foreign { file, line: None, error })
}

/// A value a line, each of which has to `follow` the one before. A last line that was cut short is left out.
fn lines<T: DeserializeOwned>(
    file: PathBuf,
    follows: impl Fn(Option<&T>, &T) -> Result<(), String>,
) -> Result<Vec<T>, RecordedError> {
    let text = text(&file)?;
    let mut values: Vec<T> = vec![];
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let value = serde_json::from_str(line).and_then(|value| match follows(values.last(), &value) {
            Ok(()) => Ok(value),
            Err(reason) => Err(serde::de::Error::custom(reason)),
        });
        match value {
            Ok(value) => values.push(value),
            // What a run was writing when it was ended begins as all its lines do.
            Err(error) if !line.ends_with('\n') && error.is_eof() && line.starts_with('{') => {}
            Err(error) => return Err(RecordedError::Foreign { file, line: Some(i + 1), error }),
        }
    }
    Ok(values)
}

/// Whether a record can come after another in one run.
fn follows(before: Option<&Record>, record: &Record) -> Result<(), String> {
    if let Some(before) = before.filter(|before| before.step >= record.step) {
        return Err(format!("step {} comes after step {}", record.step, before.step));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::recorded as read;
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
        assert_eq!(
            (&start.sets[..], start.panels.len()),
            (&["test".to_owned()][..], 2),
            "as of an earlier version"
        );
        let Event::Done(done) = &**events.last().unwrap() else { panic!() };
        assert_eq!(
            (done.ending, done.steps, done.best.get("max_test_accuracy")),
            (Ending::Interrupted, 1, Some(0.5))
        );

        for cut in ["", "{\"ending\":\"fin"] {
            write(RESULTS, cut);
            assert!(
                matches!(&**read(folder.path()).unwrap().1.last().unwrap(), Event::Done(done) if done.steps == 1)
            );
        }
        write(METRICS, "{\"step\":0,\"epoch\":1}\nwhat is this?\n");
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl, line 2: this is not what a run writes"), "{error}");
        for (bad, why) in [
            ("{\"step\":3,\"epoch\":1}\n{\"step\":3,\"epoch\":1}\n", "step 3 comes after step 3"),
            ("garbage", "line 1: this is not what a run writes"),
            ("{\"step\":3,\"epoch\":-1}\n", "invalid value"),
        ] {
            write(METRICS, bad);
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        // Cut inside of a character.
        fs::write(folder.path().join(METRICS), b"{\"step\":0,\"epoch\":1}\n{\"a\":\"\xe2\x82").unwrap();
        assert_eq!(read(folder.path()).unwrap().1.len(), 3);
        fs::write(folder.path().join(METRICS), b"\xff\xfe{}\n").unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("no text"));
        write(METRICS, "");
        write(CONFIG, "{}");
        assert!(read(folder.path()).unwrap_err().to_string().contains("missing field"));
    }

    /// It would never end.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(CONFIG)).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("no regular file"));
    }
}
