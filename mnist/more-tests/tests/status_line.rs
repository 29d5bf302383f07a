//! The progress line on a terminal that is emulated.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use train::terminal::StatusLine;
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
        let line = StatusLine::on(screen.clone(), size);
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

#[test]
fn lines_that_a_model_prints_stay_whole() {
    let (screen, mut line) = Screen::new(6, 30);
    screen.println("$ cargo run");
    for step in 0..20 {
        line.draw_now(&format!("━━━ step {step} of 20, a line too long for this terminal"));
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
    line.draw_now("status");
    screen.println(" line");
    line.draw_now("status");
    assert_eq!(screen.rows(), ["7", "8", "half a line", "", "status"]);
}

#[test]
fn another_size_moves_the_line() {
    let (screen, mut line) = Screen::new(8, 40);
    line.draw_now("first");
    screen.0.lock().unwrap().screen_mut().set_size(nonzero(5), nonzero(20));
    screen.println("printed");
    line.draw_now("second");
    assert_eq!(screen.rows()[4], "second");
    drop(line);
    (0..9).for_each(|n| screen.println(&n.to_string()));
    assert_eq!(screen.rows(), ["5", "6", "7", "8", ""], "all rows scroll again");
}
