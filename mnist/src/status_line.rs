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

pub(crate) struct StatusLine {
    out: Box<dyn Write + Send>,
    /// Rows and columns, if it is a terminal that can do this.
    size: Box<dyn Fn() -> Option<(u16, u16)> + Send>,
    /// The size for which the last row is kept.
    kept: Option<(u16, u16)>,
    drawn: Option<Instant>,
}

impl StatusLine {
    /// The line on the terminal, or one that is never drawn.
    pub(crate) fn new(shown: bool) -> StatusLine {
        let term = Term::stderr();
        let able = shown && term.is_term() && understands_sequences(&term);
        let size = move || term.size_checked().filter(|&(rows, _)| able && rows >= ROWS);
        StatusLine { out: Box::new(std::io::stderr()), size: Box::new(size), kept: None, drawn: None }
    }

    /// Whether it can be seen.
    pub(crate) fn is_shown(&self) -> bool {
        (self.size)().is_some()
    }

    /// Shows `text`, unless it is too soon after the last one.
    pub(crate) fn draw(&mut self, text: impl FnOnce() -> String) {
        if self.drawn.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        let Some((rows, columns)) = (self.size)() else { return };
        let mut sequence = String::new();
        if self.kept != Some((rows, columns)) {
            // A free row below the cursor, which keeps its column and which setting the region would send home.
            sequence += &format!("\x0b\x1b[A\x1b7\x1b[1;{}r\x1b8", rows - 1);
            self.kept = Some((rows, columns));
            KEPT.store(rows, Ordering::Relaxed);
        }
        let (text, width) = (text(), usize::from(columns).saturating_sub(1));
        sequence += &format!("\x1b7\x1b[{rows};1H\x1b[2K{}\x1b8", truncate_str(&text, width, "…"));
        self.write(&sequence);
        self.drawn = Some(Instant::now());
    }

    /// Gives the row back.
    pub(crate) fn clear(&mut self) {
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
pub(crate) fn give_back_terminal() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::num::NonZero;
    use std::sync::{Arc, Mutex};
    use vt100::Parser;

    /// A terminal, written to from both sides as stdout and stderr are.
    #[derive(Clone)]
    struct Screen(Arc<Mutex<Parser>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().process(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn nonzero(n: u16) -> NonZero<u16> {
        NonZero::new(n).unwrap()
    }

    impl Screen {
        fn new(rows: u16, columns: u16) -> (Screen, StatusLine) {
            let screen = Screen(Arc::new(Mutex::new(Parser::new(nonzero(rows), nonzero(columns), 1000))));
            let parser = screen.0.clone();
            let size = move || {
                let (rows, columns) = parser.lock().unwrap().screen().size();
                Some((rows.get(), columns.get()))
            };
            let line =
                StatusLine { out: Box::new(screen.clone()), size: Box::new(size), kept: None, drawn: None };
            (screen, line)
        }

        /// As `println!`, on a terminal that begins a new line for `\n`.
        fn println(&self, text: &str) {
            self.clone().write_all(format!("{text}\r\n").as_bytes()).unwrap();
        }

        fn rows(&self) -> Vec<String> {
            let parser = self.0.lock().unwrap();
            let (_, columns) = parser.screen().size();
            parser.screen().rows(0, columns.get()).collect()
        }
    }

    fn draw(line: &mut StatusLine, text: &str) {
        line.drawn = None;
        line.draw(|| text.to_owned());
    }

    #[test]
    fn lines_that_a_model_prints_stay_whole() {
        let (screen, mut line) = Screen::new(6, 30);
        screen.println("$ cargo run");
        for step in 0..20 {
            draw(&mut line, &format!("━━━ step {step} of 20, a line too long for this terminal"));
            assert!(screen.rows()[5].starts_with(&format!("━━━ step {step} of")), "{:?}", screen.rows());
            // None, one, or several in a row between two drawings.
            (0..step % 3).for_each(|n| screen.println(&format!("printed {step}.{n}")));
        }
        assert_eq!(screen.rows()[..5], ["printed 16.0", "printed 17.0", "printed 17.1", "printed 19.0", ""]);
        line.clear();
        screen.println("done");
        screen.println("$");
        assert_eq!(screen.rows(), ["printed 17.0", "printed 17.1", "printed 19.0", "done", "$", ""]);
    }

    #[test]
    fn a_line_that_is_not_finished_yet_goes_on_where_it_was() {
        let (screen, mut line) = Screen::new(5, 30);
        (0..9).for_each(|n| screen.println(&n.to_string()));
        screen.clone().write_all(b"half a").unwrap();
        draw(&mut line, "status");
        screen.println(" line");
        draw(&mut line, "status");
        assert_eq!(screen.rows(), ["7", "8", "half a line", "", "status"]);
    }

    #[test]
    fn another_size_moves_the_line() {
        let (screen, mut line) = Screen::new(8, 40);
        draw(&mut line, "first");
        screen.0.lock().unwrap().screen_mut().set_size(nonzero(5), nonzero(20));
        screen.println("printed");
        draw(&mut line, "second");
        assert_eq!(screen.rows()[4], "second");
        drop(line);
        (0..9).for_each(|n| screen.println(&n.to_string()));
        assert_eq!(screen.rows(), ["5", "6", "7", "8", ""], "all rows scroll again");
    }
}
