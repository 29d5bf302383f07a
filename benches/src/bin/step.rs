//! Measures training steps and inference of one of the nine models, or of all, and prints one JSON line for each.
//!
//! Each model is measured in a process of its own, so that memory and the time to the first step are that model's.
#![forbid(unsafe_code)]

use benches::measurement::{
    INFER_BATCHES, Measurement, SPAWNED_AT, peak_rss_mb, quantile, round, seconds_since_start, time,
    unix_seconds,
};
use benches::{MODELS, Mode, Model, TestBatches, TrainingStep, digits, export, step_flops};
use clap::Parser;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Measures training steps and inference; prints one JSON line for each model.
#[derive(Parser)]
struct Args {
    /// One of the nine models, or `all`
    #[arg(long, default_value = "all")]
    model: String,
    /// Threads to compute with [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Training steps to time
    #[arg(long, value_name = "N", default_value_t = 300)]
    steps: usize,
    /// How steps are computed
    #[arg(long, value_enum, default_value_t = Mode::Compiled)]
    mode: Mode,
    /// Images in a training batch
    #[arg(long, value_name = "N", default_value_t = 100)]
    batch: usize,
    /// Folder with the four MNIST files [default: MNIST_DIR, the cache, or synthetic digits]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Instead of measuring, write the digits and the initial models to this folder, for other frameworks to start from
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

fn main() -> ExitCode {
    let begun = Instant::now();
    match run(&Args::parse(), begun) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, begun: Instant) -> Result<(), String> {
    if let Some(folder) = &args.export {
        let data = digits(args.data.as_deref()).map_err(|error| error.to_string())?;
        return export(&data, folder);
    }
    if std::env::var_os(SPAWNED_AT).is_some() {
        let line = measure(args, begun)?;
        println!("{}", serde_json::to_string(&line).map_err(|error| error.to_string())?);
        return Ok(());
    }
    let models = match args.model.as_str() {
        "all" => MODELS.to_vec(),
        name => vec![Model::named(name)?],
    };
    models.into_iter().try_for_each(|model| spawn(model, args))
}

/// This program again, for one model.
fn spawn(model: Model, args: &Args) -> Result<(), String> {
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.args(["--model", model.name, "--mode", &args.mode.to_string()]);
    command.args(["--steps", &args.steps.to_string(), "--batch", &args.batch.to_string()]);
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    if let Some(folder) = &args.data {
        command.arg("--data").arg(folder);
    }
    let status = command.env(SPAWNED_AT, unix_seconds().to_string()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{}: {status}", model.name)),
        Err(error) => Err(format!("{}: {error}", model.name)),
    }
}

fn measure(args: &Args, begun: Instant) -> Result<Measurement, String> {
    if let Some(threads) = args.threads {
        nn::set_threads(threads);
    }
    let data = digits(args.data.as_deref()).map_err(|error| error.to_string())?;
    let mut step = TrainingStep::new(Model::named(&args.model)?, data, args.batch, args.mode)?;
    step.run();
    let first_step_s = seconds_since_start(begun);
    for _ in 0..(args.steps / 10).clamp(3, 100) {
        step.run(); // caches and the branch predictor learn, too
    }
    let steps = time(args.steps, Duration::ZERO, || {
        step.run();
    });
    step.test();
    let peak_rss = peak_rss_mb();
    let (median, p10) = (quantile(&steps, 0.5), quantile(&steps, 0.1));
    let gflops = step_flops(step.model(), args.batch) / median / 1e9;
    let infer = best_inference(&step, args.mode);
    Ok(Measurement {
        model: args.model.clone(),
        threads: nn::threads(),
        mode: args.mode,
        ms_per_step_median: round(median * 1e3, 4),
        ms_per_step_p10: round(p10 * 1e3, 4),
        images_per_s: (args.batch as f64 / median).round(),
        infer_images_per_s: Some(infer.round()),
        peak_rss_mb: peak_rss,
        first_step_s: round(first_step_s, 3),
        gflops: round(gflops, 2),
        share_of_peak: Some(round(gflops * 1e9 / tensor::peak_flops(), 3)),
    })
}

/// Test images classified in a second, at the best batch size.
fn best_inference(step: &TrainingStep, mode: Mode) -> f64 {
    let test = &step.data().test;
    let rate = |batch| {
        let mut batches = TestBatches::new(test, batch, mode);
        batches.classify(step.model());
        let times = time(1, Duration::from_millis(500), || {
            batches.classify(step.model());
        });
        test.len() as f64 / quantile(&times, 0.5)
    };
    INFER_BATCHES.into_iter().map(rate).fold(0.0, f64::max)
}
