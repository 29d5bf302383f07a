//! A model, an optimizer, what a step computes, and how it is trained.

use super::average::Average;
use super::progress::Progress;
use super::record::Record;
use crate::{CheckpointFolder, Dataset, JsonLines};
use nn::{CompiledFn, Module, Tensor, Var};
use optim::{Optimizer, Schedule};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What a step computes of model and batch: the loss, and numbers to be told with it.
pub(super) type StepFn<M, const N: usize, const O: usize> =
    Box<dyn for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync>;

/// A set to evaluate on.
pub(super) struct Evaluated {
    pub(super) name: String,
    pub(super) data: Arc<dyn Dataset>,
    pub(super) batch: usize,
}

/// What decides which model is the best, and whether there is progress.
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) largest: bool,
    /// Evaluations without a better value that are waited for.
    pub(super) patience: Option<u64>,
}

/// Trains a model: the loop that one writes by hand, with what a long training needs around it. What a step computes is a function of the
/// model and of the parts of a batch, which gives the loss first, and then any numbers to be told with it; it is compiled for each size
/// of batch ([`CompiledFn`]), in training and in evaluation.
///
/// ```
/// use nn::{DType, Layer, Linear, Rng, Tensor, loss};
/// use optim::Adam;
/// use train::{Batches, Loader, TensorDataset, Trainer, split};
///
/// let rng = &mut Rng::new(1);
/// let points = Tensor::uniform([600, 2], -1.0, 1.0, DType::F32, rng);
/// let inside = points.square().sum(1).less(&Tensor::from(0.5_f32)).to(DType::I64);
/// let [train, test] = split(TensorDataset::new([points, inside])?, [0.8, 0.2], 1)?;
/// let batches = Batches::new(480, 40, 1)?;
///
/// let model = nn::Sequential::new().with(Linear::new(2, 32, rng)).with(nn::Activation::Relu).with(Linear::new(32, 2, rng));
/// let mut trainer = Trainer::new(model, Adam::new(), |model: &nn::Sequential, [points, inside]| {
///     let logits = model.forward(points);
///     let right = logits.argmax(-1).equal(inside).to(DType::F32);
///     [loss::softmax_cross_entropy(logits, inside), right.mean(..)]
/// })
/// .values(["loss", "accuracy"])
/// .schedule(0.01)
/// .evaluate("test", test, 60);
/// let report = trainer.fit(&mut Loader::new(train, batches), 300)?;
/// assert_eq!(report.steps, 300);
/// let test = trainer.evaluated("test")?;
/// assert!(test["loss"] < 0.2 && test["accuracy"] > 0.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<M, const N: usize, const O: usize> {
    pub(super) model: M,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) schedule: Box<dyn Schedule>,
    pub(super) training: CompiledFn<M, StepFn<M, N, O>, N, O>,
    pub(super) inference: CompiledFn<M, StepFn<M, N, O>, N, O>,
    pub(super) names: [String; O],
    pub(super) clip_norm: Option<f64>,
    pub(super) accumulate: usize,
    pub(super) average: Option<Average>,
    pub(super) sets: Vec<Evaluated>,
    pub(super) evaluate_every: u64,
    pub(super) record_every: u64,
    pub(super) watched: Option<Watched>,
    /// The parameters of the best model so far.
    pub(super) best: Vec<(String, Tensor)>,
    pub(super) folder: Option<PathBuf>,
    /// Held for as long as the folder is this trainer's.
    pub(super) lock: Option<File>,
    pub(super) checkpoints: Option<CheckpointFolder>,
    pub(super) metrics: Option<JsonLines>,
    pub(super) checkpoint_every: Option<u64>,
    pub(super) time_limit: Option<Duration>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) on_record: Box<dyn FnMut(&Record) + Send>,
    pub(super) state: Progress,
}

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Trains `model`. `step` gives the loss, a mean over the batch, and other means over it; it must not call `backward`, which the trainer
    /// does. The learning rate is 0.001 unless a [schedule](Trainer::schedule) is given.
    pub fn new(
        model: M,
        optimizer: impl Optimizer + 'static,
        step: impl for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync + 'static,
    ) -> Trainer<M, N, O> {
        const { assert!(O > 0, "a step gives a loss") };
        let step = Arc::new(step);
        Trainer {
            model,
            optimizer: Box::new(optimizer),
            schedule: Box::new(0.001),
            training: CompiledFn::training(0, with_gradients(step.clone())),
            inference: CompiledFn::inference(boxed(move |model, batch| step(model, batch))),
            names: std::array::from_fn(|i| if i == 0 { "loss".to_owned() } else { format!("value{i}") }),
            clip_norm: None,
            accumulate: 1,
            average: None,
            sets: vec![],
            evaluate_every: 1,
            record_every: 1,
            watched: None,
            best: vec![],
            folder: None,
            lock: None,
            checkpoints: None,
            metrics: None,
            checkpoint_every: None,
            time_limit: None,
            stop: Arc::default(),
            on_record: Box::new(|_| ()),
            state: Progress::default(),
        }
    }

    /// What the numbers that a step gives are called, the loss first.
    #[must_use]
    pub fn values(self, names: [&str; O]) -> Self {
        Trainer { names: names.map(str::to_owned), ..self }
    }

    /// The learning rate: a number, or one of [`optim`]'s schedules.
    #[must_use]
    pub fn schedule(self, schedule: impl Schedule + 'static) -> Self {
        Trainer { schedule: Box::new(schedule), ..self }
    }

    /// The seed of what dropout drops; 0 unless given.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.training.set_seed(seed);
        self
    }

    /// Records each step's graph anew instead of replaying a compiled one; the numbers are the same.
    #[must_use]
    pub fn eager(self, eager: bool) -> Self {
        let (training, inference) = (self.training.eager(eager), self.inference.eager(eager));
        Trainer { training, inference, ..self }
    }

    /// Looks for the first operation that makes a NaN or an infinity, see [`nn::Graph::debug_nans`].
    #[must_use]
    pub fn debug_nans(self) -> Self {
        let (training, inference) = (self.training.debug_nans(), self.inference.debug_nans());
        Trainer { training, inference, ..self }
    }

    /// Keeps the gradients' norm at most so large, see [`optim::clip_norm`].
    ///
    /// # Panics
    /// If it is not positive.
    #[must_use]
    #[track_caller]
    pub fn clip_norm(self, max: f64) -> Self {
        assert!(max > 0.0, "trainer: the largest norm is {max}; it must be positive");
        Trainer { clip_norm: Some(max), ..self }
    }

    /// Takes a step by the mean gradient of so many batches, which need not be in memory together: as one batch so many times as large, but
    /// for batch normalisation, which sees each alone.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn accumulate(self, batches: usize) -> Self {
        assert!(batches > 0, "trainer: a step takes at least one batch");
        Trainer { accumulate: batches, ..self }
    }

    /// Evaluates and keeps as the best the moving average of the weights, `a ← decay · a + (1 − decay) · w` after each step.
    ///
    /// # Panics
    /// If `decay` is not from 0 to 1.
    #[must_use]
    #[track_caller]
    pub fn average(self, decay: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&decay),
            "trainer: the decay of the average is {decay}; it must be from 0 to 1"
        );
        Trainer { average: Some(Average::new(decay)), ..self }
    }

    /// Evaluates on these data, too, in batches of up to 1,000, every so many steps. All sets are evaluated as often as the last one given;
    /// [`evaluated`](Trainer::evaluated) does it at any time.
    ///
    /// # Panics
    /// If `every` is 0, or the name is `train` or that of another set.
    #[must_use]
    #[track_caller]
    pub fn evaluate(mut self, name: &str, data: impl Dataset + 'static, every: u64) -> Self {
        assert!(every > 0, "trainer: a set is evaluated every so many steps, and not every 0");
        let is_new = name != "train" && self.sets.iter().all(|set| set.name != name);
        assert!(
            is_new,
            "trainer: a set called {name:?} would hide the values of another; give it a name of its own"
        );
        self.sets.push(Evaluated { name: name.to_owned(), data: Arc::new(data), batch: 1000 });
        self.evaluate_every = every;
        self
    }

    /// Records the numbers of the batch every so many steps; every step unless given.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn record_every(self, steps: u64) -> Self {
        assert!(steps > 0, "trainer: a record is made every so many steps, and not every 0");
        Trainer { record_every: steps, ..self }
    }

    /// Calls `f` with each record.
    #[must_use]
    pub fn on_record(self, f: impl FnMut(&Record) + Send + 'static) -> Self {
        Trainer { on_record: Box::new(f), ..self }
    }

    /// Remembers the model with the smallest value of this name, `test_loss` say, where sets are evaluated; see [`best`](Trainer::best).
    #[must_use]
    pub fn smallest(self, name: &str) -> Self {
        Trainer { watched: Some(Watched { name: name.to_owned(), largest: false, patience: None }), ..self }
    }

    /// Remembers the model with the largest value of this name, `test_accuracy` say.
    #[must_use]
    pub fn largest(self, name: &str) -> Self {
        Trainer { watched: Some(Watched { name: name.to_owned(), largest: true, patience: None }), ..self }
    }

    /// Stops when so many evaluations have not given a better value of what is watched.
    ///
    /// # Panics
    /// If it is 0, or nothing is watched, by [`smallest`](Trainer::smallest) or [`largest`](Trainer::largest).
    #[must_use]
    #[track_caller]
    pub fn patience(mut self, evaluations: u64) -> Self {
        assert!(evaluations > 0, "trainer: no evaluation at all is no patience");
        match &mut self.watched {
            Some(watched) => watched.patience = Some(evaluations),
            None => panic!("trainer: patience for what? say smallest(…) or largest(…) first"),
        }
        self
    }

    /// Ends each [`fit`](Trainer::fit) after so long, at the end of a step.
    #[must_use]
    pub fn time_limit(self, time: Duration) -> Self {
        Trainer { time_limit: Some(time), ..self }
    }

    /// Ends at the end of a step once this is set, by a handler of Ctrl-C say.
    #[must_use]
    pub fn stop(self, stop: Arc<AtomicBool>) -> Self {
        Trainer { stop, ..self }
    }

    /// The folder of the run: `metrics.jsonl` with a line for each record, and `checkpoints` to [resume](Trainer::resume) from, one a minute
    /// unless steps are [given](Trainer::checkpoint_every).
    #[must_use]
    pub fn folder(self, path: impl Into<PathBuf>) -> Self {
        Trainer { folder: Some(path.into()), ..self }
    }

    /// Writes a checkpoint every so many steps.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn checkpoint_every(self, steps: u64) -> Self {
        assert!(steps > 0, "trainer: a checkpoint is written every so many steps, and not every 0");
        Trainer { checkpoint_every: Some(steps), ..self }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, for changing it.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// The model, when all is done.
    pub fn into_model(self) -> M {
        self.model
    }

    /// Parameters and buffers of the best model so far, by name: to be given to one by [`nn::set_params`]. Empty if nothing is watched.
    pub fn best(&self) -> &[(String, Tensor)] {
        &self.best
    }

    /// The moving averages of the weights, by name; empty if there are none.
    pub fn averages(&self) -> &[(String, Tensor)] {
        self.average.as_ref().map_or(&[], |average| average.values())
    }

    /// Training steps done.
    pub fn step(&self) -> u64 {
        self.state.step
    }
}

/// The same, with the gradients of the first.
fn with_gradients<M, const N: usize, const O: usize>(
    step: Arc<impl for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync + 'static>,
) -> StepFn<M, N, O> {
    boxed(move |model, batch| {
        let values = step(model, batch);
        values[0].backward();
        values
    })
}

fn boxed<M, const N: usize, const O: usize>(
    step: impl for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync + 'static,
) -> StepFn<M, N, O> {
    Box::new(step)
}
