//! Training one model, step by step.

use crate::digits::data::{Batches, Dataset, Split};
use crate::run::activations::Activations;
use crate::run::checkpoint::Checkpoints;
use crate::run::control::{Command, Control, Drawing};
use crate::run::engine::Engine;
use crate::run::options::Options;
use crate::run::percentiles::percentile_edges;
use crate::run::progress::{Outcome, Progress};
use crate::watch::event::Score;
use crate::watch::event::{Digits, Ending, Event, Histograms, Start, StepRecord, Summary};
use nn::{Layer, Module, Sequential};
use optim::{Optimizer, Schedule};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Pictures of a kind in a run, at most: the width of a panel in pixels.
const PICTURES: u64 = 300;
/// Digits of a training batch that are shown.
const TRAINING_DIGITS: usize = 100;
/// Test digits that are shown: a tenth of MNIST's, so that a percent of errors is a tenth of the panel.
const TEST_DIGITS: usize = 1000;

/// Everything that takes part in training one model.
pub struct Session {
    /// The model in training.
    pub model: Sequential,
    /// What changes the model by its gradients.
    pub optimizer: Box<dyn Optimizer>,
    /// The learning rate of each step.
    pub schedule: Box<dyn Schedule>,
    /// Images to train and to test on.
    pub data: Arc<Dataset>,
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
    /// Where the model is saved, if anywhere.
    pub checkpoints: Checkpoints,
    /// How far the run is: at its beginning, or where one that was ended goes on.
    pub progress: Progress,
    /// Wishes of those who watch, if there can be any.
    pub control: Option<Control>,
}

impl Session {
    /// What a run of this session begins with.
    pub(crate) fn start(&self, name: &str, options: &Options, schedule: String, optimizer: String) -> Start {
        Start {
            name: name.to_owned(),
            options: options.clone(),
            steps: self.steps,
            test_every: self.test_every,
            record_every: self.record_every,
            source: self.data.source.to_string(),
            data_sha256: self.data.digest(),
            images: [self.data.train.len(), self.data.test.len()],
            parameters: self.model.param_count(),
            optimizer,
            schedule,
            threads: nn::threads(),
            simd: nn::simd_level().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rustc: env!("RUSTC_VERSION").to_owned(),
        }
    }

    /// Trains to the last step, until `stop` is set, or until the loss is no number any more.
    ///
    /// Before each step that is due, and at the end, the model is tested; so the record of step n is that of the model
    /// after n training steps.
    pub fn run(&mut self, emit: &mut dyn FnMut(Event)) -> Summary {
        let mut progress = self.progress.clone();
        let (first, begun, before) = (progress.step, Instant::now(), progress.time);
        let mut step = first;
        let mut over = ending_at(step, self.steps, &self.stop);
        let pictures_every = every(self.steps, self.record_every);
        let sheets_every = every(self.steps, self.test_every);
        let ending = loop {
            if over.is_none() {
                self.serve(emit);
                over = ending_at(step, self.steps, &self.stop);
            }
            let test_due = over.is_some() || step % self.test_every == 0;
            let test = if test_due { self.engine.test(&self.model, &self.data.test) } else { None };
            (progress.step, progress.batches) = (step, self.batches.position());
            progress.time = before + begun.elapsed();
            // A run that is interrupted is tested once more than one that is not, whose results it has when it is resumed.
            let uninterrupted =
                (over == Some(Ending::Interrupted) && step % self.test_every != 0).then(|| progress.clone());
            if let Some(score) = test {
                progress.last = Some(score);
                if progress.best.is_none_or(|(best, _)| score.accuracy > best) {
                    progress.best = Some((score.accuracy, step));
                    if uninterrupted.is_none() {
                        self.checkpoints.note_best(&self.model);
                    }
                }
                if over.is_some() || step % sheets_every == 0 {
                    emit(Event::TestDigits(self.test_digits(step)));
                }
            }
            if test.is_some_and(|score| !score.loss.is_finite()) {
                emit(Event::Step(record(step, progress.outcome, test)));
                // A model of no numbers is not worth a file that has an earlier one.
                self.checkpoints.save_best(&progress);
                break Ending::Diverged;
            }
            if let Some(ending) = over {
                emit(Event::Step(record(step, progress.outcome, test)));
                let saved = uninterrupted.as_ref().unwrap_or(&progress);
                self.checkpoints.last(&self.model, &*self.optimizer, saved, emit);
                break ending;
            }
            if step > first {
                self.checkpoints.now_and_then(&self.model, &*self.optimizer, &progress, emit);
            }
            let lr = self.schedule.at(step);
            let batch = self.batches.draw();
            let epoch = batch.epoch + 1;
            let optimizer = &mut *self.optimizer;
            let (split, pictures_due) = (&self.data.train, step % pictures_every == 0);
            if pictures_due {
                emit_histograms(step, self.engine.activations(&self.model, split, batch.indices), emit);
            }
            let trained = self.engine.train(&mut self.model, optimizer, lr, split, batch.indices);
            let loss = trained.loss();
            if pictures_due {
                let labels: Vec<u8> = batch.indices.iter().map(|&i| split.labels[i]).collect();
                let digits = Digits::new(step, batch.indices, &labels, &trained.computed(), TRAINING_DIGITS);
                emit(Event::TrainingDigits(digits));
            }
            let due = test_due || step % self.record_every == 0;
            over = ending_at(step + 1, self.steps, &self.stop);
            // Counting what was recognised takes time, so only what is told is counted.
            if due || over.is_some() {
                progress.outcome = Some(Outcome { epoch, loss, accuracy: trained.accuracy(), lr });
            }
            if due {
                emit(Event::Step(record(step, progress.outcome, test)));
            }
            if !loss.is_finite() {
                self.checkpoints.save_best(&progress);
                break Ending::Diverged;
            }
            step += 1;
        };
        let (time, best) = (before + begun.elapsed(), progress.best.map(|(accuracy, _)| accuracy));
        let in_test = progress.last.is_some_and(|test| !test.loss.is_finite());
        let cause =
            (ending == Ending::Diverged).then(|| self.engine.find_nan(&self.model, in_test)).flatten();
        let summary = Summary { ending, steps: step, time, last: progress.last, best, cause };
        emit(Event::Done(summary.clone()));
        self.progress = progress;
        summary
    }

