//! Evaluation, and what follows from it.

use super::TrainError;
use super::average;
use super::panels::Seen;
use super::settings::{Evaluated, Trainer};
use super::step::parts;
use crate::Dataset;
use crate::metrics::Mean;
use crate::watch::{Values, Watched};
use nn::{Module, Tensor};
use std::sync::Arc;

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Evaluates on these data, too, every so many steps and at the end. All sets are evaluated as often as the last one given;
    /// [`evaluated`](Trainer::evaluated) does it at any time.
    ///
    /// # Panics
    /// If `every` is 0, or the name is `train` or that of another set.
    #[must_use]
    #[track_caller]
    pub fn evaluate(mut self, name: &str, data: impl Dataset + 'static, every: u64) -> Self {
        assert!(every > 0, "trainer: a set is evaluated every so many steps, and not every 0");
        let is_new =
            name != "train" && !name.starts_with("train_") && self.sets.iter().all(|set| set.name != name);
        assert!(
            is_new,
            "trainer: a set called {name:?} would hide the values of another; give it a name of its own"
        );
        self.sets.push(Evaluated { name: name.to_owned(), data: Arc::new(data) });
        self.evaluate_every = every;
        self
    }

    /// Evaluates in batches of so many elements; 1,000 unless given.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn evaluate_batch(self, elements: usize) -> Self {
        assert!(elements > 0, "trainer: a batch has at least one element");
        Trainer { evaluate_batch: elements, ..self }
    }

    /// Remembers the model with the smallest value of this name, `test_loss` say, where sets are evaluated; see [`best`](Trainer::best).
    #[must_use]
    pub fn smallest(self, name: &str) -> Self {
        Trainer { watched: Some(Watched { name: name.to_owned(), largest: false }), ..self }
    }

    /// Remembers the model with the largest value of this name, `test_accuracy` say.
    #[must_use]
    pub fn largest(self, name: &str) -> Self {
        Trainer { watched: Some(Watched { name: name.to_owned(), largest: true }), ..self }
    }

    /// Stops when so many evaluations have not given a better value of what is watched.
    ///
    /// # Panics
    /// If it is 0, or nothing is watched, by [`smallest`](Trainer::smallest) or [`largest`](Trainer::largest).
    #[must_use]
    #[track_caller]
    pub fn patience(mut self, evaluations: u64) -> Self {
        assert!(evaluations > 0, "trainer: no evaluation at all is no patience");
        assert!(self.watched.is_some(), "trainer: patience for what? say smallest(…) or largest(…) first");
        self.patience.end = Some(evaluations);
        self
    }

    /// Multiplies the learning rate by `factor` whenever so many evaluations have not given a better value of what is watched (Keras and
    /// PyTorch's `ReduceLROnPlateau`).
    ///
    /// # Panics
    /// If `factor` is not between 0 and 1, there are 0 evaluations, or nothing is watched.
    #[must_use]
    #[track_caller]
    pub fn reduce_on_plateau(mut self, factor: f64, evaluations: u64) -> Self {
        assert!(
            factor > 0.0 && factor < 1.0,
            "trainer: a plateau reduces the rate by {factor}; it must be between 0 and 1"
        );
        assert!(evaluations > 0, "trainer: no evaluation at all is no plateau");
        assert!(self.watched.is_some(), "trainer: a plateau of what? say smallest(…) or largest(…) first");
        self.patience.reduce = Some((evaluations, factor));
        self
    }

    /// The mean values over all elements of the set of this name, of the model as it is, or of its averages if there are some; every
    /// element counts alike, whatever the batches.
    ///
    /// # Errors
    /// If there is no such set, or its data cannot be read.
    pub fn evaluated(&mut self, set: &str) -> Result<Values, TrainError> {
        let Some(at) = self.sets.iter().position(|known| known.name == set) else {
            let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
            return Err(TrainError::Watched { name: set.to_owned(), known: known.join(", ") });
        };
        self.with_averages(|trainer| trainer.of_set(at))
    }

    /// Those of all sets, with their names in front.
    pub(super) fn evaluate_all(&mut self) -> Result<Values, TrainError> {
        self.sources.iter_mut().for_each(|source| source.begin());
        self.with_averages(|trainer| {
            let mut all = Values::default();
            for at in 0..trainer.sets.len() {
                let of_set = trainer.of_set(at)?;
                let set = &trainer.sets[at].name;
                all.extend(of_set.iter().map(|(name, value)| (format!("{set}_{name}"), value)));
            }
            Ok(all)
        })
    }

    /// With the averages of the weights in the model's place, if there are some.
    pub(super) fn with_averages<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let weights =
            self.average.as_ref().map(|average| (average::values(&self.model), average.values().to_vec()));
        let Some((own, averages)) = weights.filter(|(_, averages)| !averages.is_empty()) else {
            return f(self);
        };
        self.set_values(averages);
        let result = f(self);
        self.set_values(own);
        result
    }

    fn of_set(&mut self, at: usize) -> Result<Values, TrainError> {
        let data = self.sets[at].data.clone();
        let mut means = vec![Mean::default(); self.names.len() + self.metrics.len()];
        let all: Vec<usize> = (0..data.len()).collect();
        let mut tensors = vec![];
        for indices in all.chunks(self.evaluate_batch) {
            data.batch_into(indices, None, &mut tensors)?;
            let inputs = parts(std::mem::take(&mut tensors))?;
            let outputs = self.inference.run(&self.model, 0, &inputs);
            for (mean, value) in means.iter_mut().zip(self.numbers(&outputs, &inputs)) {
                mean.add(value, indices.len());
            }
            let set = &self.sets[at].name;
            let seen = Seen { step: self.state.step, set, indices, inputs: &inputs, outputs: &outputs };
            self.sources.iter_mut().for_each(|source| source.evaluating(&seen));
            tensors = Vec::from(inputs);
        }
        let names = self.value_names();
        let values = names.zip(&means).enumerate().filter_map(|(i, (name, mean))| {
            // A metric's sums of shares are whole numbers, up to what was rounded.
            let value = if i < self.names.len() { mean.value()? } else { tidy(mean.value()?) };
            Some((name.clone(), value))
        });
        Ok(values.collect())
    }

    /// The named numbers of a batch, and its metrics.
    pub(super) fn numbers(&self, outputs: &[Tensor; O], inputs: &[Tensor; N]) -> Vec<f64> {
        let named = outputs.iter().take(self.names.len()).map(Tensor::item);
        named.chain(self.metrics.iter().map(|(_, metric)| metric(outputs, inputs))).collect()
    }

    /// Whether the model is better than the best so far, and what follows if it is not.
    pub(super) fn compare(&mut self, values: &Values) -> Result<(), TrainError> {
        self.state.last = Some(values.clone());
        let Some(watched) = &self.watched else { return Ok(()) };
        let Some(value) = values.get(&watched.name) else {
            let known: Vec<&str> = values.iter().map(|(name, _)| name).collect();
            return Err(TrainError::Watched { name: watched.name.clone(), known: known.join(", ") });
        };
        let better = |best: f64| if watched.largest { value > best } else { value < best };
        let state = &mut self.state;
        if value.is_finite() && state.best.is_none_or(|(best, _)| better(best)) {
            state.best = Some((value, state.step));
            (state.waited, state.reduced.1) = (0, 0);
            self.best = match &self.average {
                Some(average) => average.values().to_vec(),
                None => average::values(&self.model),
            };
            return Ok(());
        }
        state.waited += 1;
        state.reduced.1 += 1;
        if self.patience.reduce.is_some_and(|(evaluations, _)| state.reduced.1 >= evaluations) {
            state.reduced = (state.reduced.0 + 1, 0);
        }
        Ok(())
    }

    /// The learning rate of the coming step.
    pub(super) fn rate(&self) -> f64 {
        let factor = self.patience.reduce.map_or(1.0, |(_, factor)| factor.powf(self.state.reduced.0 as f64));
        self.schedule.at(self.state.step) * factor
    }

    /// Refuses to watch what there will not be, and names that are those of two values.
    pub(super) fn check_names(&self) -> Result<(), TrainError> {
        let of_set = |set: &str| self.value_names().map(|name| format!("{set}_{name}")).collect::<Vec<_>>();
        let there = self.sets.iter().filter(|set| !set.data.is_empty());
        let known: Vec<String> = there.flat_map(|set| of_set(&set.name)).collect();
        if let Some(name) =
            known.iter().enumerate().find_map(|(i, name)| known[..i].contains(name).then_some(name))
        {
            return Err(TrainError::Names { name: name.clone() });
        }
        let Some(watched) = &self.watched else { return Ok(()) };
        if known.contains(&watched.name) {
            return Ok(());
        }
        let known = if known.is_empty() {
            "none, as no set with elements is evaluated".to_owned()
        } else {
            known.join(", ")
        };
        Err(TrainError::Watched { name: watched.name.clone(), known })
    }

    /// Values of the model's own names and shapes.
    fn set_values(&mut self, values: Vec<(String, Tensor)>) {
        for ((_, param), (_, value)) in self.model.params_mut().into_iter().zip(values) {
            param.set(value);
        }
    }
}

/// To 15 digits.
fn tidy(value: f64) -> f64 {
    format!("{value:.14e}").parse().unwrap_or(value)
}
