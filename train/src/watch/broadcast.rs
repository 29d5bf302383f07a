//! From the training loop to those who watch: a bounded channel and a thread for each.

use super::event::{Event, Observer};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};

/// Events that may wait for an observer.
const WAITING: usize = 1024;
/// Events that wait when pictures begin to be dropped: the rest of the room is for numbers.
const CROWDED: usize = 64;

/// Where events for one observer are handed in.
enum Seat<'a> {
    Thread {
        sender: SyncSender<Arc<Event>>,
        waiting: Arc<AtomicUsize>,
    },
    /// There is no thread to be had: the loop waits for this one.
    Loop(Box<dyn Fn(&Event) + 'a>),
}

/// Tells an observer, which its thread has to itself, or the loop.
fn notice(observer: &Mutex<&mut &mut dyn Observer>, event: &Event) {
    observer.lock().unwrap_or_else(PoisonError::into_inner).on_event(event);
}

impl Seat<'_> {
    /// Hands in an event, without waiting unless the observer is far behind; pictures are dropped long before.
    fn hand(&self, event: &Arc<Event>) {
        match self {
            Seat::Loop(notice) => notice(event),
            Seat::Thread { waiting, .. }
                if event.is_picture() && waiting.load(Ordering::Relaxed) >= CROWDED => {}
            Seat::Thread { sender, waiting } => {
                waiting.fetch_add(1, Ordering::Relaxed);
                // Nobody is there any more if the observer panicked, which the scope of its thread passes on.
                let _ = sender.send(event.clone());
            }
        }
    }
}

/// Does `work`, which emits events to all `observers`, each in a thread of its own if there is one to be had, and returns when they have
/// taken notice of everything. One that is slow misses pictures, but no numbers.
pub fn broadcast<T>(observers: &mut [&mut dyn Observer], work: impl FnOnce(&mut dyn FnMut(Event)) -> T) -> T {
    broadcast_from(observers, work, |_| Builder::new())
}

/// `thread` is what the thread of an observer, by its number, is started with.
fn broadcast_from<T>(
    observers: &mut [&mut dyn Observer],
    work: impl FnOnce(&mut dyn FnMut(Event)) -> T,
    thread: impl Fn(usize) -> Builder,
) -> T {
    let observers: Vec<_> = observers.iter_mut().map(Mutex::new).collect();
    thread::scope(|scope| {
        let mut seats = vec![];
        for (i, observer) in observers.iter().enumerate() {
            let (sender, events) = sync_channel::<Arc<Event>>(WAITING);
            let waiting = Arc::new(AtomicUsize::new(0));
            let seat = Seat::Thread { sender, waiting: waiting.clone() };
            let started = thread(i).spawn_scoped(scope, move || {
                for event in events {
                    notice(observer, &event);
                    waiting.fetch_sub(1, Ordering::Relaxed);
                }
            });
            seats.push(match started {
                Ok(_) => seat,
                Err(_) => Seat::Loop(Box::new(|event| notice(observer, event))),
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

    #[test]
    fn where_there_is_no_thread_the_loop_tells_the_observer_itself() {
        let (mut with, mut without) = (Counter::default(), Counter::default());
        // No system has memory for such a stack.
        let builder = |i| if i == 0 { Builder::new() } else { Builder::new().stack_size(1 << 60) };
        let work = |emit: &mut dyn FnMut(Event)| {
            (0..9).for_each(|step| emit(Event::Step(Record { step, ..Record::default() })));
        };
        broadcast_from(&mut [&mut with, &mut without], work, builder);
        assert_eq!((with.steps.len(), &with.steps), (9, &without.steps));
    }
}
