//! A guard against lost speed that a noisy machine cannot fool: shares of the peak that this very process measures, by one
//! thread, with bars at half of what the shares were when they were set. A neighbour can take half of a CPU for a second; so a
//! share under its bar is measured again, and lost only if it stays there.
#![allow(missing_docs)]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tensor::{Conv2d, DType, Rng, Tensor};

/// How long a share under its bar is measured again.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a piece of work is repeated for its best time.
const TRY: Duration = Duration::from_millis(20);

/// One measurement at a time: the tests of this file would be each other's noise.
static QUIET: Mutex<()> = Mutex::new(());

/// The share of the peak that the quickest of many repetitions has.
fn share(operations: usize, work: &mut impl FnMut() -> Tensor) -> f64 {
    let peak = tensor::fma_peak();
    let (first, mut best) = (Instant::now(), f64::INFINITY);
    while first.elapsed() < TRY {
        let begun = Instant::now();
        drop(std::hint::black_box(work()));
        best = best.min(begun.elapsed().as_secs_f64());
    }
    operations as f64 / best / peak
}

fn expect(what: &str, least: f64, operations: usize, mut work: impl FnMut() -> Tensor) {
    tensor::set_threads(1);
    let begun = Instant::now();
    let mut found = share(operations, &mut work);
    while found < least && begun.elapsed() < PATIENCE {
        found = found.max(share(operations, &mut work));
    }
    println!("{what}: {:.0} % of the peak", 100.0 * found);
    assert!(
        found >= least,
        "{what}: {:.0} % of the peak, at least {:.0} % before",
        100.0 * found,
        100.0 * least
    );
}

/// The narrow last layer, small and large ones, and the operands turned over as in both gradients.
#[test]
fn products_of_matrices() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let rng = &mut Rng::new(1);
    for (m, k, n, least) in
        [(100, 784, 200, 0.35), (1000, 784, 10, 0.18), (100, 60, 30, 0.2), (784, 100, 200, 0.35)]
    {
        let a = Tensor::normal([m, k], 0.0, 1.0, DType::F32, rng);
        let b = Tensor::normal([k, n], 0.0, 1.0, DType::F32, rng);
        expect(&format!("{m} × {k} by {k} × {n}"), least, 2 * m * k * n, || a.matmul(&b));
        let (turned_a, turned_b) = (a.t().copy(), b.t().copy());
        expect(&format!("{m} × {k} by {k} × {n}, both turned"), least / 2.0, 2 * m * k * n, || {
            turned_a.t().matmul(&turned_b.t())
        });
    }
}

/// Images that are black but for a few lines: there the numbers need not be multiplied, forward and backward.
#[test]
fn products_with_zeros() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
    let rng = &mut Rng::new(3);
    let (lines, black) =
        (Tensor::normal([100, 84], 0.0, 1.0, DType::F32, rng), Tensor::zeros([100, 350], DType::F32));
    let images = Tensor::concat(&[&black, &lines, &black], 1);
    let weights = Tensor::normal([784, 200], 0.0, 1.0, DType::F32, rng);
    let gradient = Tensor::normal([100, 200], 0.0, 1.0, DType::F32, rng);
    let operations = 2 * 100 * 784 * 200;
    expect("images that are mostly black", 1.0, operations, || images.matmul(&weights));
    expect("the same, turned", 1.0, operations, || images.t().matmul(&gradient));
}

/// The layers of the tutorial's three convolutional models, from 1 to 64 channels.
#[test]
fn convolutions() {
    let _quiet = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
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
        let operations = 2 * y.count() * kernel * kernel * inputs;
        let name = format!("{kernel} × {kernel}, {inputs} to {outputs}");
        expect(&name, least, operations, || x.conv2d(&k, &conv));
        expect(&format!("{name}, gradient in the kernel"), least, operations, || {
            x.conv2d_kernel_grad(&y, k.shape(), &conv)
        });
        if inputs > 1 {
            expect(&format!("{name}, gradient in the images"), least, operations, || {
                y.conv2d_input_grad(&k, x.shape(), &conv)
            });
        }
    }
}
