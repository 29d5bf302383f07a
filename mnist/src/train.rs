//! The one training loop.

use crate::console::{Console, print_line};
use crate::data::{Batches, DataError, Dataset, Search};
use crate::engine::Engine;
use crate::evaluate::Score;
use crate::event::{Ending, Event, Observer, Start, StepRecord, Summary};
use crate::options::Options;
use crate::run_folder::RunFolder;
use clap::{CommandFactory, FromArgMatches};
use nn::{Metadata, Module, Rng, Sequential};
use optim::{Optimizer, Schedule};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    Load(#[from] nn::LoadError),
    #[error(transparent)]
    Save(#[from] nn::SaveError),
    #[error("{}: there is a run in this folder already; choose another with --out, or move that one away", .0.display())]
    Used(PathBuf),
    #[error("training failed: the loss became infinite or not a number after {0} steps")]
    Diverged(u64),
}

/// The main function of an example: reads the command line, finds the data, trains the model, and says how it went.
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
            eprintln!("error: {error}");
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
        nn::load(&mut model, file)?;
        console.say(&format!("model loaded from {}", file.display()));
    }
    let batches =
        Batches::new(data.train.len(), options.batch, Rng::stream(options.seed, ORDER_STREAM).bits())?;
    let mut folder = RunFolder::create(options.out.as_deref(), plan.name).map_err(RunError::Used)?;
    if let Some(file) = &options.save {
        nn::can_save(file)?;
    }
    let stop = stop_on_ctrl_c();
    let described = [optimizer.to_string(), schedule.to_string()];
    let mut session = Session {
        model,
        optimizer: Box::new(optimizer),
        schedule: Box::new(schedule),
        data,
        batches,
        engine: Engine::new(options.mode(), options.seed),
        steps: options.steps.unwrap_or(plan.steps),
        test_every: options.test_every.unwrap_or(plan.test_every),
        record_every: plan.record_every,
        stop,
    };
    session.engine.set_profiled(options.profile);
    let start = session.start(plan, options, described);
    let mut observers: [&mut dyn Observer; 2] = [&mut folder, &mut console];
    let mut tell = |event: &Event<'_>| observers.iter_mut().for_each(|o| o.notice(event));
    tell(&Event::Start(&start));
    let summary = session.run(&mut tell);
    let metadata = Metadata::from([
        ("example".to_owned(), plan.name.to_owned()),
        ("seed".to_owned(), options.seed.to_string()),
        ("step".to_owned(), summary.steps.to_string()),
    ]);
    let saved = save(&session.model, &metadata, folder.model(), options.save.as_deref());
    if options.profile {
        crate::profile::report(&session.engine, folder.path());
    }
    if let Some(path) = folder.path() {
        print_line(&format!("the run's files are in {}", path.display()));
    }
    if let Some(file) = saved? {
        print_line(&format!("model saved to {}", file.display()));
    }
    match summary.ending {
        Ending::Diverged => Err(RunError::Diverged(summary.steps)),
        _ => Ok(()),
    }
}

/// Saves the model into the run's folder and to the file that was asked for, which is then named.
fn save(
    model: &Sequential,
    metadata: &Metadata,
    in_folder: Option<PathBuf>,
    file: Option<&Path>,
) -> Result<Option<PathBuf>, nn::SaveError> {
    if let Some(in_folder) = in_folder
        && let Err(error) = nn::save(model, in_folder, metadata)
    {
        eprintln!("warning: {error}");
    }
    let Some(file) = file else { return Ok(None) };
    nn::save(model, file, metadata)?;
    Ok(Some(file.to_owned()))
}

/// The first Ctrl-C asks the loop to end; a second one ends the process as usual.
fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let installed = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = installed {
        eprintln!("warning: Ctrl-C will end the program without a summary ({error})");
    }
    stop
}

