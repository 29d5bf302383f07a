//! An example from its flags to its results; the loop itself is in `session.rs`, and in plain sight in `examples/00_the_loop.rs`.

use crate::digits::data::{Batches, DataError, Dataset, Search};
use crate::digits::model_file::{self, EXAMPLE, ModelError};
use crate::run::checkpoint::Checkpoints;
use crate::run::control::Control;
use crate::run::engine::Engine;
use crate::run::options::Options;
use crate::run::profile::{self, TraceError};
use crate::run::session::Session;
use crate::run::signals::stop_on_signals;
use crate::show::figure;
use crate::show::live::{self, Show};
use crate::show::movie::{self, MovieError};
use crate::watch::broadcast::broadcast;
use crate::watch::console::{Console, print_error, print_line};
use crate::watch::dataflow;
use crate::watch::event::{Ending, Event, ModelView};
use crate::watch::history::History;
use crate::watch::run_folder::{FIGURE, REPORT, RunFolder};
use clap::{CommandFactory, FromArgMatches};
use nn::{Metadata, Rng, Sequential};
use optim::{Optimizer, Schedule};
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

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
    #[error("{}: there is a run in this folder already; choose another with --out, or move that one away", .0.display())]
    Used(PathBuf),
    #[error("the live page cannot be served on port {port}: {error}")]
    Live { port: u16, error: std::io::Error },
    #[error("the movie {}: {error}", file.display())]
    Movie { file: PathBuf, error: MovieError },
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("training failed: the loss became infinite or not a number after {0} steps")]
    Diverged(u64),
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
        Ok(()) => ExitCode::SUCCESS,
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
) -> Result<(), RunError> {
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
    let batches =
        Batches::new(data.train.len(), options.batch, Rng::stream(options.seed, ORDER_STREAM).bits())?;
    let mut folder = RunFolder::create(options.out.as_deref(), plan.name).map_err(RunError::Used)?;
    if let Some(file) = &options.save {
        nn::check_writable(file)?;
    }
    if let Some(file) = &options.movie {
        movie::can_write(file).map_err(|error| RunError::Movie { file: file.clone(), error })?;
    }
    let stop = stop_on_signals();
    let data = Arc::new(data);
    let mut history = History::new();
    let control = options.live.map(|port| open_page(port, &history, &data)).transpose()?;
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
        checkpoints: Checkpoints::new(folder.model(), options.save.clone(), notes),
        control,
    };
    session.engine.set_profiled(options.profile);
    let summary = broadcast(&mut [&mut folder, &mut console, &mut history], |emit| {
        emit(Event::Start(Box::new(session.start(plan.name, options, schedule_text, optimizer_text))));
        emit(Event::Model(view(&session)));
        session.run(emit)
    });
    let events = history.events().borrow().clone();
    keep_pictures(&mut folder, &events, &data);
    let traced = if options.profile { profile::report(&session.engine, folder.path()) } else { Ok(()) };
    if let Some(path) = folder.path() {
        print_line(&format!("the run's files are in {}", path.display()));
    }
    if let Some(error) = session.checkpoints.failed() {
        return Err(error.into());
    }
    if let Some(file) = options.save.as_ref().filter(|_| summary.ending != Ending::Diverged) {
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
    match summary.ending {
        Ending::Diverged => Err(RunError::Diverged(summary.steps)),
        _ => Ok(traced?),
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

/// Serves the live page, prints where, and returns the wishes of those who look at it.
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
