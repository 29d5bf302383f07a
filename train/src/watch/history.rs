//! All that a run has told so far, for those who come late.

use crate::watch::event::{Event, Observer, Start};
use std::sync::Arc;
use tokio::sync::watch;

/// Records and tests that are kept at most. Of longer runs every second, third, … is.
const KEPT: u64 = 10_000;

/// The events of a run, in the order in which they were told. Bounded however long the run is.
pub(crate) struct History {
    events: watch::Sender<Vec<Arc<Event>>>,
    /// Steps between records, and between tests, that are kept.
    strides: [u64; 2],
    /// The last record, if it is not kept: the run may end with it.
    left_out: Option<Event>,
}

/// A view of a [`History`] as it grows.
pub(crate) type Events = watch::Receiver<Vec<Arc<Event>>>;

impl History {
    pub(crate) fn new() -> History {
        History { events: watch::Sender::new(vec![]), strides: [1; 2], left_out: None }
    }

    /// A view for another thread.
    pub(crate) fn events(&self) -> Events {
        self.events.subscribe()
    }

    fn push(&self, event: Event) {
        self.events.send_modify(|events| events.push(Arc::new(event)));
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
                self.events.borrow().is_empty()
            }
            Event::Step(record) => {
                let [records, tests] = self.strides;
                record.step % records == 0 || record.test.is_some() && record.step % tests == 0
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
    use crate::watch::event::{Ending, StepRecord, Summary};
    use std::time::Duration;

    #[test]
    fn the_record_that_an_interrupted_run_ends_with_is_kept() {
        let mut history = History::new();
        history.strides = [20, 100];
        for step in [0, 10, 20, 25] {
            let [train_loss, train_accuracy, lr] = [None; 3];
            history.on_event(&Event::Step(StepRecord {
                step,
                epoch: 1,
                train_loss,
                train_accuracy,
                lr,
                test: None,
            }));
        }
        let (ending, time) = (Ending::Interrupted, Duration::ZERO);
        history.on_event(&Event::Done(Summary {
            ending,
            steps: 25,
            time,
            last: None,
            best: None,
            cause: None,
        }));
        let events = history.events().borrow().clone();
        let steps: Vec<u64> = events
            .iter()
            .filter_map(|event| if let Event::Step(record) = &**event { Some(record.step) } else { None })
            .collect();
        assert_eq!(steps, [0, 20, 25]);
        assert!(matches!(&**events.last().unwrap(), Event::Done(_)));
    }
}
