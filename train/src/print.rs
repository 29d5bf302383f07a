//! Printing that never ends a training, and does not forget what could not be printed.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// Why the first line that was lost could not be printed.
static LOST: Mutex<Option<String>> = Mutex::new(None);

/// As `println!`, but a reader that has gone away (`… | head`) is no reason to stop training, nor is a disk that is full: the latter is
/// said once, and [`exit`] says it again.
pub fn print_line(line: &str) {
    print_to(&mut io::stdout(), line, &LOST);
}

/// As `eprintln!`, for a message that nobody may be there to read, just so.
pub fn print_error(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// What a program ends with that has done what it was asked to: `code`, or failure if a line of [`print_line`] could not be printed.
///
/// ```
/// fn main() -> std::process::ExitCode {
///     train::print_line("0.98");
///     train::exit(std::process::ExitCode::SUCCESS)
/// }
/// ```
#[must_use]
pub fn exit(code: ExitCode) -> ExitCode {
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(error) = lost else { return code };
    print_error(&format!("error: not all results could be printed: {error}"));
    if code == ExitCode::SUCCESS { ExitCode::FAILURE } else { code }
}

fn print_to(out: &mut dyn Write, line: &str, lost: &Mutex<Option<String>>) {
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    let Some(error) = written.err().filter(|error| error.kind() != ErrorKind::BrokenPipe) else { return };
    let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
    if lost.is_none() {
        print_error(&format!(
            "warning: standard output cannot be written ({error}); what is printed there is lost"
        ));
        *lost = Some(error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that fails so.
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_remembered_and_a_reader_that_has_gone_is_not() {
        let lost = Mutex::new(None);
        print_to(&mut Broken(ErrorKind::BrokenPipe), "line", &lost);
        assert_eq!(*lost.lock().unwrap(), None);
        print_to(&mut Broken(ErrorKind::StorageFull), "line", &lost);
        print_to(&mut Broken(ErrorKind::Other), "line", &lost);
        assert_eq!(*lost.lock().unwrap(), Some(io::Error::from(ErrorKind::StorageFull).to_string()));
    }
}
