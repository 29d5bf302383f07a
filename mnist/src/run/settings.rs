//! What a run on digits notes in its `config.json` beside the settings of every run.

use crate::digits::data::Dataset;
use crate::run::options::Options;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use train::watch::{Event, RecordedError, Start, files};

/// What a run on digits notes of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The settings as given; what was left to the example is in the [`Start`].
    pub options: Options,
    /// Where the images came from, in words.
    pub source: String,
    /// SHA-256 of the four uncompressed data files.
    pub data_sha256: String,
    /// Number of training and of test images.
    pub images: [usize; 2],
}

impl Settings {
    pub(crate) fn new(options: &Options, data: &Dataset) -> Settings {
        Settings {
            options: options.clone(),
            source: data.source.to_string(),
            data_sha256: data.digest(),
            images: [data.train.len(), data.test.len()],
        }
    }

    /// Those of a run.
    ///
    /// # Errors
    /// If it was not on digits.
    pub fn of(start: &Start) -> Result<Settings, serde_json::Error> {
        serde_json::from_value(start.settings.clone().into())
    }
}

/// What the run in a folder told. Of digits a share is recognised, from 0 to 1.
pub(crate) fn recorded(folder: &Path) -> Result<(Start, Vec<Arc<Event>>), RecordedError> {
    let (start, events) = train::watch::recorded(folder)?;
    let is_no_share = |(name, share): &(&str, f64)| {
        name.ends_with("_accuracy") && !(0.0..=1.0).contains(share) && !share.is_nan()
    };
    for event in &events {
        if let Event::Step(record) = &**event
            && let Some((_, share)) = record.values.iter().find(is_no_share)
        {
            let error =
                serde::de::Error::custom(format!("an accuracy of {share} is none, in step {}", record.step));
            return Err(RecordedError::Foreign { file: folder.join(files::METRICS), line: None, error });
        }
    }
    Ok((start, events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accuracy_of_seven_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        write(files::CONFIG, &serde_json::to_string(&Start::default()).unwrap());
        write(files::METRICS, "{\"step\":3,\"epoch\":1,\"train_accuracy\":7.0}\n");
        let error = recorded(folder.path()).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl") && error.contains("an accuracy of 7 is none"), "{error}");
        write(files::METRICS, "{\"step\":3,\"epoch\":1,\"train_accuracy\":null}\n");
        assert!(recorded(folder.path()).is_ok());
    }
}
