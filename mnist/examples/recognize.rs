//! Reads a digit in a picture: `cargo run -p mnist --example recognize -- runs/NAME/model.safetensors digit.png`.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads the digit in a picture with a trained model.
#[derive(Parser)]
struct Args {
    /// The model as a run saved it
    model: PathBuf,
    /// A PNG picture of one digit, of any size, dark on light or light on dark
    image: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match mnist::recognize(&args.model, &args.image) {
        Ok(probabilities) => {
            let most = (0..10).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
            println!("{}", most.unwrap_or(0));
            for (digit, p) in probabilities.iter().enumerate() {
                println!("{digit}  {:5.1} %  {}", 100.0 * p, "█".repeat((40.0 * p).round() as usize));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
