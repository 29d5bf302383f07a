//! Draws a contact sheet of the digits to look at: `cargo run -p mnist --example digits -- --out sheet.png`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use mnist::data::{Choice, load};
use train::{print_error, print_line};

/// Digits that are shown if nobody says how many.
const COUNT: usize = 200;

/// Draws a contact sheet of digits.
#[derive(Parser)]
struct Args {
    /// PNG file to write
    #[arg(long, value_name = "FILE", default_value = "digits.png")]
    out: PathBuf,
    /// Show the test digits of the data set in this folder instead of synthetic ones
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed of the synthetic digits
    #[arg(long, default_value_t = 0, conflicts_with = "data")]
    seed: u64,
    /// How many digits to show [default: 200, or all if there are fewer]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    count: Option<usize>,
    /// Digits in a row
    #[arg(long, default_value = "20", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    columns: usize,
}

fn main() -> ExitCode {
    match draw(&Args::parse()) {
        Ok(line) => {
            print_line(&line);
            train::exit(ExitCode::SUCCESS)
        }
        Err(error) => {
            print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn draw(args: &Args) -> Result<String, Box<dyn Error>> {
    let (images, labels) = match &args.data {
        None => mnist::synthetic::digits(args.seed, args.count.unwrap_or(COUNT)),
        Some(folder) => {
            let data = load(&Choice::Folder(folder.clone()), &mut |notice| print_error(&notice.to_string()))?;
            let all = data.test.len();
            let count = args.count.unwrap_or(COUNT.min(all));
            if count > all {
                return Err(
                    format!("--count {count}: there are {all} test digits in {}", folder.display()).into()
                );
            }
            (data.test.images[..count * data.test.pixels()].to_vec(), data.test.labels[..count].to_vec())
        }
    };
    save(&images, &labels, args.columns, &args.out).map_err(|e| format!("{}: {e}", args.out.display()))?;
    Ok(format!("{} digits drawn to {}", labels.len(), args.out.display()))
}

/// Writes the contact sheet of these images as a PNG file.
fn save(images: &[u8], labels: &[u8], columns: usize, out: &Path) -> Result<(), Box<dyn Error>> {
    let (width, height, pixels) = mnist::contact_sheet(images, labels, columns.min(labels.len()));
    let mut file = BufWriter::new(File::create(out)?);
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file.flush()?)
}
