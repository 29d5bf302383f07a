//! Measures our framework and others on the nine models, one process at a time, in turn, over several rounds, and writes
//! `RESULTS.md`.
#![forbid(unsafe_code)]

mod contenders;
mod goals;
mod machine;
mod markdown;
mod report;
mod results;
mod table;

use benches::measurement::{Point, Steady};
use benches::{MODELS, Model};
use clap::Parser;
use contenders::{CONTENDERS, Contender, Launcher, OURS, exported, lines};
use machine::Distance;
use report::Report;
use results::{Agreement, Results};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures our framework and others side by side; writes the results as Markdown.
#[derive(Parser)]
struct Args {
    /// Only these models
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    models: Vec<String>,
    /// Only these frameworks: ours, PyTorch, TensorFlow, JAX, burn, candle
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    frameworks: Vec<String>,
    /// How often everything is measured. The first round tries every variant of a framework, the others only its best ones
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Threads for everyone [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Leave out the tables of one thread, of batch, width and depth, and of the whole training
    #[arg(long)]
    brief: bool,
    /// Folder with the four MNIST files [default: MNIST_DIR, the cache, or synthetic digits]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the results are written [default: RESULTS.md of this crate]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A lock file to hold during each measurement, on a machine where others measure too
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
    let out = args.out.clone().unwrap_or_else(|| folder.join("RESULTS.md"));
    let distance = Distance::new();
    let launcher = Launcher { folder, lock: args.lock.clone(), data: args.data.clone(), distance };
    let threads = args.threads.unwrap_or_else(nn::threads);
    let models: Vec<&str> = match &args.models[..] {
        [] => MODELS.iter().map(|model| model.name).collect(),
        names => names.iter().map(|name| Ok(Model::named(name)?.name)).collect::<Result<_, String>>()?,
    };
    let wanted = |contender: &&Contender| {
        args.frameworks.is_empty()
            || args.frameworks.iter().any(|name| name.eq_ignore_ascii_case(contender.framework))
    };
    let contenders: Vec<Contender> = CONTENDERS.iter().filter(wanted).copied().collect();

    let start = launcher.start();
    launcher.own("step", &["--export", &start.to_string_lossy()])?;
    let mut report = Report::new(threads, args.rounds, &models, &contenders);
    report.agreement = agreement(&launcher, &models, &contenders)?;
    for round in 0..args.rounds {
        for model in &models {
            for &contender in &contenders {
                if round == 0 || report.results.is_worth_repeating(contender, model, threads) {
                    measure(&launcher, contender, model, threads, &mut report.results);
                }
                if !args.brief && threads > 1 && contender.framework == OURS {
                    measure(&launcher, contender, model, 1, &mut report.results);
                }
            }
        }
    }
    if !args.brief {
        let chosen = ["--models", &models.join(","), "--threads", &threads.to_string()];
        report.scaling = lines::<Point>(&launcher.own("scaling", &chosen)?)?;
        for model in &models {
            let chosen = ["--model", model, "--threads", &threads.to_string()];
            report.steady.extend(lines::<Steady>(&launcher.own("steady", &chosen)?)?);
        }
    }
    std::fs::write(&out, report.to_string()).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("written: {}", out.display());
    Ok(())
}

/// One measurement, added to the results. A framework that fails is named and missing in the tables; the others go on.
fn measure(launcher: &Launcher, contender: Contender, model: &str, threads: usize, results: &mut Results) {
    let what = format!("{model}, {} {}, {threads} threads", contender.framework, contender.variant);
    match launcher.measure(contender, model, threads) {
        Ok(Some(line)) => {
            let infer = line.infer_images_per_s.map_or(String::new(), |rate| format!(", {rate:.0} images/s"));
            println!("{what}: {:.3} ms{infer}", line.ms_per_step_median);
            results.add(contender, line);
        }
        Ok(None) => (),
        Err(error) => eprintln!("{what}: {error}"),
    }
}

/// Asks each peer for parameters, arithmetic and loss of the exported models.
fn agreement(
    launcher: &Launcher,
    models: &[&str],
    contenders: &[Contender],
) -> Result<Vec<Agreement>, String> {
    let ours = models.iter().map(|model| exported(&launcher.start(), model));
    let mut agreement: Vec<Agreement> =
        ours.map(|ours| Ok(Agreement::new(ours?))).collect::<Result<_, String>>()?;
    let mut asked = vec![OURS];
    for contender in contenders {
        if asked.contains(&contender.framework) {
            continue;
        }
        asked.push(contender.framework);
        for check in launcher.check(*contender)? {
            if let Some(row) = agreement.iter_mut().find(|row| row.ours.model == check.model) {
                row.compare(contender.framework, check)?;
            }
        }
    }
    Ok(agreement)
}
