//! One run of all nine examples, and the file it is recorded in.

use benches::MODELS;
use benches::provenance::{commit, processor, today};
use mnist::Settings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::Command;
use train::watch::{Ending, Start, Summary};

/// Beside the pictures.
pub(crate) const FILE: &str = "results.json";

/// What one run of all nine examples came to, and what it ran on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) cpu: String,
    pub(crate) threads: usize,
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) rustc: String,
    pub(crate) seed: u64,
    pub(crate) models: Vec<Trained>,
}

/// What the run of one example came to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trained {
    pub(crate) model: String,
    pub(crate) parameters: usize,
    pub(crate) steps: u64,
    pub(crate) test_images: usize,
    pub(crate) final_test_accuracy: f64,
    pub(crate) max_test_accuracy: f64,
    pub(crate) final_test_loss: f64,
    /// Of the training loop, with its tests.
    pub(crate) seconds: f64,
}

impl Record {
    /// Reads the record in this folder.
    pub(crate) fn read(folder: &Path) -> Result<Record, String> {
        parsed(&folder.join(FILE))
    }

    /// Runs the nine examples as the README says, one after the other; leaves their pictures and the record in `folder`
    /// once all have succeeded.
    pub(crate) fn train(root: &Path, flags: &[String], folder: &Path) -> Result<Record, String> {
        let runs = std::env::temp_dir().join(format!("figures-{}", std::process::id()));
        let record = train_all(root, flags, &runs).and_then(|record| {
            let write = |to: &str, bytes: &[u8]| fs::write(folder.join(to), bytes);
            let all = || {
                fs::create_dir_all(folder)?;
                for Trained { model, .. } in &record.models {
                    write(&format!("{model}.png"), &fs::read(runs.join(model).join("figure.png"))?)?;
                }
                write(FILE, (serde_json::to_string_pretty(&record)? + "\n").as_bytes())
            };
            all().map_err(|error| format!("{}: {error}", folder.display()))?;
            Ok(record)
        });
        // Not there if the first run failed early.
        let _ = fs::remove_dir_all(&runs);
        record
    }
}

/// Runs the nine examples, each into a folder of its own in `runs`.
fn train_all(root: &Path, flags: &[String], runs: &Path) -> Result<Record, String> {
    // Before the runs: they take long enough for somebody to commit.
    let (commit, mut starts, mut models) = (commit(), vec![], vec![]);
    for (i, model) in MODELS.iter().enumerate() {
        println!("{} ({} of {})", model.name, i + 1, MODELS.len());
        let folder = runs.join(model.name);
        let mut example = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        example.current_dir(root).args([
            "run",
            "-q",
            "-p",
            "mnist",
            "--example",
            model.name,
            "--",
            "--quiet",
        ]);
        let status = example.args(flags).arg("--out").arg(&folder).status();
        let status = status.map_err(|error| format!("{example:?}: {error}"))?;
        if !status.success() {
            return Err(format!("the example {} ended with {status}", model.name));
        }
        let start: Start = parsed(&folder.join("config.json"))?;
        let summary: Summary = parsed(&folder.join("results.json"))?;
        models.push(trained(&start, &summary)?);
        starts.push(start);
    }
    let start = starts.swap_remove(0);
    let seed = settings(&start)?.options.seed;
    Ok(Record {
        cpu: processor(),
        threads: start.threads,
        date: today(),
        commit,
        rustc: start.rustc,
        seed,
        models,
    })
}

/// What is recorded of a run, which must be a whole one on MNIST.
fn trained(start: &Start, summary: &Summary) -> Result<Trained, String> {
    let (name, Settings { source, images, .. }) = (&start.name, settings(start)?);
    if !source.starts_with("MNIST") {
        return Err(format!("{name} was trained on {source}; the figures are those of MNIST (--data)"));
    }
    let value = |name| summary.last.as_ref()?.get(name);
    let best = summary.best.get("max_test_accuracy");
    let (Ending::Finished, Some(accuracy), Some(loss), Some(best)) =
        (summary.ending, value("test_accuracy"), value("test_loss"), best)
    else {
        return Err(format!("the run of {name} was not finished"));
    };
    Ok(Trained {
        model: name.clone(),
        parameters: start.parameters,
        steps: summary.steps,
        test_images: images[1],
        final_test_accuracy: accuracy,
        max_test_accuracy: best,
        final_test_loss: loss,
        seconds: summary.time.as_secs_f64(),
    })
}

fn settings(start: &Start) -> Result<Settings, String> {
    Settings::of(start).map_err(|error| format!("{} is no run on digits: {error}", start.name))
}

fn parsed<T: DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
