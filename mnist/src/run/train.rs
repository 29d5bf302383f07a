//! An example from its flags to its results; the loop itself is in `session.rs`, and in plain sight in `examples/00_the_loop.rs`.

use crate::digits::data::{Batches, DataError, Dataset, Search, Source};
use crate::digits::model_file::{self, EXAMPLE, ModelError};
use crate::run::checkpoint::{BEST, Checkpoints};
use crate::run::control::Control;
use crate::run::engine::Engine;
use crate::run::options::Options;
use crate::run::profile::{self, TraceError};
use crate::run::progress::{Progress, Settings};
use crate::run::resume::{self, Found, ResumeError, Resumed};
use crate::run::session::Session;
use crate::run::signals::{interrupted, stop_on_signals};
use crate::show::figure;
use crate::show::live::{self, Show};
use crate::show::movie::{self, MovieError};
use crate::watch::broadcast::broadcast;
use crate::watch::console::{Console, print_error, print_line};
use crate::watch::dataflow;
use crate::watch::event::{Ending, Event, ModelView, Observer};
use crate::watch::history::History;
use crate::watch::run_folder::{FIGURE, FolderError, REPORT, RunFolder};
use clap::{CommandFactory, FromArgMatches};
use nn::{Metadata, Rng, Sequential};
use optim::{Optimizer, Schedule};
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use train::{BatchesError, CheckpointError};

/// Streams of random numbers that a run's seed is cut into; dropout takes its own by the step.
const INIT_STREAM: u64 = 0;
const ORDER_STREAM: u64 = 1;

