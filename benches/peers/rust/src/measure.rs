//! Checking and measuring a peer.

use crate::{Data, Model, BATCH};
use clap::Parser;
use serde_json::{json, Value};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// A model in a framework.
pub trait Peer {
    const FRAMEWORK: &'static str;
    const VERSION: &'static str;
    const VARIANT: &'static str;

    fn new(model: &Model) -> Self;
    /// A whole training step, the loss included.
    fn train(&mut self, images: Vec<f32>, labels: &[u8], rate: f64);
    /// How many of these images are recognised.
    fn right(&mut self, images: &[f32], labels: &[u8]) -> usize;
    /// 100 times the mean cross-entropy with the batch's statistics and no dropout.
    fn loss(&mut self, images: Vec<f32>, labels: &[u8]) -> f64;
}

#[derive(Parser)]
struct Args {
    /// One of the nine models, or all
    #[arg(long, default_value = "all")]
    model: String,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[arg(long, default_value_t = 300)]
    steps: usize,
    /// The folder that `step --export` has written
    #[arg(long)]
    start: PathBuf,
    /// Print the loss of the first step and no times
    #[arg(long)]
    check: bool,
}

/// Checks or measures one model or all of them, and prints a JSON line for each.
pub fn main<P: Peer>() {
    let args = Args::parse();
    // Before any thread is started, which reads it.
    std::env::set_var("RAYON_NUM_THREADS", args.threads.to_string());
    let mut data = Data::load(&args.start);
    let names = if args.model == "all" { Model::NAMES.to_vec() } else { vec![args.model.as_str()] };
    for name in names {
        let model = Model::load(&args.start, name);
        let mut line = json!({
            "framework": P::FRAMEWORK, "version": P::VERSION, "variant": P::VARIANT, "model": name,
        });
        let results = if args.check { check::<P>(&model) } else { measure::<P>(&args, &model, &mut data) };
        let (Value::Object(line_fields), Value::Object(more)) = (&mut line, results) else { unreachable!() };
        line_fields.extend(more);
        println!("{line}");
    }
}

fn check<P: Peer>(model: &Model) -> Value {
    let loss = P::new(model).loss(model.images.clone(), &model.labels);
    json!({ "parameters": model.parameters(), "flops": model.flops(), "loss": loss })
}

fn measure<P: Peer>(args: &Args, model: &Model, data: &mut Data) -> Value {
    let mut peer = P::new(model);
    let mut done = 0;
    let mut step = |peer: &mut P| {
        let begun = Instant::now();
        let (images, labels) = data.batch();
        peer.train(images, &labels, model.rate(done));
        done += 1;
        begun.elapsed().as_secs_f64()
    };
    step(&mut peer);
    let first_step_s = seconds_since_start();
    for _ in 0..(args.steps / 10).max(3) {
        step(&mut peer);
    }
    let mut times: Vec<f64> = (0..args.steps).map(|_| step(&mut peer)).collect();
    times.sort_by(f64::total_cmp);
    let (median, p10) = (times[times.len() / 2], times[times.len() / 10]);
    classify(&mut peer, data, BATCH);
    let memory = peak_rss_mb();
    json!({
        "threads": args.threads,
        "mode": "eager",
        "ms_per_step_median": median * 1e3,
        "ms_per_step_p10": p10 * 1e3,
        "images_per_s": BATCH as f64 / median,
        "infer_images_per_s": best_inference(&mut peer, data),
        "peak_rss_mb": memory,
        "first_step_s": first_step_s,
        "gflops": model.flops() as f64 / median / 1e9,
        "share_of_peak": null,
    })
}

fn classify<P: Peer>(peer: &mut P, data: &Data, batch: usize) -> usize {
    let (images, labels) = &data.test;
    images.chunks(batch * 784).zip(labels.chunks(batch)).map(|(x, y)| peer.right(x, y)).sum()
}

/// Test images classified in a second at the best batch size.
fn best_inference<P: Peer>(peer: &mut P, data: &Data) -> f64 {
    let mut best: f64 = 0.0;
    for batch in [100, 1000] {
        let (begun, mut times) = (Instant::now(), vec![]);
        while begun.elapsed() < Duration::from_millis(500) {
            let start = Instant::now();
            classify(peer, data, batch);
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        best = best.max(data.test.1.len() as f64 / times[times.len() / 2]);
    }
    best
}

/// By the time that whoever started this process has left in the environment.
fn seconds_since_start() -> Option<f64> {
    let spawned: f64 = std::env::var("BENCH_SPAWNED_AT").ok()?.parse().ok()?;
    Some(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64() - spawned)
}

fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? * 1024.0 / 1e6)
}
