//! Reads a digit in a picture: `cargo run -p mnist --example recognize -- runs/NAME/model.safetensors digit.png`.

use clap::Parser;
use clap::builder::PossibleValuesParser;
use mnist::models::EXAMPLES;
use std::path::PathBuf;
use std::process::ExitCode;
use train::{print_error, print_line};

/// Reads the digit in a picture with a trained model.
#[derive(Parser)]
struct Args {
    /// The model as a run saved it
    #[arg(value_name = "MODEL")]
    file: PathBuf,
    /// A PNG picture of one digit, of any size, dark on light or light on dark
    image: PathBuf,
    /// The example that the model is of, where its file does not say so
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(EXAMPLES.map(|(name, _)| name)))]
    model: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match mnist::recognize(&args.file, args.model.as_deref(), &args.image) {
        Ok(probabilities) => {
            let most = (0..10).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
            print_line(&format!("{}", most.expect("there are ten digits")));
            for (digit, p) in probabilities.iter().enumerate() {
                print_line(&format!(
                    "{digit}  {:5.1} %  {}",
                    100.0 * p,
                    "█".repeat((40.0 * p).round() as usize)
                ));
            }
            train::exit(ExitCode::SUCCESS)
        }
        Err(error) => {
            print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