/// Requests of live pages that may wait for the training loop.
const REQUESTS: usize = 16;

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
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Position(#[from] BatchesError),
    #[error(
        "{run} is finished, and nothing was trained; its model is in there, to copy, and its page again by cargo run -p mnist --example \
         replay -- {run}", run = .0.display()
    )]
    Finished(PathBuf),
    #[error("the run's folder is not complete: {0}")]
    Incomplete(String),
    #[error("the live page cannot be served on port {port}: {error}")]
    Live { port: u16, error: std::io::Error },
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
    optimizer: impl Optimizer + Display + 'static,
    schedule: impl Schedule + Display + 'static,
) -> ExitCode {
    let command = Options::command().name(plan.name);
    let options = match Options::from_arg_matches(&command.get_matches()) {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    match run(plan, &options, model, optimizer, schedule) {
        Ok(code) => code,
        Err(error) => {
            print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(
    plan: &Plan,
    options: &Options,
    model: fn(&mut Rng) -> Sequential,
    optimizer: impl Optimizer + Display + 'static,
    schedule: impl Schedule + Display + 'static,
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
            Found::Resumable(run) => (opened, resumed) = (Some(folder), Some(*run)),
        }
    }
    let options = match &resumed {
        None => options.clone(),
        Some(Resumed { start, .. }) => {
            let was_synthetic =
                start.source == (Source::Synthetic { seed: Search::SYNTHETIC_SEED }).to_string();
            options.clone().resumed(start.options.clone(), was_synthetic)
        }
    };
    let options = &options.with_whole_paths();
    if let Some(threads) = options.threads {
        nn::set_threads(threads);
    }
    let mut console = Console::new(options.quiet);
    let mut search = Search::from_env();
    search.progress_bar = !options.quiet;
    let data = search.load(&options.choice(), &mut |notice| console.notice_data(&notice))?;

    let mut model = model(&mut Rng::stream(options.seed, INIT_STREAM));
    if let Some(file) = &options.load {
        let notes = model_file::load(&mut model, plan.name, file)?;
        let of = if notes.contains_key(EXAMPLE) { "" } else { ", which does not say what model it is of" };
        console.say(&format!("model loaded from {}{of}", file.display()));
    }
    let (len, batch) = (data.train.len(), options.batch);
    let order = Rng::stream(options.seed, ORDER_STREAM).bits();
    let batches = Batches::new(len, batch, order).map_err(|_| DataError::BatchSize { batch, len })?;
    let mut folder = match opened {
        Some(folder) => folder,
        None => RunFolder::create(options.out.as_deref(), plan.name)?,
    };
    if let Some(file) = &options.save {
        nn::check_writable(file)?;
    }
    if let Some(file) = &options.movie {
        movie::can_write(file).map_err(|error| RunError::Movie { file: file.clone(), error })?;
    }
    let stop = stop_on_signals();
    let data = Arc::new(data);
    let mut history = History::new();
    let notes = Metadata::from([
        (EXAMPLE.to_owned(), plan.name.to_owned()),
        ("seed".to_owned(), options.seed.to_string()),
    ]);
    let (optimizer_text, schedule_text) = (optimizer.to_string(), schedule.to_string());
    let mut session = Session {
        model,
        optimizer: Box::new(optimizer),
        schedule: Box::new(schedule),
        data: data.clone(),
        batches,
        engine: Engine::new(options.mode(), options.seed),
        steps: options.steps.unwrap_or(plan.steps),
        test_every: options.test_every.unwrap_or(plan.test_every),
        record_every: plan.record_every,
        stop,
        checkpoints: Checkpoints::default(),
        progress: Progress::default(),
        control: None,
    };
    let start = session.start(plan.name, options, schedule_text, optimizer_text);
    let settings = Settings::of(&start);
    let mut best = vec![];
    if let Some(resumed) = &resumed {
        resumed.check(&start)?;
        resumed.checkpoint.restore(&mut session.model, &mut *session.optimizer)?;
        session.progress = resumed.state.progress.clone();
        session.batches.seek(session.progress.batches)?;
        session.engine.seek(session.progress.step);
        best = resumed.checkpoint.tensors(BEST);
        resumed.warnings(&start).iter().for_each(|warning| print_error(&format!("warning: {warning}")));
        // Nothing of the run has changed up to here.
        folder.go_on_after(session.progress.step)?;
        resumed.events.iter().for_each(|event| history.on_event(event));
    }
    session.control = options.live.map(|port| open_page(port, &history, &data)).transpose()?;
    let in_folder = folder.checkpoints()?;
    session.checkpoints =
        Checkpoints::new(in_folder, options.save.clone(), notes, settings, options.checkpoint_every);
    session.checkpoints.set_best(best);
    session.engine.set_profiled(options.profile);
    let summary = broadcast(&mut [&mut folder, &mut console, &mut history], |emit| {
        emit(Event::Start(Box::new(start)));
        match resumed {
            Some(_) => emit(Event::Resumed(session.progress.step)),
            None => emit(Event::Model(view(&session))),
        }
        session.run(emit)
    });
    let events = history.events().borrow().clone();
    keep_pictures(&mut folder, &events, &data);
    let traced = if options.profile { profile::report(&session.engine, folder.path()) } else { Ok(()) };
    let unsaved = session.checkpoints.failed();
    if let Some(path) = folder.path() {
        print_line(&format!("the run's files are in {}", path.display()));
        if summary.ending == Ending::Interrupted && unsaved.is_empty() {
            let (name, path) = (plan.name, path.display().to_string());
            let path = if path.contains(' ') { format!("'{path}'") } else { path };
            print_line(&format!("to go on with it: cargo run -p mnist --example {name} -- --resume {path}"));
        }
    }
    if unsaved.is_empty()
        && let Some(file) = options.save.as_ref().filter(|_| summary.ending != Ending::Diverged)
    {
        print_line(&format!("model saved to {}", file.display()));
    }
    if let Some(file) = &options.movie {
        let failed = |error| RunError::Movie { file: file.clone(), error };
        for written in movie::write(&events, &data, file).map_err(failed)? {
            print_line(&format!("movie written to {}", written.display()));
        }
    }
    if options.live.is_some() && summary.ending == Ending::Finished {
        print_line("the live page stays open until Ctrl-C");
        session.receive();
    }
    if let Some(error) = unsaved.into_iter().next() {
        return Err(error.into());
    }
    if let Some(what) = folder.failed() {
        return Err(RunError::Incomplete(what.to_owned()));
    }
    match summary.ending {
        Ending::Diverged => Err(RunError::Diverged { steps: summary.steps, cause: summary.cause }),
        Ending::Interrupted => traced.map(|()| interrupted()).map_err(RunError::from),
        Ending::Finished => traced.map(|()| ExitCode::SUCCESS).map_err(RunError::from),
    }
}

/// Leaves the report and the figure in the run's folder.
fn keep_pictures(folder: &mut RunFolder, events: &[Arc<Event>], data: &Dataset) {
    if folder.path().is_none() {
        return;
    }
    folder.keep(REPORT, live::report(events, Some(data)).as_bytes());
    let run = figure::Run::until(events, u64::MAX);
    let shapes = figure::panels(&run, Some(data));
    let [svg, png] = FIGURE;
    folder.keep(svg, figure::svg(&shapes, figure::SIZE).as_bytes());
    folder.keep(png, &figure::png(&figure::raster(&shapes, figure::SIZE, 1.0), figure::SIZE.0));
}

/// Serves the live page, prints where, and returns what the page controls the training by.
fn open_page(port: u16, history: &History, data: &Arc<Dataset>) -> Result<Control, RunError> {
    let (requests, asked) = sync_channel(REQUESTS);
    let show = Show { events: history.events(), data: Some(data.clone()), requests, reads: true };
    let address = live::serve(show, port).map_err(|error| RunError::Live { port, error })?;
    let taken =
        if address.port() == port || port == 0 { String::new() } else { format!(" (port {port} is taken)") };
    print_line(&format!("live page: http://{address}{taken}"));
    Ok(Control::new(asked))
}

/// What people are shown of the model.
fn view(session: &Session) -> ModelView {
    let (train, batch) = (&session.data.train, session.batches.size());
    let images = [batch, train.rows, train.cols, 1];
    ModelView {
        table: nn::summary(&session.model, images).to_string(),
        graph: dataflow::draw(&session.model, images),
    }
}
