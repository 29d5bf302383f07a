//! A line at the bottom of the terminal that nothing printed can touch.
//!
//! Not only this program prints while it trains: a layer, an optimizer or a panic may too, with `println!` that knows of no
//! progress line. A line drawn where the cursor is would be torn by it. So the terminal is told to scroll all rows but the
//! last, as apt does, and the line is drawn there; the cursor, and with it whatever is printed, stays above.

use console::{Term, truncate_str};
use std::io::Write;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The line is drawn at most so often.
const INTERVAL: Duration = Duration::from_millis(125);
/// In a terminal of fewer rows every one is needed.
const ROWS: u16 = 4;

/// Rows of the terminal whose last one is kept, or 0. Whoever ends the process gives it back.
static KEPT: AtomicU16 = AtomicU16::new(0);

/// A line at the bottom of the terminal.
pub struct StatusLine {
    out: Box<dyn Write + Send>,
    /// Rows and columns, if it is a terminal that can do this.
    size: Box<dyn Fn() -> Option<(u16, u16)> + Send>,
    /// The size for which the last row is kept.
    kept: Option<(u16, u16)>,
    drawn: Option<Instant>,
}

impl StatusLine {
    /// The line on the terminal, or one that is never drawn.
    pub fn new(shown: bool) -> StatusLine {
        let term = Term::stderr();
        let able = shown && term.is_term() && understands_sequences(&term);
        let size = move || term.size_checked().filter(|&(rows, _)| able && rows >= ROWS);
        StatusLine::on(std::io::stderr(), size)
    }

    /// The line on a terminal of any kind. `size` tells its rows and columns, if it can do this.
    pub fn on(
        out: impl Write + Send + 'static,
        size: impl Fn() -> Option<(u16, u16)> + Send + 'static,
    ) -> StatusLine {
        StatusLine { out: Box::new(out), size: Box::new(size), kept: None, drawn: None }
    }

    /// Whether it can be seen.
    pub fn is_shown(&self) -> bool {
        (self.size)().is_some()
    }

    /// Shows `text`, unless it is too soon after the last one.
    pub fn draw(&mut self, text: impl FnOnce() -> String) {
        let due = self.drawn.is_none_or(|at| at.elapsed() >= INTERVAL);
        if due && self.is_shown() {
            self.draw_now(&text());
        }
    }

    /// Shows `text`, however soon after the last one.
    pub fn draw_now(&mut self, text: &str) {
        let Some((rows, columns)) = (self.size)() else { return };
        let mut sequence = String::new();
        if self.kept != Some((rows, columns)) {
            // A free row below the cursor, which keeps its column and which setting the region would send home.
            sequence += &format!("\x0b\x1b[A\x1b7\x1b[1;{}r\x1b8", rows - 1);
            self.kept = Some((rows, columns));
            KEPT.store(rows, Ordering::Relaxed);
        }
        let width = usize::from(columns).saturating_sub(1);
        sequence += &format!("\x1b7\x1b[{rows};1H\x1b[2K{}\x1b8", truncate_str(text, width, "…"));
        self.write(&sequence);
        self.drawn = Some(Instant::now());
    }

    /// Gives the row back.
    pub fn clear(&mut self) {
        if let Some((rows, _)) = self.kept.take() {
            self.write(&release(rows));
            KEPT.store(0, Ordering::Relaxed);
        }
    }

    /// At once, so that nothing gets in between. Without a terminal any more there is nothing to show.
    fn write(&mut self, sequence: &str) {
        let _ = self.out.write_all(sequence.as_bytes());
        let _ = self.out.flush();
    }
}

/// A training that panics ends the line too.
impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// For a process that ends in the middle of a training: the terminal scrolls all its rows again.
pub(super) fn give_back_terminal() {
    let rows = KEPT.swap(0, Ordering::Relaxed);
    if rows > 0 {
        let _ = std::io::stderr().write_all(release(rows).as_bytes());
    }
}

fn release(rows: u16) -> String {
    format!("\x1b7\x1b[r\x1b[{rows};1H\x1b[2K\x1b8")
}

fn understands_sequences(term: &Term) -> bool {
    if cfg!(windows) {
        // Asking also switches them on there.
        return term.features().colors_supported();
    }
    std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}
