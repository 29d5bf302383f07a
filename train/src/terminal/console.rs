//! The run in the terminal: a live line where there is one, plain lines where there is not.

use crate::digits::data::Notice;
use crate::watch::event::{Ending, Event, Observer, Start, StepRecord, Summary};
use crate::watch::status_line::StatusLine;
use std::io::Write;
use std::time::{Duration, Instant};

/// Without a terminal a line is printed at least this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// Columns of the bar that fills up.
const BAR: u64 = 24;

pub(crate) struct Console {
    quiet: bool,
    line: StatusLine,
    steps: u64,
    /// Steps that were done before.
    first: u64,
    begun: Instant,
    printed: Option<Instant>,
    last_test: String,
    /// Lines that belong below the model.
    settings: String,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Console {
        Console {
            quiet,
            line: StatusLine::new(!quiet),
            steps: 0,
            first: 0,
            begun: Instant::now(),
            printed: None,
            last_test: String::new(),
            settings: String::new(),
        }
    }

    /// Prints a line unless only results are asked for.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            print_line(line);
        }
    }

    /// Prints what was noticed about the data. A result on other digits than MNIST's must not be taken for one on MNIST:
    /// a quiet run says that too, apart from its results.
    pub(crate) fn notice_data(&self, notice: &Notice) {
        let other =
            matches!(notice, Notice::NotMnist { .. } | Notice::Emnist { .. } | Notice::Synthetic { .. });
        if self.quiet && other {
            print_error(&format!("warning: {notice}"));
        }
        self.say(&notice.to_string());
    }

    fn start(&mut self, start: &Start) {
        self.steps = start.steps;
        self.say(&format!("{}: seed {}, {} threads", start.name, start.options.seed, start.threads));
        self.say(&format!("data: {}, {} + {} images", start.source, start.images[0], start.images[1]));
        self.settings = format!(
            "{}, learning rate {}\n{} of {} images\n",
            start.optimizer,
            start.schedule,
            counted(start.steps),
            start.options.batch
        );
        self.begun = Instant::now();
    }

    fn step(&mut self, record: &StepRecord) {
        let elapsed = self.begun.elapsed().as_secs_f64();
        let rate = (record.step - self.first) as f64 / elapsed.max(1e-9);
        let left = if record.step == self.first {
            "…".to_owned()
        } else {
            let seconds = (self.steps - record.step) as f64 / rate;
            humantime::format_duration(Duration::from_secs(seconds.ceil() as u64)).to_string()
        };
        let train = match (record.train_loss, record.train_accuracy, record.lr) {
            (Some(loss), Some(accuracy), Some(lr)) => {
                format!("loss {}  accuracy {accuracy:.2}  lr {lr:.5}", loss_text(loss))
            }
            _ => "untrained".into(),
        };
        if let Some(test) = &record.test {
            self.last_test = format!("test {:.4}", test.accuracy);
            let line = format!(
                "step {:>5}  epoch {:>2}  {train}  test loss {}  test accuracy {:.4}",
                record.step,
                record.epoch,
                loss_text(test.loss),
                test.accuracy
            );
            self.say(&line);
            self.printed = Some(Instant::now());
        } else if !self.line.is_shown() && self.printed.is_none_or(|at| at.elapsed() >= PLAIN_INTERVAL) {
            self.say(&format!(
                "step {:>5}  epoch {:>2}  {train}  {rate:.0} steps/s, {left} left",
                record.step, record.epoch
            ));
            self.printed = Some(Instant::now());
        }
        let filled = (BAR * record.step / self.steps.max(1)) as usize;
        self.line.draw(|| {
            format!(
                "{}{} {}/{}  {rate:.0} steps/s, {left} left  {train}  {}",
                "━".repeat(filled),
                "─".repeat(BAR as usize - filled),
                record.step,
                self.steps,
                self.last_test
            )
        });
    }

    fn done(&mut self, summary: &Summary) {
        self.line.clear();
        // A short run took so many milliseconds; of a long one they say nothing.
        let millis = summary.time.as_millis() as u64;
        let time = Duration::from_millis(if millis < 10_000 { millis } else { millis / 1000 * 1000 });
        let time = humantime::format_duration(time);
        let ending = match summary.ending {
            Ending::Finished => "Training has finished",
            Ending::Interrupted => "Training was interrupted",
            Ending::Diverged => {
                "Training has failed: the loss is not a number any more (try another seed, or report it)"
            }
        };
        print_line(&format!("\n{ending}: {} in {time}.", counted(summary.steps)));
        if let Some(last) = summary.last {
            print_line(&format!("final test accuracy: {:.4}", last.accuracy));
        }
        if let Some(best) = summary.best {
            print_line(&format!("max test accuracy: {best:.4}"));
        }
    }
}

fn counted(steps: u64) -> String {
    format!("{steps} {}", if steps == 1 { "step" } else { "steps" })
}

/// Four digits, however large: before batch normalisation has averages, losses are astronomical.
fn loss_text(loss: f64) -> String {
    if loss < 1000.0 { format!("{loss:.4}") } else { format!("{loss:.0e}") }
}

/// As `println!`, but a reader that has gone away (`… | head`) is no reason to stop training.
pub fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// As `eprintln!`, for a message that nobody may be there to read, just so.
pub fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Observer for Console {
    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Start(start) => self.start(start),
            Event::Model(view) => self.say(&format!("\n{}{}", view.table, self.settings)),
            Event::Resumed(steps) => {
                self.first = *steps;
                self.say(&format!("the run goes on after {}", counted(*steps)));
            }
            Event::Paused(true) => self.say("training pauses; the page can have it go on"),
            Event::Paused(false) => self.say("training goes on"),
            Event::Step(record) => self.step(record),
            // The files that are there in the end are named below the results.
            Event::Checkpoint(checkpoint) if checkpoint.step < self.steps => {
                self.say(&format!("step {:>5}  model saved to {}", checkpoint.step, checkpoint.file));
            }
            Event::Done(summary) => self.done(summary),
            Event::Checkpoint(_)
            | Event::Flush(_)
            | Event::Histograms(_)
            | Event::TrainingDigits(_)
            | Event::TestDigits(_) => {}
        }
    }
}
