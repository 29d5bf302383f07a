//! One line of results.

use crate::Mode;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime};

/// The environment variable with the time at which a measured process was started, in seconds since 1970, as written by
/// who starts it.
pub const SPAWNED_AT: &str = "BENCH_SPAWNED_AT";

/// The batch sizes of which the best counts for inference.
pub const INFER_BATCHES: [usize; 6] = [50, 100, 200, 500, 1_000, 10_000];

/// What was measured of one model in a process of its own: our own line, and the common part of the peers'.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    /// The name of the model.
    pub model: String,
    /// Threads that it was allowed.
    pub threads: usize,
    /// Whether operations are computed one by one or by a compiled program.
    pub mode: Mode,
    /// Milliseconds of a training step, picking the batch included: the median.
    pub ms_per_step_median: f64,
    /// The same, the tenth percentile.
    pub ms_per_step_p10: f64,
    /// Images trained on in a second, by the median.
    pub images_per_s: f64,
    /// Test images classified in a second, at the best of several batch sizes.
    pub infer_images_per_s: Option<f64>,
    /// Most memory that the process had until training and one test were done.
    pub peak_rss_mb: Option<f64>,
    /// Seconds from the start of the process to the end of the first training step.
    pub first_step_s: f64,
    /// GFLOP/s of a training step, by the median.
    pub gflops: f64,
    /// The same as a share of the FMA peak of these threads.
    pub share_of_peak: Option<f64>,
}

/// Speed and memory of training at its end beside those at its beginning: a line of the program `steady`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steady {
    /// The name of the model.
    pub model: String,
    /// Threads that it was allowed.
    pub threads: usize,
    /// Whether operations are computed one by one or by a compiled program.
    pub mode: Mode,
    /// Training steps until the end.
    pub steps: u64,
    /// Milliseconds of a training step around step 500, the median, as training came by.
    pub ms_per_step_500: f64,
    /// The same of the last steps.
    pub ms_per_step_end: f64,
    /// Steps per second at the end over those around step 500, both states of training timed by turns.
    pub speed_kept: f64,
    /// Most memory that the process had until step 100, a test and the data set included.
    pub peak_rss_mb_100: Option<f64>,
    /// The same until the end.
    pub peak_rss_mb_end: Option<f64>,
    /// Requests for memory in a step, on average from step 750 on.
    pub allocations_per_step: f64,
    /// The share of the test images recognised at the end.
    pub test_accuracy: f64,
}

/// What a training step costs at one size: a line of the program `scaling`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The name of the model whose batch is varied, or `width` or `depth`, or `operations`.
    pub series: String,
    /// Images in a batch, or units or layers of the model, or operations in a graph.
    pub size: usize,
    /// Milliseconds of a training step or of the graph, the median.
    pub ms_per_step: f64,
    /// The same in microseconds, divided by the size.
    pub us_per_unit: f64,
}

/// Seconds since this process was started: since the time in [`SPAWNED_AT`], or since `main` without it.
pub fn seconds_since_start(main: Instant) -> f64 {
    let spawned = std::env::var(SPAWNED_AT).ok().and_then(|text| text.parse::<f64>().ok());
    spawned.map_or(main.elapsed().as_secs_f64(), |spawned| unix_seconds() - spawned)
}

/// Seconds since 1970.
pub fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Most memory that this process ever had, in MB; `None` where the system does not say.
pub fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(round(kib * 1024.0 / 1e6, 1))
}

/// Times `f` at least `least` times and at least this long; returns seconds, sorted.
pub fn time(least: usize, long: Duration, mut f: impl FnMut()) -> Vec<f64> {
    let begun = Instant::now();
    let mut times = vec![];
    while times.len() < least || begun.elapsed() < long {
        let start = Instant::now();
        f();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}

/// The value that this share of the sorted numbers lies below.
///
/// # Panics
/// If there are no numbers.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// The number with so many decimals.
pub fn round(x: f64, decimals: i32) -> f64 {
    let unit = 10_f64.powi(decimals);
    (x * unit).round() / unit
}
