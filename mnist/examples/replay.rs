//! Opens a finished or interrupted run in the live page: `cargo run -p mnist --example replay -- runs/NAME`.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use train::{print_error, print_line};

/// Opens a finished or interrupted run in the page.
#[derive(Parser)]
struct Args {
    /// The run's folder
    run: PathBuf,
    /// Port of the page, or the next free one
    #[arg(long, default_value_t = 7840)]
    port: u16,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let stop = train::terminal::stop_on_signals();
    let opened = |address| print_line(&format!("the run is at http://{address} until Ctrl-C"));
    match mnist::replay(&args.run, args.port, &stop, opened, &mut |line| {
        print_error(&format!("warning: {line}"))
    }) {
        Ok(()) => train::exit(ExitCode::SUCCESS),
        Err(error) => {
            print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
