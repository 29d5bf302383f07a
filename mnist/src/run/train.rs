//! An example from its flags to its results; the loop itself is in the crate `train`, and in plain sight in `examples/00_the_loop.rs`.

use crate::digits::data::{Batches, DataError, Half, Notice, Search, Source};
use crate::digits::model_file::{self, EXAMPLE, ModelError};
use crate::digits::panels::DigitView;
use crate::run::engine::{LOSS_SCALE, forward};
use crate::run::options::Options;
use crate::run::profile::{self, TraceError};
use crate::run::resume::{self, Found, ResumeError};
use crate::run::settings::Settings;
use crate::run::trainer::trainer;
use clap::{CommandFactory, FromArgMatches};
use nn::{DType, Graph, Metadata, Rng, Sequential, Tensor};
use optim::{Optimizer, Schedule};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use train::show::{MovieError, can_write_movie, write_movie};
use train::terminal::{Console, interrupted, stop_on_signals};
use train::watch::{Ending, FolderError, ModelView, RunFolder, dataflow};
use train::{Loader, TrainError, print_error, print_line};

/// Streams of random numbers that a run's seed is cut into; dropout takes its own by the step.
const INIT_STREAM: u64 = 0;
const ORDER_STREAM: u64 = 1;

/// An example's name and the tutorial's settings for it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The name of the example, and of its runs.
    pub name: &'static str,
    /// Training steps.
    pub steps: u64,
    /// A test on the test images every so many steps.
    pub test_every: u64,
    /// A record of the training batch every so many steps.
    pub record_every: u64,
}

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Save(#[from] nn::SaveError),
    #[error("{0}{hint}", hint = if matches!(.0, FolderError::Used(_) | FolderError::Unwritable { .. }) { " (--out DIR)" } else { "" })]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(
        "{run} is finished, and nothing was trained; its model is in there, to copy, and its page again by cargo run -p mnist --example \
         replay -- {run}", run = .0.display()
    )]
    Finished(PathBuf),
    #[error("{} is no run on digits: {error}", folder.display())]
    Foreign { folder: PathBuf, error: serde_json::Error },
    #[error("the movie {}: {error}", file.display())]
    Movie { file: PathBuf, error: MovieError },
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(
        "training failed: the loss became infinite or not a number after {steps} steps{}; try another seed; the last checkpoint before \
         it, if there is one, is in the run's folder",
        cause.as_ref().map_or(String::new(), |cause| format!(" ({cause})"))
    )]
    Diverged { steps: u64, cause: Option<String> },
}

