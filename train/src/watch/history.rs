//! All that a run has told so far, for those who come late.

use super::event::{Event, Observer, Start};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records and evaluations that are kept at most. Of longer runs every second, third, … is.
const KEPT: u64 = 10_000;

/// The events of a run, in the order in which they were told. Bounded however long the run is.
pub struct History {
    events: Events,
    /// Steps between records, and between evaluations, that are kept.
    strides: [u64; 2],
    /// The last record, if it is not kept: the run may end with it.
    left_out: Option<Event>,
}

/// A view of a [`History`] as it grows, for other threads.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Arc<Event>>>>);

impl Events {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Event>>> {
        // Whoever panicked has left whole events.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All but the first so many.
    pub fn after(&self, count: usize) -> Vec<Arc<Event>> {
        self.list().get(count..).unwrap_or_default().to_vec()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Event>> {
        self.after(0)
    }
}

impl Default for History {
    fn default() -> History {
        History::new()
    }
}

impl History {
    /// Of a run that has not begun.
    pub fn new() -> History {
        History { events: Events::default(), strides: [1; 2], left_out: None }
    }

    /// Begins anew with the events of a run that goes on; views stay views.
    pub fn go_on_after(&mut self, events: &[Arc<Event>]) {
        self.events.list().clear();
        (self.strides, self.left_out) = ([1; 2], None);
        events.iter().for_each(|event| self.on_event(event));
    }

    /// A view for another thread.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    fn push(&self, event: Event) {
        self.events.list().push(Arc::new(event));
    }

    fn keeps(&mut self, event: &Event) -> bool {
        match event {
            Event::Start(start) => {
                let Start { steps, record_every, test_every, .. } = **start;
                // Whatever they are: they may come from a file.
                self.strides = [record_every, test_every].map(|every| {
                    let every = every.max(1);
                    every.saturating_mul(steps.div_ceil(every.saturating_mul(KEPT)).max(1))
                });
                // A run that goes on has its beginning already.
                self.events.list().is_empty()
            }
            Event::Step(record) => {
                let [records, tests] = self.strides;
                let is_due = |every: u64| record.step.is_multiple_of(every);
                is_due(records) || is_due(tests) && !record.evaluated().is_empty()
            }
            Event::Resumed(_) | Event::Flush(_) => false,
            _ => true,
        }
    }
}

impl Observer for History {
    fn on_event(&mut self, event: &Event) {
        if matches!(event, Event::Done(_)) {
            self.left_out.take().into_iter().for_each(|record| self.push(record));
        }
        let keeps = self.keeps(event);
        if let Event::Step(_) = event {
            self.left_out = (!keeps).then(|| event.clone());
        }
        if keeps {
            self.push(event.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Ending, Record, Summary, Values};
    use std::time::Duration;

    #[test]
    fn the_record_that_an_interrupted_run_ends_with_is_kept() {
        let mut history = History::new();
        history.strides = [20, 100];
        for step in [0, 10, 20, 25] {
            history.on_event(&Event::Step(Record { step, ..Record::default() }));
        }
        let (ending, time) = (Ending::Interrupted, Duration::ZERO);
        let (last, cause, best) = (None, None, Values::default());
        history.on_event(&Event::Done(Summary { ending, steps: 25, time, last, cause, best }));
        let events = history.events().all();
        let steps: Vec<u64> = events
            .iter()
            .filter_map(|event| if let Event::Step(record) = &**event { Some(record.step) } else { None })
            .collect();
        assert_eq!(steps, [0, 20, 25]);
        assert!(matches!(&**events.last().unwrap(), Event::Done(_)));
    }
}
