//! Writes the figures that the READMEs give: those of accuracy from one recorded run of all nine examples, those of speed from
//! `RESULTS.md`. No figure is typed by hand.
//!
//! In a document a figure stands between `<!--=NAME-->` and `<!--/-->`, where NAME is
//!
//! | name | what it is |
//! |---|---|
//! | `MODEL.final`, `MODEL.best` | test accuracy at the end, and the best one on the way |
//! | `MODEL.percent`, `MODEL.misread` | the final one in per cent, and how many test images it leaves |
//! | `MODEL.loss` | test loss at the end |
//! | `MODEL.parameters`, `MODEL.steps`, `MODEL.time` | trained numbers, training steps, and how long they took with the tests |
//! | `MODEL.published` | what the tutorial gives |
//! | `MODEL.ms`, `MODEL.memory` | milliseconds a training step, and MB, by `RESULTS.md` |
//! | `run.machine`, `run.when`, `run.seed` | where the accuracies come from |
//! | `rust.version` | the oldest Rust that builds the workspace |
//! | `speed.machine`, `speed.when` | where `RESULTS.md` comes from |
#![forbid(unsafe_code)]

mod documents;
mod record;
mod speed;

use clap::Parser;
use record::{Record, Trained};
use speed::Speed;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const DOCUMENTS: [&str; 3] = ["README.md", "mnist/README.md", "mnist/README.zh-CN.md"];
const FOLDER: &str = "mnist/figures";

/// The accuracies that the tutorial gives in the first lines of its scripts.
const PUBLISHED: [(&str, &str); 9] = [
    ("softmax", "0.9268"),
    ("five_layers_sigmoid", "0.9788"),
    ("five_layers_relu_lrdecay", "0.9824"),
    ("five_layers_relu_lrdecay_dropout", "0.9817"),
    ("convolutional", "0.989"),
    ("convolutional_bigger_dropout", "0.9931"),
    ("batchnorm_five_layers_sigmoid", "0.985"),
    ("batchnorm_five_layers_relu", "0.985"),
    ("batchnorm_conv", "0.9954"),
];

/// Writes the figures of README.md, mnist/README.md and mnist/README.zh-CN.md from mnist/figures/results.json and
/// benches/RESULTS.md.
#[derive(Parser)]
struct Args {
    /// Train the nine models first: writes results.json and the pictures beside it
    #[arg(long)]
    train: bool,
    /// Write nothing; fail if a document says anything else than the records
    #[arg(long, conflicts_with_all = ["train", "into"])]
    check: bool,
    /// Write into this folder instead of the repository, to try a change
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Train so many steps only, to try a change
    #[arg(long, value_name = "N", requires_all = ["train", "into"])]
    steps: Option<u64>,
    /// Folder with the four MNIST files [default: MNIST_DIR, the cache folder, or downloaded]
    #[arg(long, value_name = "DIR", requires = "train")]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository");
    let into = args.into.as_deref().unwrap_or(root);
    let record = if args.train {
        let mut flags = vec![];
        if let Some(steps) = args.steps {
            flags.extend(["--steps".to_owned(), steps.to_string()]);
        }
        if let Some(data) = &args.data {
            let data = std::path::absolute(data).map_err(|error| format!("{}: {error}", data.display()))?;
            flags.extend(["--data".to_owned(), data.display().to_string()]);
        }
        Record::train(root, &flags, &into.join(FOLDER))?
    } else {
        Record::read(&root.join(FOLDER))?
    };
    let speed = Speed::new(read(&root.join("benches/RESULTS.md"))?);
    let mut stale = vec![];
    for document in DOCUMENTS {
        let text = read(&root.join(document))?;
        let value = |name: &str| value(&record, &speed, name);
        let filled = documents::fill(&text, &value).map_err(|error| format!("{document}: {error}"))?;
        if args.check {
            stale.extend((filled != text).then_some(document));
        } else {
            let to = into.join(document);
            let written =
                to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&to, filled));
            written.map_err(|error| format!("{}: {error}", to.display()))?;
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}: figures are not those of {FOLDER}/{} and benches/RESULTS.md; `cargo run -p benches --bin figures` writes them",
        stale.join(", "),
        record::FILE
    ))
}

/// The figure of this name.
fn value(record: &Record, speed: &Speed, name: &str) -> Result<String, String> {
    let unknown = || format!("there is no figure named {name}");
    let absent = || format!("benches/RESULTS.md does not have {name}");
    let (whose, what) = name.split_once('.').ok_or_else(unknown)?;
    let of_results = |text: Option<&str>| text.map(str::to_owned).ok_or_else(absent);
    match (whose, what) {
        ("run", "machine") => return Ok(format!("{}; {} threads", record.cpu, record.threads)),
        ("run", "when") => return Ok(format!("{}, commit {}", record.date, record.commit)),
        ("rust", "version") => return Ok(env!("CARGO_PKG_RUST_VERSION").to_owned()),
        ("run", "seed") => return Ok(record.seed.to_string()),
        ("speed", "machine") => return of_results(speed.machine()),
        ("speed", "when") => return of_results(speed.when()),
        (_, "ms") => return of_results(speed.ms(whose)),
        (_, "memory") => return of_results(speed.memory(whose)),
        _ => {}
    }
    let trained = record.models.iter().find(|trained| trained.model == whose).ok_or_else(unknown)?;
    let Trained { final_test_accuracy: accuracy, test_images, seconds, .. } = *trained;
    Ok(match what {
        "final" => format!("{accuracy:.4}"),
        "best" => format!("{:.4}", trained.max_test_accuracy),
        "percent" => format!("{:.0}", accuracy * 100.0),
        "misread" => grouped(((1.0 - accuracy) * test_images as f64).round() as u64),
        "loss" => format!("{:.4}", trained.final_test_loss),
        "parameters" => grouped(trained.parameters as u64),
        "steps" => grouped(trained.steps),
        "time" if seconds < 60.0 => format!("{seconds:.1} s"),
        "time" => format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor()),
        "published" => PUBLISHED.iter().find(|(model, _)| *model == whose).ok_or_else(unknown)?.1.to_owned(),
        _ => return Err(unknown()),
    })
}

/// `1234567` as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_name() {
        let record = Record {
            cpu: "CPU".into(),
            threads: 2,
            date: "2026-01-31".into(),
            commit: "abc".into(),
            rustc: String::new(),
            seed: 0,
            models: vec![Trained {
                model: "softmax".into(),
                parameters: 7850,
                steps: 1_234_567,
                test_images: 10_000,
                final_test_accuracy: 0.9202,
                max_test_accuracy: 0.93,
                final_test_loss: 0.28,
                seconds: 162.4,
            }],
        };
        let value = |name: &str| value(&record, &Speed::new(String::new()), name);
        for (name, expected) in [
            ("run.machine", "CPU; 2 threads"),
            ("run.when", "2026-01-31, commit abc"),
            ("softmax.final", "0.9202"),
            ("softmax.best", "0.9300"),
            ("softmax.percent", "92"),
            ("softmax.misread", "798"),
            ("softmax.parameters", "7,850"),
            ("softmax.steps", "1,234,567"),
            ("softmax.time", "2 min 42 s"),
            ("softmax.published", "0.9268"),
        ] {
            assert_eq!(value(name).unwrap(), expected, "{name}");
        }
        assert!(value("softmax.finale").unwrap_err().contains("no figure named softmax.finale"));
        assert!(value("convolutional.final").is_err());
        assert!(value("softmax.ms").unwrap_err().contains("RESULTS.md does not have softmax.ms"));
    }
}
