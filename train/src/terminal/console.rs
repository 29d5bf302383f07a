//! The run in the terminal: a live line where there is one, plain lines where there is not.

use super::status_line::StatusLine;
use crate::print::print_line;
use crate::watch::{Ending, Event, Observer, Record, Start, Summary, Values, Watched};
use std::time::{Duration, Instant};

/// Without a terminal a line is printed at least this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// Columns of the bar that fills up.
const BAR: u64 = 24;

/// Prints what happens in a run.
pub struct Console {
    quiet: bool,
    line: StatusLine,
    steps: u64,
    /// Steps that were done before.
    first: u64,
    begun: Instant,
    printed: Option<Instant>,
    last_test: String,
    watched: Option<Watched>,
    /// Lines that belong below the model.
    settings: Vec<String>,
}

impl Console {
    /// Prints everything, or only results.
    pub fn new(quiet: bool) -> Console {
        Console {
            quiet,
            line: StatusLine::new(!quiet),
            steps: 0,
            first: 0,
            begun: Instant::now(),
            printed: None,
            last_test: String::new(),
            watched: None,
            settings: vec![],
        }
    }

    /// Prints a line unless only results are asked for.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            print_line(line);
        }
    }

    fn start(&mut self, start: &Start) {
        (self.steps, self.first, self.printed) = (start.steps, 0, None);
        self.last_test.clear();
        self.watched = start.watched.clone();
        start.lines[0].iter().for_each(|line| self.say(line));
        self.settings = start.lines[1].clone();
        self.begun = Instant::now();
    }

    fn step(&mut self, record: &Record) {
        let elapsed = self.begun.elapsed().as_secs_f64();
        let rate = record.step.saturating_sub(self.first) as f64 / elapsed.max(1e-9);
        let left = if record.step <= self.first {
            "…".to_owned()
        } else {
            let seconds = self.steps.saturating_sub(record.step) as f64 / rate;
            humantime::format_duration(Duration::from_secs(seconds.ceil() as u64)).to_string()
        };
        let train = trained(&record.values);
        let evaluated = record.evaluated();
        if !evaluated.is_empty() {
            let watched =
                self.watched.as_ref().and_then(|watched| Some((watched, evaluated.get(&watched.name)?)));
            let short = watched.map(|(watched, value)| {
                (watched.name.trim_end_matches("_accuracy").replace('_', " "), value)
            });
            self.last_test = short.map_or(String::new(), |(name, value)| format!("{name} {}", number(value)));
            let numbers = evaluated
                .iter()
                .map(|(name, value)| format!("  {} {}", name.replace('_', " "), number(value)));
            let numbers: String = numbers.collect();
            self.say(&format!("step {:>5}  epoch {:>2}  {train}{numbers}", record.step, record.epoch));
            self.printed = Some(Instant::now());
        } else if !self.line.is_shown() && self.printed.is_none_or(|at| at.elapsed() >= PLAIN_INTERVAL) {
            self.say(&format!(
                "step {:>5}  epoch {:>2}  {train}  {rate:.0} steps/s, {left} left",
                record.step, record.epoch
            ));
            self.printed = Some(Instant::now());
        }
        let share = record.step as f64 / self.steps.max(1) as f64;
        let filled = ((BAR as f64 * share) as u64).min(BAR) as usize;
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
            Ending::NoProgress => "Training has ended: there was no progress any more",
            Ending::Diverged => {
                "Training has failed: the loss is not a number any more (try another seed, or report it)"
            }
        };
        print_line(&format!("\n{ending}: {} in {time}.", counted(summary.steps)));
        let is_told = |name: &str| self.watched.as_ref().is_none_or(|watched| watched.name == name);
        for (name, value) in summary.last.iter().flat_map(Values::iter).filter(|(name, _)| is_told(name)) {
            print_line(&format!("final {}: {}", name.replace('_', " "), number(value)));
        }
        for (name, value) in summary.best.iter() {
            print_line(&format!("{}: {}", name.replace('_', " "), number(value)));
        }
    }
}

/// The numbers of a batch.
fn trained(values: &Values) -> String {
    let numbers = values.iter().filter_map(|(name, value)| match name.strip_prefix("train_") {
        // A batch is too small for more.
        Some(name) if name.ends_with("accuracy") => Some(format!("{} {value:.2}", name.replace('_', " "))),
        Some(name) => Some(format!("{} {}", name.replace('_', " "), number(value))),
        None if name == "lr" => Some(format!("lr {}", rate(value))),
        None => None,
    });
    let numbers: Vec<String> = numbers.collect();
    if numbers.is_empty() { "untrained".into() } else { numbers.join("  ") }
}

fn counted(steps: u64) -> String {
    format!("{steps} {}", if steps == 1 { "step" } else { "steps" })
}

/// Four digits, however large: before batch normalisation has averages, losses are astronomical.
fn number(value: f64) -> String {
    if value.abs() < 1000.0 { format!("{value:.4}") } else { format!("{value:.0e}") }
}

fn rate(lr: f64) -> String {
    if lr >= 1e-4 || lr == 0.0 { format!("{lr:.5}") } else { format!("{lr:.1e}") }
}

impl Observer for Console {
    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Start(start) => self.start(start),
            Event::Model(view) => {
                let below: String = self.settings.iter().map(|line| format!("{line}\n")).collect();
                self.say(&format!("\n{}{below}", view.table));
            }
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
            Event::Checkpoint(_) | Event::Flush(_) | Event::Histograms(_) | Event::Shown(_) => {}
        }
    }
}
