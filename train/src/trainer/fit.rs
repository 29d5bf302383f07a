//! The loop.

use super::progress::{DataId, Progress};
use super::saving::{Params, ToSave};
use super::settings::{Place, Trainer};
use super::step::Failure;
use super::{Report, TrainError};
use crate::watch::{Ending, Event, Observer, Record, Summary, Values, broadcast};
use crate::{Dataset, Loaded, Loader};
use nn::Module;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How a pass through the loop ended.
struct Ended {
    ending: Ending,
    failure: Option<Failure>,
}

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// Trains up to so many steps in all, those before included; less if it is asked to stop, or waits for progress in vain.
    ///
    /// # Errors
    /// If data cannot be read or the loss is no number any more; and, once the training is done, if something that was asked for could not
    /// be written.
    ///
    /// # Panics
    /// As the step does.
    pub fn fit<D: Dataset + 'static>(
        &mut self,
        loader: &mut Loader<D>,
        steps: u64,
    ) -> Result<Report, TrainError> {
        self.check_names()?;
        if let Some((state, best)) = self.unevaluated.take() {
            (self.state, self.best) = (Progress { time: self.state.time, ..state }, best);
        }
        self.state.data = DataId::of(loader)?;
        self.state.identity = self.identity();
        self.summary = None;
        if let Some(average) = &mut self.average {
            average.begin(&self.model);
        }
        self.open_folder()?;
        #[cfg(feature = "movie")]
        self.check_movie()?;
        let (start, first) = (self.start(loader, steps), self.state.step);
        let beginning = match first {
            0 => self.view_of_model(loader)?.map(Event::Model),
            _ => Some(Event::Resumed(first)),
        };
        if let Some(history) = self.history.as_mut().filter(|_| first > 0) {
            let events = history.events().all();
            let before: Vec<_> = events.into_iter().filter(|event| event.is_before(first)).collect();
            history.go_on_after(&before);
        }
        self.is_watched = !self.is_alone();
        let (mut observers, mut history) = (std::mem::take(&mut self.observers), self.history.take());
        let mut place = std::mem::replace(&mut self.place, Place::Nowhere);
        let mut all: Vec<&mut dyn Observer> = vec![];
        if let Place::Opened(folder) = &mut place {
            all.push(&mut **folder);
        }
        all.extend(observers.iter_mut().map(|observer| &mut **observer as &mut dyn Observer));
        all.extend(history.as_mut().map(|history| history as &mut dyn Observer));
        let ended = broadcast(&mut all, |emit| {
            emit(Event::Start(Box::new(start)));
            beginning.into_iter().for_each(&mut *emit);
            let ended = self.run(loader, steps, emit);
            if let Err(error) = &ended {
                // Nobody is to wait for more.
                emit(Event::Done(self.summary_of(Ending::Interrupted, Some(error.to_string()))));
            }
            ended
        });
        (self.observers, self.history, self.place) = (observers, history, place);
        let ended = ended?;
        self.keep_pictures();
        self.conclude(ended)
    }

    /// What the last [`fit`](Trainer::fit) ended with.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    fn run<D: Dataset + 'static>(
        &mut self,
        loader: &mut Loader<D>,
        steps: u64,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Ended, TrainError> {
        let (first, begun, before) = (self.state.step, Instant::now(), self.state.time);
        let mut loaded = Loaded::default();
        self.planned =
            if self.patience.end.is_some() || self.time_limit.is_some() { u64::MAX } else { steps };
        self.saving.begin();
        if first == 0 {
            // From the first moment on there is something to go on from.
            self.state.position = loader.position();
            self.save_beginning(emit);
        }
        let mut over = self.ending(first, steps, begun.elapsed());
        let ended = loop {
            if over.is_none() {
                self.serve(emit);
                over = self.ending(self.state.step, steps, begun.elapsed());
            }
            let step = self.state.step;
            (self.state.position, self.state.time) = (loader.position(), before + begun.elapsed());
            let save_due = over.is_some() || step > first && self.saving.is_due(step);
            let evaluation_due =
                !self.sets.is_empty() && (over.is_some() || step.is_multiple_of(self.evaluate_every));
            // A run that goes on from here evaluates the model again, if a run without a break would have.
            let unevaluated = (save_due || evaluation_due).then(|| (self.state.clone(), self.best.clone()));
            let evaluated = if evaluation_due { Some(self.evaluate_all()?) } else { None };
            if let Some(values) = &evaluated {
                self.compare(values)?;
                if self.patience.end.is_some_and(|patience| self.state.waited >= patience) {
                    over = over.or(Some(Ending::NoProgress));
                }
            }
            if self.shows_at(step, over.is_some(), evaluation_due) {
                self.show_evaluated(emit);
            }
            let failure = self.failed_set(evaluated.as_ref());
            let failure = failure.or_else(|| save_due.then(|| self.failed_parameter()).flatten());
            if over.is_some() || failure.is_some() {
                self.tell(evaluated.clone(), emit);
            }
            if failure.is_some() {
                // A model of no numbers is not worth a file that has an earlier one.
                self.save_best();
                break Ended { ending: Ending::Diverged, failure };
            }
            if let Some((state, best)) = unevaluated.as_ref().filter(|_| over.is_some() || save_due) {
                self.save(state, best, emit);
            }
            if let Some(ending) = over {
                self.unevaluated = unevaluated;
                self.save_best();
                self.saving.last(&self.model, step, emit);
                break Ended { ending, failure: None };
            }
            let due = evaluated.is_some() || step.is_multiple_of(self.record_every);
            let trained = self.train(loader, &mut loaded, self.pictures_at(step), due, emit)?;
            over = self.ending(step + 1, steps, begun.elapsed());
            // Counting what was recognised takes time, so only what is told is counted.
            if due || over.is_some() {
                self.state.outcome = Some(self.outcome(&trained));
            }
            if due {
                self.tell(evaluated, emit);
            }
            if trained.failure.is_some() {
                self.save_best();
                break Ended { ending: Ending::Diverged, failure: trained.failure };
            }
            self.state.step += 1;
        };
        self.state.time = before + begun.elapsed();
        let cause = ended.failure.as_ref().and_then(|failure| failure.found.clone());
        let summary = self.summary_of(ended.ending, cause);
        emit(Event::Done(summary.clone()));
        self.summary = Some(summary);
        Ok(ended)
    }

    fn summary_of(&self, ending: Ending, cause: Option<String>) -> Summary {
        let best = self.watched.as_ref().and_then(|watched| Some((watched.best(), self.state.best?.0)));
        let (steps, time, last) = (self.state.step, self.state.time, self.state.last.clone());
        Summary { ending, steps, time, last, cause, best: Values::from_iter(best) }
    }

    /// Why the training is over after so many steps, if it is.
    fn ending(&self, step: u64, steps: u64, time: Duration) -> Option<Ending> {
        if step >= steps {
            return Some(Ending::Finished);
        }
        let is_late = self.time_limit.is_some_and(|limit| time >= limit);
        (is_late || self.stop.load(Ordering::Relaxed)).then_some(Ending::Interrupted)
    }

    /// Tells of the model as it is: the numbers of the last step that was recorded, and those of the sets.
    fn tell(&mut self, evaluated: Option<Values>, emit: &mut dyn FnMut(Event)) {
        let outcome = self.state.outcome.clone().unwrap_or_default();
        let mut values = outcome.values;
        values.extend(evaluated.iter().flat_map(Values::iter));
        let record = Record { step: self.state.step, epoch: outcome.epoch.max(1), values };
        (self.on_record)(&record);
        emit(Event::Step(record));
    }

    fn save_beginning(&mut self, emit: &mut dyn FnMut(Event)) {
        let average = self.average.as_ref().map_or(&[][..], |average| average.values());
        let (model, optimizer, progress, best) = (&self.model, &*self.optimizer, &self.state, &self.best);
        self.saving.checkpoint(&ToSave { model, optimizer, progress, best, average }, emit);
    }

    fn save(&mut self, progress: &Progress, best: &Params, emit: &mut dyn FnMut(Event)) {
        let average = self.average.as_ref().map_or(&[][..], |average| average.values());
        let (model, optimizer) = (&self.model, &*self.optimizer);
        self.saving.keep(&ToSave { model, optimizer, progress, best, average }, emit);
    }

    fn save_best(&mut self) {
        if let (Some(best), Some(watched)) = (self.state.best, &self.watched) {
            self.saving.save_best(&self.best, best, &watched.name);
        }
    }

    /// What the training came to, or what of it is not there.
    fn conclude(&mut self, ended: Ended) -> Result<Report, TrainError> {
        if let Some(Failure { what, value, found }) = ended.failure {
            return Err(TrainError::Diverged { step: self.state.step, what, value, found });
        }
        #[cfg(feature = "movie")]
        self.write_movie()?;
        if let Some(error) = self.saving.failed() {
            return Err(error.into());
        }
        if let Place::Opened(folder) = &self.place
            && let Some(what) = folder.failed()
        {
            return Err(TrainError::Incomplete(what.to_owned()));
        }
        let (steps, time, best) = (self.state.step, self.state.time, self.state.best);
        Ok(Report { ending: ended.ending, steps, time, best })
    }
}
