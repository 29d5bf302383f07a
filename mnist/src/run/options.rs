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

    /// Start from the weights saved in this file, and nothing else: steps, learning rate and the optimizer's averages begin anew; to go
    /// on with a run, --resume it
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<PathBuf>,

    /// Go on with the run in this folder, which an interruption or a crash has ended, to the same result to the last bit; or with one of
    /// the checkpoints in it. All settings are the run's, --data, --threads and --save unless given anew; --quiet, --live and --movie as
    /// given
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "steps", "batch", "seed", "synthetic", "test_every", "out", "load", "eager", "profile", "checkpoint_every",
    ])]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<PathBuf>,

    /// Save a checkpoint to --resume from every N steps [default: once a minute]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,

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
    /// Those of a run that is resumed, with what may be given anew. A run whose digits were drawn is on those, though nobody asked for it.
    pub(crate) fn resumed(self, run: Options, was_synthetic: bool) -> Options {
        let Options { data, threads, live, movie, save, quiet, resume, .. } = self;
        let synthetic = data.is_none() && (run.synthetic || was_synthetic);
        let data = data.or(run.data).filter(|_| !synthetic);
        let (threads, save) = (threads.or(run.threads), save.or(run.save));
        Options {
            data,
            synthetic,
            threads,
            live,
            movie,
            save,
            quiet,
            resume,
            load: None,
            profile: false,
            ..run
        }
    }

    /// The same, with paths that hold wherever a run goes on.
    pub(crate) fn with_whole_paths(mut self) -> Options {
        for path in [&mut self.data, &mut self.save, &mut self.load].into_iter().flatten() {
            // Of an empty path there is none.
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
        self
    }

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