    /// Answers those who watch, for as long as they have training paused.
    fn serve(&mut self, emit: &mut dyn FnMut(Event)) {
        while let Some(command) = self.control.as_mut().and_then(|control| control.next(&self.stop)) {
            match command {
                Command::Paused(paused) => emit(Event::Paused(paused)),
                Command::Read(drawing) => {
                    let begun = Instant::now();
                    self.read(drawing);
                    if let Some(control) = &mut self.control {
                        control.has_read(begun.elapsed());
                    }
                }
            }
        }
    }

    /// After training: reads digits that are drawn, until `stop` is set or nobody can draw any more.
    pub fn receive(&mut self) {
        while let Some(drawing) = self.control.as_mut().and_then(|control| control.after(&self.stop)) {
            self.read(drawing);
        }
    }

    fn read(&mut self, Drawing { pixels, answer, .. }: Drawing) {
        answer(probabilities(&mut self.engine, &self.model, pixels));
    }

    fn test_digits(&self, step: u64) -> Digits {
        let labels = &self.data.test.labels;
        let all: Vec<usize> = (0..labels.len()).collect();
        Digits::new(step, &all, labels, self.engine.tested(), TEST_DIGITS)
    }
}

/// What the model takes an image of 784 grey values for: the probabilities of the ten digits; NaN if one of its outputs is
/// NaN or infinite.
pub(crate) fn probabilities(
    engine: &mut Engine,
    model: &(impl Layer + 'static),
    pixels: Vec<u8>,
) -> [f32; 10] {
    let digit = Split { images: pixels, labels: vec![0], rows: 28, cols: 28 };
    let [_, logits] = engine.predict(model, &digit, &[0]);
    let logits = logits.to_vec::<f32>();
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|x| (x - largest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    std::array::from_fn(|digit| weights[digit] / sum)
}

/// Steps from one picture to the next: those of what is pictured, or more in a long run.
fn every(steps: u64, pictured: u64) -> u64 {
    pictured * steps.div_ceil(pictured.saturating_mul(PICTURES)).max(1)
}

fn emit_histograms(step: u64, activations: Activations, emit: &mut dyn FnMut(Event)) {
    let Activations { titles, values: [mut first, mut second] } = activations;
    let edges = (percentile_edges(&mut first), percentile_edges(&mut second));
    if let (Some(first), Some(second)) = edges {
        let titles = titles.map(str::to_owned);
        emit(Event::Histograms(Histograms { step, titles, edges: [first, second] }));
    }
}

/// Why a run is over after so many steps, if it is.
fn ending_at(step: u64, steps: u64, stop: &AtomicBool) -> Option<Ending> {
    if step >= steps {
        return Some(Ending::Finished);
    }
    stop.load(Ordering::Relaxed).then_some(Ending::Interrupted)
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
