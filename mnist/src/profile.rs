//! Where the time of a run went: `--profile`.

use crate::console::{print_error, print_line};
use crate::engine::Engine;
use std::path::Path;

/// Prints a table for training steps and one for tests, and writes the last training step to `trace.json`.
pub(crate) fn report(engine: &Engine, folder: Option<&Path>) {
    let peak = nn::fma_peak();
    for (what, program) in engine.programs() {
        print_line(&format!(
            "\n{what}, the machine's peak being {:.0} GFLOP/s:\n{}",
            peak / 1e9,
            program.profile(peak)
        ));
    }
    let training = engine.programs().find(|(what, _)| *what == "training step");
    let (Some(folder), Some((_, program))) = (folder, training) else { return };
    let file = folder.join("trace.json");
    match std::fs::write(&file, program.chrome_trace()) {
        Ok(()) => print_line(&format!("a trace for chrome://tracing is in {}", file.display())),
        Err(error) => print_error(&format!("warning: {} cannot be written: {error}", file.display())),
    }
}
