//! A model, an optimizer, what a step computes, and how it is trained.

use super::average::Average;
use super::panels::PanelSource;
use super::progress::Progress;
use super::saving::{Params, Saving};
use crate::Dataset;
use crate::watch::{
    ActivationReader, Control, History, ModelView, Observer, Panel, Record, RunFolder, Summary, Watched,
};
use nn::{CompiledFn, Module, Tensor, Var};
use optim::{Optimizer, Schedule};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a step computes of model and batch: the loss, and whatever else is to be told or shown of it.
pub(super) type StepFn<M, const N: usize, const O: usize> =
    Box<dyn for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync>;

/// A function of a batch's inputs and outputs that is told beside the loss.
pub(super) type Metric = Box<dyn Fn(&[Tensor], &[Tensor]) -> f64 + Send>;

/// A set to evaluate on.
pub(super) struct Evaluated {
    pub(super) name: String,
    pub(super) data: Arc<dyn Dataset>,
}

/// What is done when there is no progress.
#[derive(Default)]
pub(super) struct Patience {
    /// Evaluations without a better value after which the training ends.
    pub(super) end: Option<u64>,
    /// Those after which the learning rate is multiplied by this factor.
    pub(super) reduce: Option<(u64, f64)>,
}

/// Where the run's files are, or are to be.
pub(super) enum Place {
    Nowhere,
    Path(PathBuf),
    Opened(Box<RunFolder>),
}

/// What a run's files and the terminal say of it.
#[derive(Default)]
pub(super) struct About {
    pub(super) name: Option<String>,
    pub(super) notes: Map<String, Value>,
    pub(super) identity: BTreeMap<String, String>,
    pub(super) lines: Option<[Vec<String>; 2]>,
    pub(super) view: Option<ModelView>,
    pub(super) panels: Option<Vec<Panel>>,
    pub(super) version: Option<[String; 2]>,
}

