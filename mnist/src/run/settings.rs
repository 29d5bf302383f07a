//! What a run on digits notes in its `config.json` beside the settings of every run.

use crate::digits::data::Dataset;
use crate::run::options::Options;
use serde::{Deserialize, Serialize};
use train::watch::Start;

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