/// Everything that takes part in training one model.
pub struct Session {
    /// The model in training.
    pub model: Sequential,
    /// What changes the model by its gradients.
    pub optimizer: Box<dyn Optimizer>,
    /// The learning rate of each step.
    pub schedule: Box<dyn Schedule>,
    /// Images to train and to test on.
    pub data: Dataset,
    /// The order in which images are trained on.
    pub batches: Batches,
    /// Computes the steps.
    pub engine: Engine,
    /// Training steps to do.
    pub steps: u64,
    /// A test every so many steps, and at the end.
    pub test_every: u64,
    /// A record every so many steps, and at each test.
    pub record_every: u64,
    /// Set from elsewhere, ends the loop after the current step.
    pub stop: Arc<AtomicBool>,
}

impl Session {
    fn start<'a>(
        &self,
        plan: &'a Plan,
        options: &'a Options,
        [optimizer, schedule]: [String; 2],
    ) -> Start<'a> {
        Start {
            name: plan.name,
            options,
            steps: self.steps,
            test_every: self.test_every,
            record_every: self.record_every,
            source: self.data.source.to_string(),
            data_sha256: self.data.digest(),
            images: [self.data.train.len(), self.data.test.len()],
            model: nn::summary(&self.model, [options.batch, self.data.train.rows, self.data.train.cols, 1])
                .to_string(),
            parameters: self.model.param_count(),
            optimizer,
            schedule,
            threads: nn::threads(),
            simd: nn::simd_level().to_string(),
            version: env!("CARGO_PKG_VERSION"),
            rustc: env!("RUSTC_VERSION"),
        }
    }

    /// Trains to the last step, until `stop` is set, or until the loss is no number any more.
    ///
    /// Before each step that is due, and at the end, the model is tested; so the record of step n is that of the model
    /// after n training steps.
    pub fn run(&mut self, tell: &mut dyn FnMut(&Event<'_>)) -> Summary {
        let begun = Instant::now();
        let (mut last, mut best): (Option<Score>, Option<f64>) = (None, None);
        let mut step = 0;
        let mut done: Option<Outcome> = None;
        let mut over = ending_at(step, self.steps, &self.stop);
        let ending = loop {
            let test_due = over.is_some() || step % self.test_every == 0;
            let test = if test_due { self.engine.test(&self.model, &self.data.test) } else { None };
            if let Some(score) = test {
                last = Some(score);
                best = Some(best.map_or(score.accuracy, |best| best.max(score.accuracy)));
            }
            if let Some(ending) = over {
                tell(&Event::Step(&record(step, done, test)));
                break ending;
            }
            let lr = self.schedule.at(step);
            let batch = self.batches.draw();
            let epoch = batch.epoch + 1;
            let optimizer = &mut *self.optimizer;
            let trained = self.engine.train(&mut self.model, optimizer, lr, &self.data.train, batch.indices);
            let loss = trained.loss();
            let due = test_due || step % self.record_every == 0;
            over = ending_at(step + 1, self.steps, &self.stop);
            // Counting what was recognised takes time, so only what is told is counted.
            if due || over.is_some() {
                done = Some(Outcome { epoch, loss, accuracy: trained.accuracy(), lr });
            }
            if due {
                tell(&Event::Step(&record(step, done, test)));
            }
            step += 1;
            if !loss.is_finite() {
                break Ending::Diverged;
            }
        };
        let summary = Summary { ending, steps: step, time: begun.elapsed(), last, best };
        tell(&Event::Done(&summary));
        summary
    }
}

/// Why a run is over after so many steps, if it is.
fn ending_at(step: u64, steps: u64, stop: &AtomicBool) -> Option<Ending> {
    if step >= steps {
        return Some(Ending::Finished);
    }
    stop.load(Ordering::Relaxed).then_some(Ending::Interrupted)
}

/// What a training step has to tell.
#[derive(Clone, Copy)]
struct Outcome {
    epoch: usize,
    loss: f64,
    accuracy: f64,
    lr: f64,
}

/// The record at `step`, with what the training step there, or at the end the last one, has to tell.
fn record(step: u64, training: Option<Outcome>, test: Option<Score>) -> StepRecord {
    StepRecord {
        step,
        epoch: training.map_or(1, |outcome| outcome.epoch),
        train_loss: training.map(|outcome| outcome.loss),
        train_accuracy: training.map(|outcome| outcome.accuracy),
        lr: training.map(|outcome| outcome.lr),
        test,
    }
}
