//! One training step.

use super::TrainError;
use super::panels::Seen;
use super::progress::Outcome;
use super::settings::Trainer;
use crate::metrics::Mean;
use crate::watch::{Event, Values};
use crate::{Dataset, Loaded, Loader};
use nn::{Grads, Module, Role, Tensor};

/// Why a training cannot go on: something became infinite or NaN.
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) value: f64,
    /// The first operation that made such a number.
    pub(super) found: Option<String>,
}

/// What a training step has to tell, of the model before it.
pub(super) struct Trained<const N: usize, const O: usize> {
    epoch: usize,
    lr: f64,
    /// Of each named number and each metric, but for the last batch.
    means: Vec<Mean>,
    /// The last batch, and how many elements it has.
    last: ([Tensor; N], [Tensor; O], usize),
    /// Why the model was left as it was, if the loss or the gradients were not finite.
    pub(super) failure: Option<Failure>,
}

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Changes the model by the gradients of the next batch, or of the next few. What is to be seen of the batch is shown if it is `shown`;
    /// if the step is `told`, it is made sure that the gradients are numbers.
    pub(super) fn train<D: Dataset + 'static>(
        &mut self,
        loader: &mut Loader<D>,
        loaded: &mut Loaded,
        shown: bool,
        told: bool,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Trained<N, O>, TrainError> {
        let (step, lr) = (self.state.step, self.rate());
        let mut means = vec![Mean::default(); self.names.len() + self.metrics.len()];
        let (mut sum, mut elements) = (Grads::default(), 0);
        let mut batch = 0;
        let (last, mut failure) = loop {
            loader.next_into(loaded)?;
            let (n, inputs) = (loaded.indices.len(), parts(std::mem::take(&mut loaded.tensors))?);
            let shown = shown && batch == 0;
            if shown {
                self.show_activations(&inputs, emit);
            }
            let outputs = self.training.run(&self.model, self.state.batch, &inputs);
            if shown {
                let seen =
                    Seen { step, set: "train", indices: &loaded.indices, inputs: &inputs, outputs: &outputs };
                let all = self.sources.iter_mut().filter_map(|source| source.trained(&seen));
                all.for_each(|shown| emit(Event::Shown(shown)));
            }
            let loss = outputs[0].item();
            loaded.tensors = inputs.to_vec();
            if !loss.is_finite() {
                let found = self.training.find_nan(&self.model, self.state.batch, &inputs);
                let failure = Failure { what: "the loss".into(), value: loss, found };
                break ((inputs, outputs, n), Some(failure));
            }
            self.state.batch += 1;
            (batch, elements) = (batch + 1, elements + n);
            if self.accumulate > 1 {
                self.training.grads_mut().scale(n as f64);
                sum.accumulate(self.training.grads());
            }
            if batch == self.accumulate {
                break ((inputs, outputs, n), None);
            }
            for (mean, value) in means.iter_mut().zip(self.numbers(&outputs, &inputs)) {
                mean.add(value, n);
            }
        };
        if failure.is_none() {
            let grads = match self.accumulate {
                1 => self.training.grads_mut(),
                _ => {
                    sum.scale(1.0 / elements as f64);
                    &mut sum
                }
            };
            // Without clipping it is looked at now and then: it takes time.
            let max = self.clip_norm.or_else(|| told.then_some(f64::INFINITY));
            let norm = max.map_or(0.0, |max| optim::clip_norm(grads, max));
            if norm.is_finite() {
                self.optimizer.step(&mut self.model, grads, lr);
                if let Some(average) = &mut self.average {
                    average.update(&self.model);
                }
            } else {
                let what = "the norm of the gradients".to_owned();
                failure = Some(Failure { what, value: norm, found: None });
            }
        }
        Ok(Trained { epoch: loaded.epoch + 1, lr, means, last, failure })
    }

    /// The numbers of a step, for its record.
    pub(super) fn outcome(&self, trained: &Trained<N, O>) -> Outcome {
        let Trained { epoch, lr, means, last: (inputs, outputs, n), .. } = trained;
        let names = self.value_names();
        let numbers = self.numbers(outputs, inputs);
        let mut values: Values = names
            .zip(means)
            .zip(numbers)
            .filter_map(|((name, mean), value)| {
                let mut mean = *mean;
                // Of one batch it is the number itself.
                let value = if mean.value().is_none() {
                    value
                } else {
                    mean.add(value, *n);
                    mean.value()?
                };
                Some((format!("train_{name}"), value))
            })
            .collect();
        values.set("lr", *lr);
        Outcome { epoch: *epoch, values }
    }

    /// The first set whose loss is no number.
    pub(super) fn failed_set(&self, evaluated: Option<&Values>) -> Option<Failure> {
        let evaluated = evaluated?;
        self.sets.iter().find_map(|set| {
            let value = evaluated.get(&format!("{}_{}", set.name, self.names[0]))?;
            let found = || {
                let indices: Vec<usize> = (0..set.data.len()).collect();
                let inputs = indices
                    .chunks(self.evaluate_batch)
                    .filter_map(|indices| parts(set.data.batch(indices).ok()?).ok());
                inputs.into_iter().find_map(|inputs| self.inference.find_nan(&self.model, 0, &inputs))
            };
            let what = format!("the {} of the set {}", self.names[0], set.name);
            (!value.is_finite()).then(|| Failure { what, value, found: found() })
        })
    }

    /// The first parameter that has a NaN or an infinity: such a model is not saved.
    pub(super) fn failed_parameter(&self) -> Option<Failure> {
        self.model.params().into_iter().find_map(|(name, param)| {
            let value = param.value();
            // A buffer may well hold an infinity: a mask does.
            if param.role() == Role::Buffer || !value.dtype().is_float() || value.numel() == 0 {
                return None;
            }
            // 0 for each number, NaN for what is none.
            let zero = (value * 0.0).sum(..).item();
            let what = format!("the parameter {name}");
            (zero != 0.0).then_some(Failure { what, value: zero, found: None })
        })
    }
}

/// The parts of a batch as inputs of the step.
pub(super) fn parts<const N: usize>(tensors: Vec<Tensor>) -> Result<[Tensor; N], TrainError> {
    tensors.try_into().map_err(|tensors: Vec<Tensor>| TrainError::Parts { found: tensors.len(), expected: N })
}
