//! From the training loop to those who watch: a bounded channel and a thread for each.

use super::event::{Event, Observer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Events that may wait for an observer.
const WAITING: usize = 1024;
/// Events that wait when pictures begin to be dropped: the rest of the room is for numbers.
const CROWDED: usize = 64;

/// Where events for one observer are handed in.
struct Seat {
    sender: SyncSender<Arc<Event>>,
    waiting: Arc<AtomicUsize>,
}

impl Seat {
    /// Hands in an event, without waiting unless the observer is far behind; pictures are dropped long before.
    fn hand(&self, event: &Arc<Event>) {
        if event.is_picture() && self.waiting.load(Ordering::Relaxed) >= CROWDED {
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Nobody is there any more if the observer panicked, which the scope of its thread passes on.
        let _ = self.sender.send(event.clone());
    }
}

/// Does `work`, which emits events to all `observers`, each in a thread of its own, and returns when they have taken notice of
/// everything. One that is slow misses pictures, but no numbers.
pub fn broadcast<T>(observers: &mut [&mut dyn Observer], work: impl FnOnce(&mut dyn FnMut(Event)) -> T) -> T {
    thread::scope(|scope| {
        let mut seats = vec![];
        for observer in observers {
            let (sender, events) = sync_channel::<Arc<Event>>(WAITING);
            let waiting = Arc::new(AtomicUsize::new(0));
            seats.push(Seat { sender, waiting: waiting.clone() });
            scope.spawn(move || {
                for event in events {
                    observer.on_event(&event);
                    waiting.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
        // The seats go when the work is done, which ends the threads.
        work(&mut move |event| {
            let event = Arc::new(event);
            seats.iter().for_each(|seat| seat.hand(&event));
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Content, Record, Shown};
    use std::sync::mpsc::{Receiver, channel};

    #[derive(Default)]
    struct Counter {
        steps: Vec<u64>,
        pictures: usize,
        /// Waits for a word before it takes notice of anything.
        held: Option<Receiver<()>>,
    }

    impl Observer for Counter {
        fn on_event(&mut self, event: &Event) {
            if let Some(held) = self.held.take() {
                held.recv().unwrap();
            }
            match event {
                Event::Step(record) => self.steps.push(record.step),
                _ => self.pictures += 1,
            }
        }
    }

    #[test]
    fn a_slow_observer_misses_pictures_but_no_numbers() {
        let (go, held) = channel();
        let (mut quick, mut slow) = (Counter::default(), Counter { held: Some(held), ..Counter::default() });
        broadcast(&mut [&mut quick, &mut slow], |emit| {
            for step in 0..500 {
                emit(Event::Step(Record { step, ..Record::default() }));
                emit(Event::Shown(Shown {
                    panel: "text".into(), step, content: Content::Text("…".into())
                }));
            }
            // Nothing above waited for the slow one, which only now begins.
            go.send(()).unwrap();
        });
        let all: Vec<u64> = (0..500).collect();
        assert_eq!((&quick.steps, &slow.steps), (&all, &all));
        assert!((1..=CROWDED).contains(&slow.pictures), "{}", slow.pictures);
    }
}
