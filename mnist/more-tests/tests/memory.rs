//! The memory that a run of the largest model holds, counted in a process of its own so that no other test counts: what the
//! system says would depend on its pages and threads.

use mnist::data::Split;
use mnist::{Engine, Mode, models, synthetic};
use nn::Rng;
use optim::Adam;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

/// The system's allocator, counting requests of all threads.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that were requested since then and not given back.
fn held(since: &Region<'_, System>) -> i64 {
    let change = since.change();
    change.bytes_allocated as i64 - change.bytes_deallocated as i64
}

#[test]
fn batchnorm_conv_stays_small_and_does_not_grow() {
    // Each further thread has workspaces of its own, and takes its first task whenever the system lets it.
    nn::set_threads(1);
    let since = Region::new(ALLOCATOR);
    let (images, labels) = synthetic::digits(3, 1_000);
    let digits = Split { images, labels, rows: 28, cols: 28 };
    let (mut model, mut adam) = (models::batchnorm_conv(&mut Rng::new(1)), Adam::new());
    let mut engine = Engine::new(Mode::Compiled, 7);
    let mut early = 0;
    for step in 0..60 {
        let indices: Vec<usize> = (0..100).map(|i| (i * 7 + step * 31) % digits.len()).collect();
        engine.train(&mut model, &mut adam, 1e-3, &digits, &indices);
        if step % 20 == 0 {
            engine.test(&model, &digits).unwrap();
        }
        if step == 20 {
            early = held(&since);
        }
    }
    let late = held(&since);
    println!("{early} bytes after 20 steps, {late} at the end");
    assert!(late <= early + (64 << 10), "{late} bytes at the end, {early} after 20 steps");
    // Buffers that are kept to be used again are the largest part. The 55 MB of MNIST come on top.
    assert!(late < 160 << 20, "{late} bytes at the end");
}