/// The main function of an example: reads the command line, finds the data, trains the model, and says how it went.
///
/// Model, optimizer and schedule may print: the progress line has a row of the terminal for itself.
///
/// The process ends with a non-zero code and one message if something is wrong with the flags, the data or a file.
pub fn train(
    plan: &Plan,
    model: fn(&mut Rng) -> Sequential,
    optimizer: impl Optimizer + 'static,
    schedule: impl Schedule + 'static,
) -> ExitCode {
    let command = Options::command().name(plan.name);
    let options = match Options::from_arg_matches(&command.get_matches()) {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    match run(plan, &options, model, optimizer, schedule) {
        Ok(code) => train::exit(code),
        Err(error) => {
            print_error(&format!("error: {error}"));
            train::exit(ExitCode::FAILURE)
        }
    }
}

fn run(
    plan: &Plan,
    options: &Options,
    model: fn(&mut Rng) -> Sequential,
    optimizer: impl Optimizer + 'static,
    schedule: impl Schedule + 'static,
) -> Result<ExitCode, RunError> {
    let (mut opened, mut resumed) = (None, None);
    if let Some(run) = &options.resume {
        let (path, file) = resume::find(run)?;
        // From here on the run is ours.
        let folder = RunFolder::open(&path)?;
        match resume::open(&path, file.as_deref(), plan.name)? {
            Found::Finished(steps) => {
                if options.save.is_some() || options.movie.is_some() || options.live.is_some() {
                    return Err(RunError::Finished(path));
                }
                print_line(&format!(
                    "{} is finished, after {steps} steps: there is nothing to go on with",
                    run.display()
                ));
                return Ok(ExitCode::SUCCESS);
            }
            Found::Resumable(run) => {
                let (start, checkpoint) = *run;
                let settings =
                    Settings::of(&start).map_err(|error| RunError::Foreign { folder: path, error })?;
                (opened, resumed) = (Some(folder), Some((settings, checkpoint)));
            }
        }
    }
    let options = match &resumed {
        None => options.clone(),
        Some((settings, _)) => {
            let drawn = Source::Synthetic { seed: Search::SYNTHETIC_SEED }.to_string();
            options.clone().resumed(settings.options.clone(), settings.source == drawn)
        }
    };
    let options = &options.with_whole_paths();
    if let Some(threads) = options.threads {
        nn::set_threads(threads);
    }
    let console = Console::new(options.quiet);
    let mut search = Search::from_env();
    search.progress_bar = !options.quiet;
    let data = search.load(&options.choice(), &mut |notice| notice_data(&console, options, &notice))?;

    let mut model = model(&mut Rng::stream(options.seed, INIT_STREAM));
    if let Some(file) = &options.load {
        let notes = model_file::load(&mut model, plan.name, file)?;
        let of = if notes.contains_key(EXAMPLE) { "" } else { ", which does not say what model it is of" };
        console.say(&format!("model loaded from {}{of}", file.display()));
    }
    let (len, batch) = (data.train.len(), options.batch);
    let order = Rng::stream(options.seed, ORDER_STREAM).bits();
    let batches = Batches::new(len, batch, order).map_err(|_| DataError::BatchSize { batch, len })?;
    let folder = match opened {
        Some(folder) => folder,
        None => RunFolder::create(options.out.as_deref(), plan.name)?,
    };
    if let Some(file) = &options.save {
        nn::check_writable(file)?;
    }
    if let Some(file) = &options.movie {
        can_write_movie(file).map_err(|error| RunError::Movie { file: file.clone(), error })?;
    }
    let data = Arc::new(data);
    let view = Arc::new(DigitView::new(Some(data.clone())));
    let settings = Settings::new(options, &data);
    let [steps, test_every] = [(options.steps, plan.steps), (options.test_every, plan.test_every)]
        .map(|(given, tutorial)| given.unwrap_or(tutorial));
    let (rule, rate) = (optimizer.describe(), schedule.describe());
    let notes = [(EXAMPLE.to_owned(), plan.name.to_owned()), ("seed".to_owned(), options.seed.to_string())];
    let model_view = view_of(&model, [batch, data.train.rows, data.train.cols, 1]);
    let mut trainer = trainer(model, optimizer, schedule, &data, test_every, options.mode())
        .name(plan.name)
        .seed(options.seed)
        .record_every(plan.record_every)
        .stop(stop_on_signals())
        .model_view(model_view)
        .metadata(Metadata::from(notes))
        .lines([
            vec![
                format!("{}: seed {}, {} threads", plan.name, options.seed, nn::threads()),
                format!("data: {}, {} + {} images", data.source, data.train.len(), data.test.len()),
            ],
            vec![format!("{rule}, learning rate {rate}"), format!("{} of {batch} images", counted(steps))],
        ])
        .same("example", plan.name)
        .same("seed", options.seed.to_string())
        .same("batch size", batch.to_string())
        .same("number of steps", steps.to_string())
        .same("data (SHA-256)", settings.data_sha256.clone())
        .same("optimizer", rule)
        .same("schedule", rate)
        .notes(&settings)
        .profile(options.profile)
        .view(view.clone())
        .observe(console)
        .run_folder(folder);
    if let Some(every) = options.checkpoint_every {
        trainer = trainer.checkpoint_every(every);
    }
    if let Some(file) = &options.save {
        trainer = trainer.save_to(file);
    }
    let mut loader = Loader::new(Half::train(&data), batches);
    if let Some((_, checkpoint)) = &resumed {
        trainer.resume_from(&mut loader, checkpoint)?;
    }
    if let Some(port) = options.live {
        let address = trainer.live(port)?;
        let is_other = address.port() != port && port != 0;
        let taken = if is_other { format!(" (port {port} is taken)") } else { String::new() };
        print_line(&format!("live page: http://{address}{taken}"));
    }
    let trained = trainer.fit(&mut loader, steps);
    let Some(summary) = trainer.summary().cloned() else {
        return trained.map(|_| ExitCode::SUCCESS).map_err(RunError::from);
    };
    let programs: Vec<_> = trainer.programs().collect();
    let traced = if options.profile { profile::report(&programs, trainer.path()) } else { Ok(()) };
    let is_saved = !matches!(trained, Err(TrainError::Checkpoint(_)));
    if let Some(path) = trainer.path() {
        print_line(&format!("the run's files are in {}", path.display()));
        if summary.ending == Ending::Interrupted && is_saved {
            let (name, path) = (plan.name, path.display().to_string());
            let path = if path.contains(' ') { format!("'{path}'") } else { path };
            print_line(&format!("to go on with it: cargo run -p mnist --example {name} -- --resume {path}"));
        }
    }
    if is_saved && let Some(file) = options.save.as_ref().filter(|_| summary.ending != Ending::Diverged) {
        print_line(&format!("model saved to {}", file.display()));
    }
    if let Some(file) = &options.movie {
        let failed = |error| RunError::Movie { file: file.clone(), error };
        for written in write_movie(&trainer.events(), &vec![view], file).map_err(failed)? {
            print_line(&format!("movie written to {}", written.display()));
        }
    }
    if options.live.is_some() && summary.ending == Ending::Finished {
        print_line("the live page stays open until Ctrl-C");
        trainer.answer();
    }
    match trained {
        Err(TrainError::Diverged { .. }) => {
            Err(RunError::Diverged { steps: summary.steps, cause: summary.cause })
        }
        Err(error) => Err(error.into()),
        Ok(_) if summary.ending == Ending::Interrupted => Ok(traced.map(|()| interrupted())?),
        Ok(_) => Ok(traced.map(|()| ExitCode::SUCCESS)?),
    }
}

/// Prints what was noticed about the data. A result on other digits than MNIST's must not be taken for one on MNIST: a quiet run says that
/// too, apart from its results.
fn notice_data(console: &Console, options: &Options, notice: &Notice) {
    let other = matches!(notice, Notice::NotMnist { .. } | Notice::Emnist { .. } | Notice::Synthetic { .. });
    if options.quiet && other {
        print_error(&format!("warning: {notice}"));
    }
    console.say(&notice.to_string());
}

fn counted(steps: u64) -> String {
    format!("{steps} {}", if steps == 1 { "step" } else { "steps" })
}

/// What people are shown of the model.
fn view_of(model: &Sequential, images: [usize; 4]) -> ModelView {
    let graph = Graph::training(0, 0);
    let inputs = [Tensor::zeros(images, DType::F32), Tensor::zeros([images[0]], DType::I64)];
    let [loss, _] = forward(model, inputs.map(|input| graph.input(input)));
    (loss * LOSS_SCALE).backward();
    graph.name_params(model);
    let names = ["images", "labels"];
    let graph = dataflow(&graph, &names, &format!("loss × {LOSS_SCALE}"));
    ModelView { table: nn::summary(model, images).to_string(), graph }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::models;
    use nn::Rng;

    #[test]
    fn every_layer_is_drawn_forward_and_backward() {
        let model = models::batchnorm_conv(&mut Rng::new(1));
        let svg = view_of(&model, [2, 28, 28, 1]).graph;
        let count = |part: &str| svg.matches(part).count();
        assert_eq!([count(">Relu</text>"), count("(BatchNorm)</text>"), count("(Conv2d)</text>")], [8, 8, 6]);
        assert_eq!(count("SoftmaxCrossEntropy</text>"), 2);
        for (name, shape) in [("images", "[2, 28, 28, 1]"), ("random key", "[2]"), ("labels", "[2]")] {
            assert_eq!(count(&format!(">{name}</text>")), 1, "{name}");
            let (_, after) = svg.split_once(&format!(">{name}</text>")).unwrap();
            assert!(after.split("</text>").next().unwrap().ends_with(&format!(">Input {shape}")), "{name}");
        }
        let at = |text: &str| svg.find(text).unwrap();
        assert!(
            at(">random key<") < at(">Dropout<") && at(">Dropout<") < at(">labels<"),
            "in the order of use"
        );
        assert_eq!(count("<text"), count("</text>"));
    }
}
