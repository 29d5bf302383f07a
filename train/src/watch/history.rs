//! All that a run has told so far, for those who come late.

use super::event::{Event, Observer, Start};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records and evaluations that are kept at most. Of longer runs every second, third, … is.
const KEPT: u64 = 10_000;

/// The events of a run, in the order in which they were told. Bounded however long the run is.
pub struct History {
    events: Events,
    /// The number of steps, and those between records and between evaluations.
    steps: [u64; 3],
    /// The last record, if it is not kept: the run may end with it.
    left_out: Option<Event>,
}

/// A view of a [`History`] as it grows, for other threads.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<(u64, Vec<Arc<Event>>)>>);

impl Events {
    fn list(&self) -> MutexGuard<'_, (u64, Vec<Arc<Event>>)> {
        // Whoever panicked has left whole events.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many times the history has begun anew, and all events but the first so many that were there after as many beginnings.
    pub fn after(&self, (beginnings, count): (u64, usize)) -> (u64, Vec<Arc<Event>>) {
        let list = self.list();
        let from = if beginnings == list.0 { count } else { 0 };
        (list.0, list.1.get(from..).unwrap_or_default().to_vec())
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Event>> {
        self.list().1.clone()
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
        History { events: Events::default(), steps: [0, 1, 1], left_out: None }
    }

    /// Begins anew with the events of a run that goes on; views stay views.
    pub fn go_on_after(&mut self, events: &[Arc<Event>]) {
        {
            let mut list = self.events.list();
            list.0 += 1;
            list.1.clear();
        }
        (self.steps, self.left_out) = ([0, 1, 1], None);
        events.iter().for_each(|event| self.on_event(event));
    }

    /// A view for another thread.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    fn push(&self, event: Event) {
        self.events.list().1.push(Arc::new(event));
    }

    fn keeps(&mut self, event: &Event) -> bool {
        match event {
            Event::Start(start) => {
                let Start { steps, record_every, test_every, .. } = **start;
                self.steps = [steps, record_every, test_every];
                // A run that goes on has a beginning already, perhaps of another number of steps.
                let mut list = self.events.list();
                if let Some(first) = list.1.first_mut() {
                    *first = Arc::new(event.clone());
                }
                list.1.is_empty()
            }
            Event::Step(record) => {
                let [steps, records, tests] = self.steps;
                let is_due = |every: u64| record.step.is_multiple_of(stride(steps, every, KEPT, record.step));
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

/// Steps between what is kept at `step`, of what there is every so many steps: so that there is `most` of it in all `steps`. A number of
/// steps that nobody waits for says nothing; then it doubles whenever there is too much.
pub(crate) fn stride(steps: u64, every: u64, most: u64, step: u64) -> u64 {
    const ENDLESS: u64 = 100_000_000;
    // Whatever they are: they may come from a file.
    let every = every.max(1);
    let room = every.saturating_mul(most);
    let planned = match steps {
        0..ENDLESS => steps,
        _ => {
            let mut planned = room;
            while planned <= step {
                planned = planned.saturating_mul(2);
                if planned == u64::MAX {
                    break;
                }
            }
            planned
        }
    };
    every.saturating_mul(planned.div_ceil(room).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Ending, Record, Summary, Values};
    use std::time::Duration;

    #[test]
    fn the_record_that_an_interrupted_run_ends_with_is_kept() {
        let mut history = History::new();
        history.steps = [25, 20, 100];
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
