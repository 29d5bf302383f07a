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
    /// The model is asked something.
    Ask(Question),
}

/// Something that the model is to answer: a drawing to be read, say.
pub struct Question {
    /// What is asked, as the panel of one's own has it.
    pub body: Vec<u8>,
    /// Is given the answer in JSON, or why there is none.
    pub answer: Box<dyn FnOnce(Result<String, String>) + Send>,
    /// Gone when nobody waits for the answer any more; `None` if somebody always does.
    pub asker: Option<Weak<()>>,
}

impl Question {
    fn is_waited_for(&self) -> bool {
        self.asker.as_ref().is_none_or(|asker| asker.strong_count() > 0)
    }
}

/// The requests that the loop serves.
pub struct Control {
    requests: Receiver<Request>,
    paused: bool,
    /// Questions that wait to be answered.
    questions: VecDeque<Question>,
    /// None is answered before.
    rested: Instant,
}

/// Of the time of a training, answers take one part in so many.
const SHARE: u32 = 10;

/// What is to be done next.
pub enum Command {
    /// To be answered.
    Answer(Question),
    /// To be told to all.
    Paused(bool),
}

impl Control {
    /// The loop will serve these requests.
    pub fn new(requests: Receiver<Request>) -> Control {
        Control { requests, paused: false, questions: VecDeque::new(), rested: Instant::now() }
    }

    /// What to do before the next training step. While training is paused this waits, until `stop` is set.
    pub fn next(&mut self, stop: &AtomicBool) -> Option<Command> {
        loop {
            self.questions.retain(Question::is_waited_for);
            match self.requests.try_recv() {
                Ok(Request::Pause(paused)) => {
                    self.paused = paused;
                    return Some(Command::Paused(paused));
                }
                Ok(Request::Ask(question)) => {
                    self.questions.push_back(question);
                    if !self.may_answer() {
                        continue;
                    }
                }
                // Nobody is left who could have it go on.
                Err(TryRecvError::Disconnected) => self.paused = false,
                Err(TryRecvError::Empty) => {}
            }
            if self.may_answer()
                && let Some(question) = self.questions.pop_front()
            {
                return Some(Command::Answer(question));
            }
            if !self.paused || stop.load(Ordering::Relaxed) {
                return None;
            }
            match self.requests.recv_timeout(GLANCE) {
                Ok(Request::Ask(question)) => self.questions.push_back(question),
                Ok(Request::Pause(paused)) => {
                    self.paused = paused;
                    return Some(Command::Paused(paused));
                }
                Err(_) => {}
            }
        }
    }

    fn may_answer(&self) -> bool {
        self.paused || Instant::now() >= self.rested
    }

    /// Notes how long an answer has taken: the training goes on for several times as long before the next.
    pub fn has_answered(&mut self, took: Duration) {
        self.rested = Instant::now() + took * (SHARE - 1);
    }

    /// When training is over: the next question, until `stop` is set or nobody can ask any more.
    pub fn after(&mut self, stop: &AtomicBool) -> Option<Question> {
        while !stop.load(Ordering::Relaxed) {
            if let Some(question) = self.questions.pop_front() {
                return Some(question);
            }
            match self.requests.recv_timeout(GLANCE) {
                Ok(Request::Ask(question)) => return Some(question),
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

    fn question() -> Question {
        Question { body: vec![], answer: Box::new(|_| ()), asker: None }
    }

    #[test]
    fn a_pause_lasts_until_it_is_lifted_and_questions_are_answered_meanwhile() {
        let (sender, requests) = channel();
        let (mut control, stop) = (Control::new(requests), AtomicBool::new(false));
        assert!(control.next(&stop).is_none());
        let ask = |request| sender.send(request).unwrap();
        ask(Request::Pause(true));
        ask(Request::Ask(question()));
        ask(Request::Pause(false));
        assert!(matches!(control.next(&stop), Some(Command::Paused(true))));
        assert!(matches!(control.next(&stop), Some(Command::Answer(_))));
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
    fn many_questions_do_not_keep_the_training_from_going_on() {
        let (sender, requests) = channel();
        let (mut control, stop) = (Control::new(requests), AtomicBool::new(false));
        for _ in 0..8 {
            sender.send(Request::Ask(question())).unwrap();
        }
        assert!(matches!(control.next(&stop), Some(Command::Answer(_))));
        control.has_answered(Duration::from_secs(100));
        assert!(control.next(&stop).is_none(), "now the training is to go on");
        // A pause is heard all the same, and then there is time.
        sender.send(Request::Pause(true)).unwrap();
        assert!(matches!(control.next(&stop), Some(Command::Paused(true))));
        assert!(matches!(control.next(&stop), Some(Command::Answer(_))));
        sender.send(Request::Pause(false)).unwrap();
        assert!(matches!(control.next(&stop), Some(Command::Paused(false))));
        control.rested = Instant::now();
        assert!(matches!(control.next(&stop), Some(Command::Answer(_))));
        // After the training there is nothing else to do.
        assert!((0..5).all(|_| control.after(&stop).is_some()));
    }
}
