//! The run in the terminal: a live line where there is one, plain lines where there is not.

use crate::data::Notice;
use crate::event::{Ending, Event, Observer, Start, StepRecord, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Without a terminal a line is printed at least this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

pub(crate) struct Console {
    quiet: bool,
    bar: ProgressBar,
    live: bool,
    steps: u64,
    begun: Instant,
    printed: Option<Instant>,
    last_test: String,
    /// Lines that belong below the model.
    settings: String,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Console {
        let live = !quiet && std::io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        Console {
            quiet,
            bar,
            live,
            steps: 0,
            begun: Instant::now(),
            printed: None,
            last_test: String::new(),
            settings: String::new(),
        }
    }

    /// Prints a line above the live one.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| print_line(line));
        }
    }

    /// Prints what was noticed about the data. A result on other digits than MNIST's must not be taken for one on MNIST:
    /// a quiet run says that too, apart from its results.
    pub(crate) fn notice_data(&self, notice: &Notice) {
        if self.quiet && matches!(notice, Notice::NotMnist { .. } | Notice::Synthetic { .. }) {
            eprintln!("warning: {notice}");
        }
        self.say(&notice.to_string());
    }

    fn start(&mut self, start: &Start) {
        self.steps = start.steps;
        self.say(&format!("{}: seed {}, {} threads", start.name, start.options.seed, start.threads));
        self.say(&format!("data: {}, {} + {} images", start.source, start.images[0], start.images[1]));
        let template = "{bar:24} {pos}/{len}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━━─"));
        }
        self.bar.set_length(start.steps);
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
        let rate = record.step as f64 / elapsed.max(1e-9);
        let left = if record.step == 0 {
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
        } else if !self.live && self.printed.is_none_or(|at| at.elapsed() >= PLAIN_INTERVAL) {
            self.say(&format!(
                "step {:>5}  epoch {:>2}  {train}  {rate:.0} steps/s, {left} left",
                record.step, record.epoch
            ));
            self.printed = Some(Instant::now());
        }
        self.bar.set_position(record.step);
        self.bar.set_message(format!("{rate:.0} steps/s, {left} left  {train}  {}", self.last_test));
    }

    fn done(&mut self, summary: &Summary) {
        self.bar.finish_and_clear();
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
pub(crate) fn print_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

impl Observer for Console {
    fn notice(&mut self, event: &Event) {
        match event {
            Event::Start(start) => self.start(start),
            Event::Model(view) => self.say(&format!("\n{}{}", view.table, self.settings)),
            Event::Paused(true) => self.say("training pauses; the page can have it go on"),
            Event::Paused(false) => self.say("training goes on"),
            Event::Step(record) => self.step(record),
            Event::Done(summary) => self.done(summary),
            Event::Histograms(_) | Event::TrainingDigits(_) | Event::TestDigits(_) => {}
        }
    }
}
