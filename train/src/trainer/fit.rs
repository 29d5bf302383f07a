//! The loop.

use super::average;
use super::progress::DataId;
use super::settings::Trainer;
use super::{Record, Report, Stop, TrainError};
use crate::metrics::Mean;
use crate::{Dataset, Loader};
use nn::{Grads, Module, Tensor};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Checkpoints are so old at most, unless steps are given.
const INTERVAL: Duration = Duration::from_secs(60);

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Trains up to so many steps in all, those before included; less if it is asked to stop, or waits for progress in vain.
    ///
    /// # Errors
    /// If data cannot be read, a file not be written, or the loss is no number any more.
    ///
    /// # Panics
    /// As the step does.
    pub fn fit<D: Dataset + 'static>(
        &mut self,
        loader: &mut Loader<D>,
        steps: u64,
    ) -> Result<Report, TrainError> {
        self.check_watched()?;
        self.state.data = DataId::of(loader)?;
        if let Some(average) = &mut self.average {
            average.begin(&self.model);
        }
        self.open_folder()?;
        let (begun, before, first) = (Instant::now(), self.state.time, self.state.step);
        let mut saved = Instant::now();
        let stop = loop {
            let step = self.state.step;
            self.state.position = loader.position();
            self.state.time = before + begun.elapsed();
            let ending = self.ending(steps, begun.elapsed());
            let due = match self.checkpoint_every {
                Some(every) => step.is_multiple_of(every),
                None => saved.elapsed() >= INTERVAL,
            };
            if step > first && due && ending.is_none() {
                self.save()?;
                saved = Instant::now();
            }
            if let Some(stop) = ending {
                break stop;
            }
            self.train(loader)?;
        };
        if self.state.step > first {
            self.save()?;
        }
        Ok(Report { stop, steps: self.state.step, time: self.state.time, best: self.state.best })
    }

    /// Refuses to watch what there will not be.
    fn check_watched(&self) -> Result<(), TrainError> {
        let Some(watched) = &self.watched else { return Ok(()) };
        let sets = self.sets.iter().map(|set| set.name.as_str());
        let sets: Vec<&str> = if self.sets.is_empty() { vec![] } else { sets.chain(["train"]).collect() };
        let known = sets.iter().flat_map(|set| self.names.iter().map(move |name| format!("{set}_{name}")));
        let known: Vec<String> = known.collect();
        if known.contains(&watched.name) {
            return Ok(());
        }
        let known =
            if known.is_empty() { "none, as no set is evaluated".to_owned() } else { known.join(", ") };
        Err(TrainError::Watched { name: watched.name.clone(), known })
    }

    fn ending(&self, steps: u64, time: Duration) -> Option<Stop> {
        let waited = |patience| self.state.waited >= patience;
        if self.state.step >= steps {
            Some(Stop::Finished)
        } else if self.watched.as_ref().and_then(|watched| watched.patience).is_some_and(waited) {
            Some(Stop::NoProgress)
        } else if self.stop.load(Ordering::Relaxed) || self.time_limit.is_some_and(|limit| time >= limit) {
            Some(Stop::Interrupted)
        } else {
            None
        }
    }

    /// One step, and what is to be told of it: the numbers of its batches, and of the model after it where it is evaluated.
    fn train<D: Dataset + 'static>(&mut self, loader: &mut Loader<D>) -> Result<(), TrainError> {
        let step = self.state.step;
        let lr = self.schedule.at(step);
        let mut means = [Mean::default(); O];
        let (mut sum, mut elements, mut epoch) = (Grads::default(), 0, 0);
        for _ in 0..self.accumulate {
            let loaded = loader.next()?;
            let (n, parts) = (loaded.indices.len(), parts(loaded.tensors)?);
            let values = self.training.run(&self.model, self.state.batch, &parts);
            let loss = values[0].item();
            if !loss.is_finite() {
                let found = self.training.find_nan(&self.model, self.state.batch, &parts);
                let found = found.unwrap_or_else(|| {
                    "No operation made it of finite numbers: look for infinities in the data".to_owned()
                });
                return Err(TrainError::Diverged { step, what: "the loss", loss, found });
            }
            self.state.batch += 1;
            for (mean, value) in means.iter_mut().zip(&values) {
                mean.add(value.item(), n);
            }
            (elements, epoch) = (elements + n, loaded.epoch);
            if self.accumulate > 1 {
                self.training.grads_mut().scale(n as f64);
                sum.accumulate(self.training.grads());
            }
        }
        let grads = match self.accumulate {
            1 => self.training.grads_mut(),
            _ => {
                sum.scale(1.0 / elements as f64);
                &mut sum
            }
        };
        // A weight that has become NaN stays so.
        let norm = optim::clip_norm(grads, self.clip_norm.unwrap_or(f64::INFINITY));
        if !norm.is_finite() {
            let found = "The loss is a number: debug_nans says which gradient is none".to_owned();
            return Err(TrainError::Diverged { step, what: "the norm of the gradients", loss: norm, found });
        }
        self.optimizer.step(&mut self.model, grads, lr);
        self.state.step += 1;
        if let Some(average) = &mut self.average {
            average.update(&self.model);
        }
        let is_evaluated = !self.sets.is_empty() && self.state.step.is_multiple_of(self.evaluate_every);
        if !is_evaluated && !step.is_multiple_of(self.record_every) {
            return Ok(());
        }
        let named = self.names.iter().zip(means);
        let mut values: BTreeMap<String, f64> =
            named.filter_map(|(name, mean)| Some((format!("train_{name}"), mean.value()?))).collect();
        if is_evaluated {
            for i in 0..self.sets.len() {
                let set = self.sets[i].name.clone();
                let of_set = self.evaluated(&set)?;
                values.extend(of_set.into_iter().map(|(name, value)| (format!("{set}_{name}"), value)));
            }
            self.compare(&values)?;
        }
        let record = Record { step, epoch: epoch + 1, lr, values };
        (self.on_record)(&record);
        self.write(|metrics| metrics.append(&record))
    }

    /// Whether the model is better than the best so far.
    fn compare(&mut self, values: &BTreeMap<String, f64>) -> Result<(), TrainError> {
        let Some(watched) = &self.watched else { return Ok(()) };
        let Some(&value) = values.get(&watched.name) else {
            let known: Vec<&str> = values.keys().map(String::as_str).collect();
            return Err(TrainError::Watched { name: watched.name.clone(), known: known.join(", ") });
        };
        let better = |best: f64| if watched.largest { value > best } else { value < best };
        if value.is_finite() && self.state.best.is_none_or(|(best, _)| better(best)) {
            self.state.best = Some((value, self.state.step));
            self.state.waited = 0;
            self.best = match &self.average {
                Some(average) => average.values().to_vec(),
                None => average::values(&self.model),
            };
        } else {
            self.state.waited += 1;
        }
        Ok(())
    }

    /// The mean values over all elements of the set of this name, of the model as it is, or of its averages if there are some; every
    /// element counts alike, whatever the batches.
    ///
    /// # Errors
    /// If there is no such set, or its data cannot be read.
    pub fn evaluated(&mut self, set: &str) -> Result<BTreeMap<String, f64>, TrainError> {
        let Some(at) = self.sets.iter().position(|known| known.name == set) else {
            let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
            return Err(TrainError::Watched { name: set.to_owned(), known: known.join(", ") });
        };
        let weights =
            self.average.as_ref().map(|average| (average::values(&self.model), average.values().to_vec()));
        if let Some((_, averages)) = &weights {
            self.set_values(averages.clone());
        }
        let means = self.means(at);
        if let Some((own, _)) = weights {
            self.set_values(own);
        }
        let named = self.names.iter().zip(means?);
        Ok(named.filter_map(|(name, mean)| Some((name.clone(), mean.value()?))).collect())
    }

    fn means(&mut self, set: usize) -> Result<[Mean; O], TrainError> {
        let (data, batch) = (self.sets[set].data.clone(), self.sets[set].batch);
        let mut means = [Mean::default(); O];
        let all: Vec<usize> = (0..data.len()).collect();
        for indices in all.chunks(batch) {
            let values = self.inference.run(&self.model, 0, &parts(data.batch(indices)?)?);
            for (mean, value) in means.iter_mut().zip(&values) {
                mean.add(value.item(), indices.len());
            }
        }
        Ok(means)
    }

    /// Values of the model's own names and shapes.
    fn set_values(&mut self, values: Vec<(String, Tensor)>) {
        for ((_, param), (_, value)) in self.model.params_mut().into_iter().zip(values) {
            param.set(value);
        }
    }
}

/// The parts of a batch as inputs of the step.
fn parts<const N: usize>(tensors: Vec<Tensor>) -> Result<[Tensor; N], TrainError> {
    tensors.try_into().map_err(|tensors: Vec<Tensor>| TrainError::Parts { found: tensors.len(), expected: N })
}
