//! Shares of the machine's peak that matrix products and convolutions reach by one thread, against bars at half of what they
//! were when these were set. Ends with exit code 1 if one stays below its bar; for a machine that does nothing else.
#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tensor::kernels;
use tensor::{Conv2d, DType, Rng, Tensor};

/// How long a share below its bar is measured again: a neighbour can take half of a CPU for a second.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a piece of work is repeated for its best time.
const TRY: Duration = Duration::from_millis(20);

/// Measures which share of the machine's peak the kernels reach, and fails if one is below its bar.
#[derive(Parser)]
struct Args {}

fn main() -> ExitCode {
    Args::parse();
    tensor::set_threads(1);
    println!("one thread, {}, peak {:.0} GFLOP/s", tensor::simd_level(), tensor::peak_flops() / 1e9);
    println!("{:>8} {:>8}", "share", "bar");
    let mut bars = Bars { missed: 0 };
    products_of_matrices(&mut bars);
    products_with_zeros(&mut bars);
    convolutions(&mut bars);
    match bars.missed {
        0 => ExitCode::SUCCESS,
        missed => {
            eprintln!("error: {missed} below the bar");
            ExitCode::FAILURE
        }
    }
}

/// The share of the peak that the quickest of many repetitions has.
fn share(operations: usize, work: &mut impl FnMut() -> Tensor) -> f64 {
    let peak = tensor::peak_flops();
    let (first, mut best) = (Instant::now(), f64::INFINITY);
    while first.elapsed() < TRY {
        let begun = Instant::now();
        drop(std::hint::black_box(work()));
        best = best.min(begun.elapsed().as_secs_f64());
    }
    operations as f64 / best / peak
}

struct Bars {
    missed: usize,
}

impl Bars {
    /// `operations` of work are done at no less than the share `least` of the peak.
    fn expect(&mut self, what: &str, least: f64, operations: usize, mut work: impl FnMut() -> Tensor) {
        let begun = Instant::now();
        let mut found = share(operations, &mut work);
        while found < least && begun.elapsed() < PATIENCE {
            found = found.max(share(operations, &mut work));
        }
        let below = if found < least { "  BELOW" } else { "" };
        println!("{:>6.0} % {:>6.0} %  {what}{below}", 100.0 * found, 100.0 * least);
        self.missed += usize::from(found < least);
    }
}

/// The narrow last layer, small and large ones, and the operands turned over as in both gradients.
fn products_of_matrices(bars: &mut Bars) {
    let rng = &mut Rng::new(1);
    for (m, k, n, least) in
        [(100, 784, 200, 0.35), (1000, 784, 10, 0.18), (100, 60, 30, 0.2), (784, 100, 200, 0.35)]
    {
        let a = Tensor::normal([m, k], 0.0, 1.0, DType::F32, rng);
        let b = Tensor::normal([k, n], 0.0, 1.0, DType::F32, rng);
        bars.expect(&format!("{m} × {k} by {k} × {n}"), least, 2 * m * k * n, || a.matmul(&b));
        let (turned_a, turned_b) = (a.t().copy(), b.t().copy());
        bars.expect(&format!("{m} × {k} by {k} × {n}, both turned"), least / 2.0, 2 * m * k * n, || {
            turned_a.t().matmul(&turned_b.t())
        });
    }
}

/// Images that are black but for a few lines: there the numbers need not be multiplied, forward and backward.
fn products_with_zeros(bars: &mut Bars) {
    let rng = &mut Rng::new(3);
    let (lines, black) =
        (Tensor::normal([100, 84], 0.0, 1.0, DType::F32, rng), Tensor::zeros([100, 350], DType::F32));
    let images = Tensor::concat(&[&black, &lines, &black], 1);
    let weights = Tensor::normal([784, 200], 0.0, 1.0, DType::F32, rng);
    let gradient = Tensor::normal([100, 200], 0.0, 1.0, DType::F32, rng);
    let operations = 2 * 100 * 784 * 200;
    // More than the peak where zeros are left out as soon as they are met; with AMX 92 % of it.
    bars.expect("images that are mostly black", 0.8, operations, || images.matmul(&weights));
    bars.expect("the same, turned", 0.8, operations, || images.t().matmul(&gradient));
}

/// The layers of the tutorial's three convolutional models, from 1 to 64 channels.
fn convolutions(bars: &mut Bars) {
    let rng = &mut Rng::new(2);
    for (kernel, size, [inputs, outputs], stride, least) in [
        (5, 28, [1, 4], 1, 0.15),
        (5, 28, [4, 8], 2, 0.2),
        (4, 14, [8, 12], 2, 0.2),
        (6, 28, [1, 24], 1, 0.25),
        (5, 28, [24, 48], 2, 0.35),
        (4, 14, [48, 64], 2, 0.35),
    ] {
        let conv = Conv2d { stride: [stride; 2], ..Conv2d::default() };
        let x = Tensor::normal([100, size, size, inputs], 0.0, 1.0, DType::F32, rng);
        let k = Tensor::normal([kernel, kernel, inputs, outputs], 0.0, 1.0, DType::F32, rng);
        let y = x.conv2d(&k, &conv);
        let operations = 2 * y.numel() * kernel * kernel * inputs;
        let name = format!("{kernel} × {kernel}, {inputs} to {outputs}");
        bars.expect(&name, least, operations, || x.conv2d(&k, &conv));
        bars.expect(&format!("{name}, gradient in the kernel"), least, operations, || {
            kernels::conv2d_kernel_grad(&x, &y, k.shape(), &conv)
        });
        if inputs > 1 {
            bars.expect(&format!("{name}, gradient in the images"), least, operations, || {
                kernels::conv2d_input_grad(&y, &k, x.shape(), &conv)
            });
        }
    }
}
