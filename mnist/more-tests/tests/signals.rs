//! A training that is asked to end, on a terminal of its own.
#![cfg(unix)]

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use tempfile::{TempDir, tempdir};
use vt100::Parser;

const ROWS: u16 = 10;
const COLUMNS: u16 = 100;

/// A program and the terminal that it was started on.
struct Session {
    program: Child,
    screen: File,
    /// All that was printed.
    text: Vec<u8>,
    folder: TempDir,
}

impl Session {
    /// A training without end. `wrapper` is what starts it, as in `nice softmax …`.
    fn start(wrapper: &[&str]) -> Session {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&screen, size).unwrap();
        let name = ptsname(&screen, vec![]).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let folder = tempdir().unwrap();
        let mut words =
            wrapper.iter().map(|word| (*word).to_owned()).chain([env!("CARGO_BIN_EXE_softmax").to_owned()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--synthetic", "--steps", "1000000000", "--out", "run"]);
        // Its own group, as a shell would have it.
        command.process_group(0).current_dir(folder.path()).env("TERM", "xterm");
        let on_terminal = || Stdio::from(terminal.try_clone().unwrap());
        let program =
            command.stdin(Stdio::null()).stdout(on_terminal()).stderr(on_terminal()).spawn().unwrap();
        Session { program, screen: File::from(screen), text: vec![], folder }
    }

    /// Reads until `part` has been printed, or to the end.
    fn read(&mut self, part: Option<&str>) {
        let mut buffer = [0; 4096];
        let contains = |text: &[u8], part: &str| String::from_utf8_lossy(text).contains(part);
        while !part.is_some_and(|part| contains(&self.text, part)) {
            // When nobody has the terminal open any more, Linux calls that an error.
            let n = self.screen.read(&mut buffer).unwrap_or(0);
            if n == 0 {
                assert!(part.is_none(), "no {part:?} in {}", String::from_utf8_lossy(&self.text));
                return;
            }
            self.text.extend(&buffer[..n]);
        }
    }

    fn send(&self, signals: &[&str]) {
        for signal in signals {
            let sent = Command::new("kill").arg(signal).arg(self.program.id().to_string()).status();
            assert!(sent.unwrap().success());
        }
    }

    /// The program has ended as one that was asked to, with this code, and the terminal is as it was before.
    fn has_ended(mut self, code: i32) {
        self.read(None);
        let status = self.program.wait().unwrap();
        let text = String::from_utf8_lossy(&self.text);
        // Of two that come at once either may be the first.
        let codes = if code == 0 { vec![143, 129] } else { vec![code] };
        assert!(status.code().is_some_and(|code| codes.contains(&code)), "{status}: {text}");
        assert!(text.contains("Training was interrupted") && text.contains("final test accuracy"), "{text}");
        for file in ["model.safetensors", "results.json", "report.html", "figure.png"] {
            assert!(self.folder.path().join("run").join(file).exists(), "{file}");
        }
        let sizes = [ROWS, COLUMNS].map(|n| NonZero::new(n).unwrap());
        let mut terminal = Parser::new(sizes[0], sizes[1], 0);
        terminal.process(&self.text);
        (0..30).for_each(|n| terminal.process(format!("{n}\r\n").as_bytes()));
        let rows: Vec<String> = terminal.screen().rows(0, COLUMNS).collect();
        assert_eq!(rows, ["21", "22", "23", "24", "25", "26", "27", "28", "29", ""], "all rows scroll again");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What the progress line says while its row is kept.
const PROGRESS: &str = " steps/s, ";

/// Whether a program started from here is ended by its terminal's closing; not under nohup, say, which is handed down.
fn listens_to_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|ignored| ignored & 1 == 0)
}

#[test]
fn sigterm_and_sighup_end_a_run_as_ctrl_c_does_and_give_the_terminal_back() {
    // Those of a closed terminal come at once, as do two that find the program stopped.
    let all: [(&[&str], i32); 4] =
        [(&["-INT"], 130), (&["-TERM"], 143), (&["-HUP"], 129), (&["-STOP", "-TERM", "-HUP", "-CONT"], 0)];
    for (signals, code) in all {
        if signals == ["-HUP"] && !listens_to_hangup() {
            println!("skipped: SIGHUP is ignored here");
            continue;
        }
        let mut session = Session::start(&[]);
        session.read(Some(PROGRESS));
        session.send(signals);
        session.has_ended(code);
    }
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let mut session = Session::start(&["sh", "-c", "trap '' HUP; exec \"$@\"", "nohup"]);
    session.read(Some(PROGRESS));
    session.send(&["-HUP"]);
    session.text.clear();
    session.read(Some(PROGRESS));
    session.send(&["-TERM"]);
    session.has_ended(143);
}
