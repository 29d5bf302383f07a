//! A training step on a batch of 100 for each of the nine models, and a pass over 1,000 images.
#![allow(missing_docs)]

use benches::{MODELS, Mode, TestBatches, TrainingStep, few_digits};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;

const IMAGES: usize = 1_000;

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).throughput(Throughput::Elements(100));
    let data = few_digits(IMAGES, 0);
    for model in MODELS {
        for mode in [Mode::Eager, Mode::Compiled] {
            let mut step = TrainingStep::new(model, data.clone(), 100, mode).unwrap();
            group.bench_function(format!("{}/{mode}", model.name), |b| b.iter(|| step.run()));
        }
    }
    group.finish();
}

fn predictions(c: &mut Criterion) {
    let mut group = c.benchmark_group("infer");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2))
        .throughput(Throughput::Elements(IMAGES as u64));
    let data = few_digits(100, IMAGES);
    for model in MODELS {
        let step = TrainingStep::new(model, data.clone(), 100, Mode::Eager).unwrap();
        for mode in [Mode::Eager, Mode::Compiled] {
            let mut batches = TestBatches::new(&data.test, 100, mode);
            group.bench_function(format!("{}/{mode}", model.name), |b| {
                b.iter(|| batches.classify(step.model()))
            });
        }
    }
    group.finish();
}

criterion_group!(all, steps, predictions);
criterion_main!(all);
