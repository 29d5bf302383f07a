//! Where the time of a run went: `--profile`.

use nn::Program;
use std::path::{Path, PathBuf};
use train::print_line;

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    #[error("there is no trace.json, since the run's folder cannot be written to")]
    NoFolder,
    #[error("there is no trace.json, since no training step was done")]
    NoStep,
    #[error("{}: {error}", file.display())]
    Write { file: PathBuf, error: std::io::Error },
}

/// Prints a table for training steps and one for tests, and writes the last training step to `trace.json`.
pub(crate) fn report(programs: &[(&str, &Program)], folder: Option<&Path>) -> Result<(), TraceError> {
    let peak = nn::peak_flops();
    for (what, program) in programs {
        print_line(&format!(
            "\n{what}, the machine's peak being {:.0} GFLOP/s:\n{}",
            peak / 1e9,
            program.profile(peak)
        ));
    }
    let training = programs.iter().find(|(what, _)| *what == "training step");
    let (_, program) = training.ok_or(TraceError::NoStep)?;
    let file = folder.ok_or(TraceError::NoFolder)?.join("trace.json");
    match std::fs::write(&file, program.chrome_trace()) {
        Ok(()) => print_line(&format!("a trace for chrome://tracing is in {}", file.display())),
        Err(error) => return Err(TraceError::Write { file, error }),
    }
    Ok(())
}
