//! Whether training stays as fast as it begins: trains one of the nine models for 10,000 steps, and prints one JSON line with
//! speed, memory and allocations then and at the beginning.
#![forbid(unsafe_code)]

use benches::measurement::{Steady, peak_rss_mb, quantile, round, time};
use benches::{Mode, Model, TrainingStep, digits};
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Compares the speed and memory of training after many steps with those at the beginning; prints a JSON line.
#[derive(Parser)]
struct Args {
    /// One of the nine models
    #[arg(long)]
    model: String,
    /// Threads to compute with [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How steps are computed
    #[arg(long, value_enum, default_value_t = Mode::Compiled)]
    mode: Mode,
    /// Training steps; fewer than the tutorial's 10,000 only try the program out
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1_500..))]
    steps: u64,
    /// Folder with the four MNIST files [default: MNIST_DIR, the cache, or synthetic digits]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Images in a training batch.
const BATCH: usize = 100;
/// Steps at the beginning that are compared, around step 500, and as many at the end.
const EARLY: std::ops::Range<u64> = 250..750;
/// Steps that one model does before it is the other's turn, and how many of them only fill the caches.
const TURN: usize = 20;
const UNTIMED: usize = 4;
/// How long the two are compared at least.
const LONG_ENOUGH: Duration = Duration::from_secs(5);

/// The system's allocator, counting requests of all threads.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let args = Args::parse();
    let line = run(&args).and_then(|line| serde_json::to_string(&line).map_err(|error| error.to_string()));
    match line {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<Steady, String> {
    if let Some(threads) = args.threads {
        nn::set_threads(threads);
    }
    let model = Model::named(&args.model)?;
    let data = Arc::new(digits(args.data.as_deref()).map_err(|error| error.to_string())?);
    let mut trained = TrainingStep::new(model, data.clone(), BATCH, args.mode)?;
    let compared = (EARLY.end - EARLY.start) as usize;

    advance(&mut trained, 100);
    trained.test();
    let peak_rss_mb_100 = peak_rss_mb();
    advance(&mut trained, EARLY.start - 100);
    let early = median_ms(&mut trained, compared);
    let since = Region::new(ALLOCATOR);
    let counted = args.steps - EARLY.end - compared as u64;
    advance(&mut trained, counted);
    let change = since.change();
    let allocations = change.allocations + change.reallocations;
    let late = median_ms(&mut trained, compared);
    let accuracy = trained.test().unwrap_or(0.0);
    let peak_rss_mb_end = peak_rss_mb();

    // Quick models several times, each time with memory elsewhere, which alone makes some per cent.
    let (begun, mut ratios) = (Instant::now(), vec![]);
    while ratios.is_empty() || begun.elapsed() < LONG_ENOUGH {
        let mut young = TrainingStep::new(model, data.clone(), BATCH, args.mode)?;
        advance(&mut young, EARLY.start);
        ratios.extend(side_by_side(&mut young, &mut trained, compared / TURN));
    }
    ratios.sort_by(f64::total_cmp);
    Ok(Steady {
        model: args.model.clone(),
        threads: nn::threads(),
        mode: args.mode,
        steps: args.steps,
        ms_per_step_500: round(early, 4),
        ms_per_step_end: round(late, 4),
        speed_kept: round(quantile(&ratios, 0.5), 3),
        peak_rss_mb_100,
        peak_rss_mb_end,
        allocations_per_step: round(allocations as f64 / counted as f64, 4),
        test_accuracy: accuracy,
    })
}

fn advance(step: &mut TrainingStep, steps: u64) {
    for _ in 0..steps {
        step.run();
    }
}

/// The median of so many steps, in milliseconds.
fn median_ms(step: &mut TrainingStep, steps: usize) -> f64 {
    let times = time(steps, Duration::ZERO, || {
        step.run();
    });
    quantile(&times, 0.5) * 1e3
}

/// Steps per second of the trained model over those of the young one in each turn. Minutes lie between the beginning and the
/// end of training, in which the machine's clock and its other guests change, but not between the two of a turn.
fn side_by_side(young: &mut TrainingStep, trained: &mut TrainingStep, turns: usize) -> Vec<f64> {
    let turn = |step: &mut TrainingStep| {
        advance(step, UNTIMED as u64);
        median_ms(step, TURN - UNTIMED)
    };
    let ratio = |i| {
        // Each goes first every other time.
        if i % 2 == 0 {
            let young = turn(young);
            young / turn(trained)
        } else {
            let trained = turn(trained);
            turn(young) / trained
        }
    };
    (0..turns).map(ratio).collect()
}