/// Trains a model: the loop that one writes by hand, with what a long training needs around it. What a step computes is a function of the
/// model and of the parts of a batch, which gives the loss first, and then any numbers to be told with it, or tensors that
/// [metrics](Trainer::metric) and [panels](Trainer::source) are made of; it is compiled for each size of batch ([`CompiledFn`]), in
/// training and in evaluation.
///
/// A record of step n is of the model after n training steps: the numbers of the batch in the step's own forward pass, and those of the
/// sets where they are evaluated, which is before that step; there is one more after the last step.
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
/// assert!(test.get("loss") < Some(0.2) && test.get("accuracy") > Some(0.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<M, const N: usize, const O: usize> {
    pub(super) model: M,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) schedule: Box<dyn Schedule>,
    pub(super) step: StepFn<M, N, O>,
    pub(super) training: CompiledFn<M, StepFn<M, N, O>, N, O>,
    pub(super) inference: CompiledFn<M, StepFn<M, N, O>, N, O>,
    /// What the loss is multiplied by.
    pub(super) scale: Arc<OnceLock<f64>>,
    pub(super) seed: u64,
    pub(super) eager: bool,
    pub(super) names: Vec<String>,
    pub(super) metrics: Vec<(String, Metric)>,
    pub(super) clip_norm: Option<f64>,
    pub(super) accumulate: usize,
    pub(super) average: Option<Average>,
    pub(super) sets: Vec<Evaluated>,
    pub(super) evaluate_every: u64,
    pub(super) evaluate_batch: usize,
    pub(super) record_every: u64,
    pub(super) watched: Option<Watched>,
    pub(super) patience: Patience,
    /// The parameters of the best model so far.
    pub(super) best: Params,
    pub(super) place: Place,
    pub(super) saving: Saving,
    pub(super) time_limit: Option<Duration>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) on_record: Box<dyn FnMut(&Record) + Send>,
    pub(super) observers: Vec<Box<dyn Observer>>,
    /// Steps that pictures are spread over.
    pub(super) planned: u64,
    /// Whether somebody watches the training that is going on.
    pub(super) is_watched: bool,
    pub(super) history: Option<History>,
    pub(super) pictures: bool,
    pub(super) sources: Vec<Box<dyn PanelSource<M>>>,
    #[cfg(feature = "figures")]
    pub(super) views: crate::show::Views,
    #[cfg(feature = "movie")]
    pub(super) movie: Option<PathBuf>,
    pub(super) control: Option<Control>,
    pub(super) activations: ActivationReader,
    pub(super) about: About,
    pub(super) state: Progress,
    /// As it was before the evaluation at the end, from which the next fit goes on.
    pub(super) unevaluated: Option<(Progress, Params)>,
    pub(super) summary: Option<Summary>,
}

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Trains `model`. `step` gives the loss, a mean over the batch, and whatever else is to be told of it; it must not call `backward`,
    /// which the trainer does. The learning rate is 0.001 unless a [schedule](Trainer::schedule) is given.
    pub fn new(
        model: M,
        optimizer: impl Optimizer + 'static,
        step: impl for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync + 'static,
    ) -> Trainer<M, N, O> {
        const { assert!(O > 0, "a step gives a loss") };
        let step = Arc::new(step);
        let again = step.clone();
        let scale: Arc<OnceLock<f64>> = Arc::default();
        Trainer {
            model,
            optimizer: Box::new(optimizer),
            schedule: Box::new(0.001),
            training: CompiledFn::training(0, with_gradients(step.clone(), scale.clone())),
            inference: CompiledFn::inference(boxed(move |model, batch| again(model, batch))),
            step: boxed(move |model, batch| step(model, batch)),
            scale,
            seed: 0,
            eager: false,
            names: vec!["loss".to_owned()],
            metrics: vec![],
            clip_norm: None,
            accumulate: 1,
            average: None,
            sets: vec![],
            evaluate_every: 1,
            evaluate_batch: 1000,
            record_every: 1,
            watched: None,
            patience: Patience::default(),
            best: vec![],
            place: Place::Nowhere,
            saving: Saving::default(),
            time_limit: None,
            stop: Arc::default(),
            on_record: Box::new(|_| ()),
            observers: vec![],
            planned: 0,
            is_watched: false,
            history: None,
            pictures: true,
            sources: vec![],
            #[cfg(feature = "figures")]
            views: vec![],
            #[cfg(feature = "movie")]
            movie: None,
            control: None,
            activations: ActivationReader::default(),
            about: About::default(),
            state: Progress::default(),
            unevaluated: None,
            summary: None,
        }
    }

    /// What the first of the numbers that a step gives are called, beginning with the loss. Unless they are named it is the loss alone that
    /// is told; what has no name may be tensors of any shape, for [metrics](Trainer::metric) and [panels](Trainer::source).
    ///
    /// # Panics
    /// If there are more names than a step gives, two of them are one, or one is empty.
    #[must_use]
    #[track_caller]
    pub fn values<const K: usize>(self, names: [&str; K]) -> Self {
        assert!(
            (1..=O).contains(&K),
            "trainer: a step gives {O} values, the loss first; it cannot have {K} names"
        );
        let is_good = |(i, name): (usize, &&str)| {
            let is_metric = self.metrics.iter().any(|(known, _)| known == name);
            !name.is_empty() && !names[..i].contains(name) && !is_metric
        };
        assert!(
            names.iter().enumerate().all(is_good),
            "trainer: the names of values are different and not empty, and here are {names:?}"
        );
        Trainer { names: names.map(str::to_owned).to_vec(), ..self }
    }

    /// Tells a number of each batch beside the loss: a mean over the batch, of what the step gave (first argument) and of the batch's parts
    /// (second). It is computed where it is told, and of each batch where several are accumulated.
    ///
    /// ```
    /// use nn::{Layer, Linear, Rng, loss};
    /// use optim::Adam;
    /// use train::Trainer;
    ///
    /// let model = Linear::new(2, 2, &mut Rng::new(1));
    /// let trainer = Trainer::new(model, Adam::new(), |model: &Linear, [x, y]| {
    ///     let logits = model.forward(x);
    ///     [loss::softmax_cross_entropy(logits, y), logits]
    /// })
    /// .metric("accuracy", |outputs, parts| loss::accuracy(&outputs[1], &parts[1]));
    /// # let _ = trainer;
    /// ```
    ///
    /// # Panics
    /// If there is a value of this name.
    #[must_use]
    #[track_caller]
    pub fn metric(
        mut self,
        name: &str,
        metric: impl Fn(&[Tensor], &[Tensor]) -> f64 + Send + 'static,
    ) -> Self {
        let is_new =
            self.names.iter().chain(self.metrics.iter().map(|(known, _)| known)).all(|known| known != name);
        assert!(
            is_new && !name.is_empty(),
            "trainer: there is a value called {name:?} already, or it has no name"
        );
        self.metrics.push((name.to_owned(), Box::new(metric)));
        self
    }

    /// What the loss is multiplied by before it is differentiated; it is told as it was. It is 1 unless given.
    ///
    /// # Panics
    /// If it was given before.
    #[must_use]
    #[track_caller]
    pub fn loss_scale(self, scale: f64) -> Self {
        assert!(self.scale.set(scale).is_ok(), "trainer: the scale of the loss is given twice");
        self
    }

    /// The names of what is told of a batch.
    pub(super) fn value_names(&self) -> impl Iterator<Item = &String> {
        self.names.iter().chain(self.metrics.iter().map(|(name, _)| name))
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
        Trainer { seed, ..self }
    }

    /// Records each step's graph anew instead of replaying a compiled one; the numbers are the same.
    #[must_use]
    pub fn eager(self, eager: bool) -> Self {
        let (training, inference) = (self.training.eager(eager), self.inference.eager(eager));
        Trainer { training, inference, eager, ..self }
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

    /// Writes a checkpoint every so many steps.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn checkpoint_every(mut self, steps: u64) -> Self {
        assert!(steps > 0, "trainer: a checkpoint is written every so many steps, and not every 0");
        self.saving.every = Some(steps);
        self
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
    scale: Arc<OnceLock<f64>>,
) -> StepFn<M, N, O> {
    boxed(move |model, batch| {
        let values = step(model, batch);
        scale.get().map_or(values[0], |&scale| values[0] * scale).backward();
        values
    })
}

fn boxed<M, const N: usize, const O: usize>(
    step: impl for<'a, 'g> Fn(&'a M, [Var<'g>; N]) -> [Var<'g>; O] + Send + Sync + 'static,
) -> StepFn<M, N, O> {
    Box::new(step)
}
