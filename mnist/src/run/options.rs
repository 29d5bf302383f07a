//! The flags that all examples share.

use crate::digits::data::Choice;
use crate::run::mode::Mode;
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What can be set on the command line; everything has the tutorial's default.
#[derive(Clone, Debug, Default, Parser, Serialize, Deserialize)]
#[serde(default)]
#[command(
    version,
    about = "Trains a model of the tutorial \"TensorFlow and deep learning, without a PhD\" on MNIST."
)]
pub struct Options {
    /// Training steps [default: the tutorial's]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,

    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub batch: usize,

    /// Seed of the initial weights, the order of the images and dropout
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Folder with the four MNIST files, gzipped or not [default: MNIST_DIR, the cache folder, or downloaded]
    #[arg(long, value_name = "DIR", conflicts_with = "synthetic")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,

    /// Train on digits that the program draws itself
    #[arg(long)]
    pub synthetic: bool,

    /// Threads to compute with [default: one per core]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,

    /// Test on the test images every N steps [default: the tutorial's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_every: Option<u64>,

    /// Folder for the run's files [default: runs/EXAMPLE-TIME]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,

    /// Also save the trained model to this file
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save: Option<PathBuf>,

    /// Start from the model saved in this file
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<PathBuf>,

    /// Show the training live on a page at http://127.0.0.1:PORT (the next free port), which stays until Ctrl-C
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "7840")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<u16>,

    /// Write a movie of the training to this .gif file, and beside it as MP4 if ffmpeg is installed; or to this .mp4 file alone
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub movie: Option<PathBuf>,

    /// Record every step's graph anew instead of replaying a compiled one; the numbers are the same
    #[arg(long)]
    pub eager: bool,

    /// Time every operation: print a table, and write trace.json for chrome://tracing into the run's folder
    #[arg(long, conflicts_with = "eager")]
    pub profile: bool,

    /// Print only the results, and a warning if the digits are not MNIST's
    #[arg(long)]
    pub quiet: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(n) => Ok(n),
        Err(_) => Err("is not a whole number".into()),
    }
}

impl Options {
    /// Whether graphs are compiled.
    pub fn mode(&self) -> Mode {
        if self.eager { Mode::Eager } else { Mode::Compiled }
    }

    /// Where the images are to come from.
    pub fn choice(&self) -> Choice {
        match &self.data {
            Some(folder) => Choice::Folder(folder.clone()),
            None if self.synthetic => Choice::Synthetic,
            None => Choice::Auto,
        }
    }
}
