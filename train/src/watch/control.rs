//! What those who watch may ask of the training loop, which answers between two steps.

use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// How soon a paused loop notices Ctrl-C.
const GLANCE: Duration = Duration::from_millis(50);

/// A command of somebody who watches.
pub enum Request {
    /// Training is to pause, or to go on.
    Pause(bool),
    /// What is this digit?
    Read(Drawing),
}

/// A digit to read.
pub struct Drawing {
    /// 784 grey values in the way of MNIST.
    pub pixels: Vec<u8>,
    /// Is given the probabilities of the ten digits.
    pub answer: Box<dyn FnOnce([f32; 10]) + Send>,
    /// Gone when nobody waits for the answer any more; `None` if somebody always does.
    pub asker: Option<Weak<()>>,
}

impl Drawing {
    fn is_waited_for(&self) -> bool {
        self.asker.as_ref().is_none_or(|asker| asker.strong_count() > 0)
    }
}

/// The requests that the loop serves.
pub struct Control {
    requests: Receiver<Request>,
    paused: bool,
    /// Digits that wait to be read.
    drawings: VecDeque<Drawing>,
    /// No digit is read before.
    rested: Instant,
}

/// Of the time of a training, reading digits takes one part in so many.
const SHARE: u32 = 10;

/// What is to be done next.
pub(crate) enum Command {
    Read(Drawing),
    /// To be told to all.
    Paused(bool),
}

impl Control {
    /// The loop will serve these requests.
    pub fn new(requests: Receiver<Request>) -> Control {
        Control { requests, paused: false, drawings: VecDeque::new(), rested: Instant::now() }
    }

    /// What to do before the next training step. While training is paused this waits, until `stop` is set.
    pub(crate) fn next(&mut self, stop: &AtomicBool) -> Option<Command> {
        loop {
            self.drawings.retain(Drawing::is_waited_for);
            match self.requests.try_recv() {
                Ok(Request::Pause(paused)) => {
                    self.paused = paused;
                    return Some(Command::Paused(paused));
                }
                Ok(Request::Read(drawing)) => {
                    self.drawings.push_back(drawing);
                    if !self.may_read() {
                        continue;
                    }
                }
                // Nobody is left who could have it go on.
                Err(TryRecvError::Disconnected) => self.paused = false,
                Err(TryRecvError::Empty) => {}
            }
            if self.may_read()
                && let Some(drawing) = self.drawings.pop_front()
            {
                return Some(Command::Read(drawing));
            }
            if !self.paused || stop.load(Ordering::Relaxed) {
                return None;
            }
            match self.requests.recv_timeout(GLANCE) {
                Ok(Request::Read(drawing)) => self.drawings.push_back(drawing),
                Ok(Request::Pause(paused)) => {
                    self.paused = paused;
                    return Some(Command::Paused(paused));
                }
                Err(_) => {}
            }
        }
    }

    fn may_read(&self) -> bool {
        self.paused || Instant::now() >= self.rested
    }

    /// Notes how long the reading of a digit has taken: the training goes on for several times as long before the next.
    pub(crate) fn has_read(&mut self, took: Duration) {
        self.rested = Instant::now() + took * (SHARE - 1);
    }

    /// When training is over: the next digit to read, until `stop` is set or nobody can ask any more.
    pub(crate) fn after(&mut self, stop: &AtomicBool) -> Option<Drawing> {
        while !stop.load(Ordering::Relaxed) {
            if let Some(drawing) = self.drawings.pop_front() {
                return Some(drawing);
            }
            match self.requests.recv_timeout(GLANCE) {
                Ok(Request::Read(drawing)) => return Some(drawing),
                Ok(Request::Pause(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_pause_lasts_until_it_is_lifted_and_digits_are_read_meanwhile() {
        let (sender, requests) = channel();
        let (mut control, stop) = (Control::new(requests), AtomicBool::new(false));
        assert!(control.next(&stop).is_none());
        let ask = |request| sender.send(request).unwrap();
        ask(Request::Pause(true));
        ask(Request::Read(Drawing { pixels: vec![0; 784], answer: Box::new(|_| ()), asker: None }));
        ask(Request::Pause(false));
        assert!(matches!(control.next(&stop), Some(Command::Paused(true))));
        assert!(matches!(control.next(&stop), Some(Command::Read(_))));
        assert!(matches!(control.next(&stop), Some(Command::Paused(false))));
        assert!(control.next(&stop).is_none());
        ask(Request::Pause(true));
        control.next(&stop);
        stop.store(true, Ordering::Relaxed);
        assert!(control.next(&stop).is_none(), "Ctrl-C ends a pause");
        stop.store(false, Ordering::Relaxed);
        drop(sender);
        assert!(control.next(&stop).is_none(), "as does the end of all who could lift it");
    }

    #[test]
    fn many_drawings_do_not_keep_the_training_from_going_on() {
        let (sender, requests) = channel();
        let (mut control, stop) = (Control::new(requests), AtomicBool::new(false));
        for _ in 0..8 {
            sender
                .send(Request::Read(Drawing { pixels: vec![0; 784], answer: Box::new(|_| ()), asker: None }))
                .unwrap();
        }
        assert!(matches!(control.next(&stop), Some(Command::Read(_))));
        control.has_read(Duration::from_secs(100));
        assert!(control.next(&stop).is_none(), "now the training is to go on");
        // A pause is heard all the same, and then there is time.
        sender.send(Request::Pause(true)).unwrap();
        assert!(matches!(control.next(&stop), Some(Command::Paused(true))));
        assert!(matches!(control.next(&stop), Some(Command::Read(_))));
        sender.send(Request::Pause(false)).unwrap();
        assert!(matches!(control.next(&stop), Some(Command::Paused(false))));
        control.rested = Instant::now();
        assert!(matches!(control.next(&stop), Some(Command::Read(_))));
        // After the training there is nothing else to do.
        assert!((0..5).all(|_| control.after(&stop).is_some()));
    }
}
