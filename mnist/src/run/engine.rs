//! What a run computes: training steps and tests, replayed from compiled graphs or recorded anew each time.

use crate::digits::data::Split;
use crate::run::mode::Mode;
use nn::{CompiledFn, Layer, Tensor, Var, loss};
use optim::Optimizer;

/// The tutorial minimises the mean cross-entropy times the size of a batch, 100. For SGD this scales the steps; for Adam
/// it only weighs the gradient against its epsilon.
pub const LOSS_SCALE: f64 = 100.0;

/// Loss and accuracy on a set of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of the images that are recognised, from 0 to 1.
    pub accuracy: f64,
}

/// Images classified at a time in a test: the memory of a training step of the usual size serves it too.
pub(crate) const TEST_BATCH: usize = 100;

/// Any model.
type Model = dyn Layer;

/// Loss and logits of a batch of images and labels.
type Pass = CompiledFn<Model, for<'a, 'g> fn(&'a Model, [Var<'g>; 2]) -> [Var<'g>; 2], 2, 2>;

/// Computes training steps and tests of one model.
///
/// ```
/// use mnist::{Engine, Mode, data::Split, models, synthetic};
/// use nn::Rng;
/// use optim::Sgd;
///
/// let (images, labels) = synthetic::digits(1, 50);
/// let digits = Split { images, labels, rows: 28, cols: 28 };
/// let (mut model, mut sgd) = (models::softmax(&mut Rng::new(0)), Sgd::new());
/// let mut engine = Engine::new(Mode::Compiled, 42);
/// let first = engine.train(&mut model, &mut sgd, 0.005, &digits, &[0, 1, 2, 3]).loss();
/// assert!((first - 10.0_f64.ln()).abs() < 1e-5); // all digits equally likely
/// assert!(engine.train(&mut model, &mut sgd, 0.005, &digits, &[0, 1, 2, 3]).loss() < first);
/// assert!(engine.test(&model, &digits).unwrap().accuracy > 0.0);
/// ```
pub struct Engine {
    /// Training steps done.
    step: u64,
    training: Pass,
    inference: Pass,
    /// The images, `[n, 28, 28, 1]` from 0 to 1, and their labels.
    batch: [Tensor; 2],
    /// Loss and logits.
    results: [Tensor; 2],
}

/// What a training step has to tell, of the model before it.
pub struct Trained<'a> {
    results: &'a [Tensor; 2],
    labels: &'a Tensor,
}

impl Trained<'_> {
    /// The mean cross-entropy of the batch.
    pub fn loss(&self) -> f64 {
        self.results[0].item()
    }

    /// The share of the batch that was recognised, in the step's own forward pass.
    pub fn accuracy(&self) -> f64 {
        loss::accuracy(&self.results[1], self.labels)
    }
}

impl Engine {
    /// An engine whose dropout drops by this seed.
    pub fn new(mode: Mode, seed: u64) -> Engine {
        let none = || Tensor::from(0.0_f32);
        Engine {
            step: 0,
            training: CompiledFn::training(seed, training_step as _).eager(mode == Mode::Eager),
            inference: CompiledFn::inference(forward as _).eager(mode == Mode::Eager),
            batch: [none(), none()],
            results: [none(), none()],
        }
    }

    /// One training step on the images of `split` with these indices. If the loss is no number, the model stays as it is.
    pub fn train<L: Layer + 'static>(
        &mut self,
        model: &mut L,
        optimizer: &mut dyn Optimizer,
        lr: f64,
        split: &Split,
        indices: &[usize],
    ) -> Trained<'_> {
        self.gather(split, indices);
        self.results = self.training.run(model, self.step, &self.batch);
        if self.results[0].item().is_finite() {
            optimizer.step(model, self.training.grads(), lr);
            self.step += 1;
        }
        Trained { results: &self.results, labels: &self.batch[1] }
    }

    /// Classifies all images of `split`. `None` if there are none.
    pub fn test(&mut self, model: &(impl Layer + 'static), split: &Split) -> Option<Score> {
        if split.is_empty() {
            return None;
        }
        let (mut loss, mut right) = (0.0, 0.0);
        let all: Vec<usize> = (0..split.len()).collect();
        for indices in all.chunks(TEST_BATCH) {
            let [mean, logits] = self.predict(model, split, indices);
            loss += mean.item() * indices.len() as f64;
            right += loss::accuracy(&logits, &self.batch[1]) * indices.len() as f64;
        }
        let n = split.len() as f64;
        Some(Score { loss: loss / n, accuracy: (right / n * 1e9).round() / 1e9 })
    }

    /// The mean cross-entropy and the logits of the images with these indices, without dropout.
    pub fn predict(
        &mut self,
        model: &(impl Layer + 'static),
        split: &Split,
        indices: &[usize],
    ) -> [Tensor; 2] {
        self.gather(split, indices);
        self.inference.run(model, 0, &self.batch)
    }

    /// Copies images and labels to where the graph reads them.
    fn gather(&mut self, split: &Split, indices: &[usize]) {
        let [images, labels] = &mut self.batch;
        let shape = [indices.len(), split.rows, split.cols, 1];
        if images.shape() != shape {
            *images = Tensor::zeros(shape, nn::DType::F32);
            *labels = Tensor::zeros([indices.len()], nn::DType::I64);
        }
        split.gather_images(indices, images.as_mut_slice());
        split.gather_labels(indices, labels.as_mut_slice());
    }
}

/// Classifies all images of `split`. `None` if there are none.
///
/// ```
/// use mnist::{data::Split, evaluate, models, synthetic};
/// use nn::Rng;
/// let (images, labels) = synthetic::digits(1, 50);
/// let test = Split { images, labels, rows: 28, cols: 28 };
/// let untrained = models::softmax(&mut Rng::new(0));
/// let score = evaluate(&untrained, &test).unwrap();
/// assert!((score.loss - 10.0_f64.ln()).abs() < 1e-5); // all digits equally likely
/// ```
pub fn evaluate(model: &(impl Layer + 'static), split: &Split) -> Option<Score> {
    Engine::new(Mode::Compiled, 0).test(model, split)
}

/// Loss and logits.
pub(crate) fn forward<'g>(model: &Model, [images, labels]: [Var<'g>; 2]) -> [Var<'g>; 2] {
    let logits = model.forward(images);
    [loss::softmax_cross_entropy(logits, labels), logits]
}

/// The same, and the gradients.
fn training_step<'g>(model: &Model, batch: [Var<'g>; 2]) -> [Var<'g>; 2] {
    let [loss, logits] = forward(model, batch);
    (loss * LOSS_SCALE).backward();
    [loss, logits]
}
