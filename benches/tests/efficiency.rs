//! A guard against lost speed that a noisy machine cannot fool: shares of the peak that this very process measures, by one
//! thread, the best of several tries, and the bars at half of what they were when they were set.
#![allow(missing_docs)]

use std::time::Instant;
use tensor::{Conv2d, DType, Rng, Tensor};

/// The best share of the peak in several tries.
fn share(operations: usize, mut work: impl FnMut() -> Tensor) -> f64 {
    tensor::set_threads(1);
    let repetitions = (50_000_000 / operations).max(1);
    let tries = (0..7).map(|_| {
        let peak = tensor::fma_peak();
        let begun = Instant::now();
        (0..repetitions).for_each(|_| drop(std::hint::black_box(work())));
        (operations * repetitions) as f64 / begun.elapsed().as_secs_f64() / peak
    });
    tries.fold(0.0, f64::max)
}

fn expect(what: &str, least: f64, found: f64) {
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
    let rng = &mut Rng::new(1);
    for (m, k, n, least) in
        [(100, 784, 200, 0.35), (1000, 784, 10, 0.18), (100, 60, 30, 0.2), (784, 100, 200, 0.35)]
    {
        let a = Tensor::normal([m, k], 0.0, 1.0, DType::F32, rng);
        let b = Tensor::normal([k, n], 0.0, 1.0, DType::F32, rng);
        expect(&format!("{m} × {k} by {k} × {n}"), least, share(2 * m * k * n, || a.matmul(&b)));
        let (turned_a, turned_b) = (a.t().copy(), b.t().copy());
        let found = share(2 * m * k * n, || turned_a.t().matmul(&turned_b.t()));
        expect(&format!("{m} × {k} by {k} × {n}, both turned"), least / 2.0, found);
    }
}

/// The layers of the tutorial's three convolutional models, from 1 to 64 channels.
#[test]
fn convolutions() {
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
        expect(&name, least, share(operations, || x.conv2d(&k, &conv)));
        let found = share(operations, || x.conv2d_kernel_grad(&y, k.shape(), &conv));
        expect(&format!("{name}, gradient in the kernel"), least, found);
        if inputs > 1 {
            let found = share(operations, || y.conv2d_input_grad(&k, x.shape(), &conv));
            expect(&format!("{name}, gradient in the images"), least, found);
        }
    }
}
