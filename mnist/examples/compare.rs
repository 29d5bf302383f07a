//! Lays the curves of several runs over each other: `cargo run -p mnist --example compare -- runs/A runs/B`.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use train::{print_error, print_line};

/// Lays the curves of several runs over each other.
#[derive(Parser)]
struct Args {
    /// The runs' folders
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// SVG file to write
    #[arg(long, value_name = "FILE", default_value = "compare.svg")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let drawn =
        train::show::compare(&args.runs).map_err(|error| error.to_string()).and_then(|(figure, lines)| {
            std::fs::write(&args.out, figure).map_err(|error| format!("{}: {error}", args.out.display()))?;
            Ok(lines)
        });
    match drawn {
        Ok(lines) => {
            print_line(&format!("{}\ndrawn to {}", lines.join("\n"), args.out.display()));
            train::exit(ExitCode::SUCCESS)
        }
        Err(error) => {
            print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
