//! All that a run has told so far, for those who come late.

use crate::event::{Event, Observer, Start};
use std::sync::Arc;
use tokio::sync::watch;

/// Records and tests that are kept at most. Of longer runs every second, third, … is.
const KEPT: u64 = 10_000;

/// The events of a run, in the order in which they were told. Bounded however long the run is.
pub(crate) struct History {
    events: watch::Sender<Vec<Arc<Event>>>,
    /// Steps between records, and between tests, that are kept.
    strides: [u64; 2],
}

/// A view of a [`History`] as it grows.
pub(crate) type Events = watch::Receiver<Vec<Arc<Event>>>;

impl History {
    pub(crate) fn new() -> History {
        History { events: watch::Sender::new(vec![]), strides: [1; 2] }
    }

    /// A view for another thread.
    pub(crate) fn events(&self) -> Events {
        self.events.subscribe()
    }

    fn keeps(&mut self, event: &Event) -> bool {
        match event {
            Event::Start(start) => {
                let Start { steps, record_every, test_every, .. } = **start;
                self.strides =
                    [record_every, test_every].map(|every| every * steps.div_ceil(every * KEPT).max(1));
                true
            }
            Event::Step(record) => {
                let [records, tests] = self.strides;
                record.step % records == 0 || record.test.is_some() && record.step % tests == 0
            }
            _ => true,
        }
    }
}

impl Observer for History {
    fn notice(&mut self, event: &Event) {
        if self.keeps(event) {
            self.events.send_modify(|events| events.push(Arc::new(event.clone())));
        }
    }
}
