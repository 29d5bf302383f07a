//! What those who watch may ask of the training loop, which answers between two steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

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
}

/// The requests that the loop serves.
pub struct Control {
    requests: Receiver<Request>,
    paused: bool,
}

/// What is to be done next.
pub(crate) enum Command {
    Read(Drawing),
    /// To be told to all.
    Paused(bool),
}

impl Control {
    /// The loop will serve these requests.
    pub fn new(requests: Receiver<Request>) -> Control {
        Control { requests, paused: false }
    }

    /// What to do before the next training step. While training is paused this waits, until `stop` is set.
    pub(crate) fn next(&mut self, stop: &AtomicBool) -> Option<Command> {
        loop {
            if !self.paused {
                match self.requests.try_recv() {
                    Ok(request) => return Some(self.command(request)),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
                }
            }
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            match self.requests.recv_timeout(GLANCE) {
                Ok(request) => return Some(self.command(request)),
                Err(RecvTimeoutError::Timeout) => {}
                // Nobody is left who could have it go on.
                Err(RecvTimeoutError::Disconnected) => self.paused = false,
            }
        }
    }

    /// When training is over: the next digit to read, until `stop` is set or nobody can ask any more.
    pub(crate) fn after(&mut self, stop: &AtomicBool) -> Option<Drawing> {
        while !stop.load(Ordering::Relaxed) {
            match self.requests.recv_timeout(GLANCE) {
                Ok(Request::Read(drawing)) => return Some(drawing),
                Ok(Request::Pause(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    fn command(&mut self, request: Request) -> Command {
        match request {
            Request::Pause(paused) => {
                self.paused = paused;
                Command::Paused(paused)
            }
            Request::Read(drawing) => Command::Read(drawing),
        }
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
        ask(Request::Read(Drawing { pixels: vec![0; 784], answer: Box::new(|_| ()) }));
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
}
