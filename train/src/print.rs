//! Printing that never ends a training.

use std::io::Write;

/// As `println!`, but a reader that has gone away (`… | head`) is no reason to stop training.
pub fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// As `eprintln!`, for a message that nobody may be there to read, just so.
pub fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
