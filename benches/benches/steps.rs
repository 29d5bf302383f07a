//! A training step and a prediction of each of the nine models, for batches of 100.
#![allow(missing_docs)]

use benches::{MODELS, TrainingStep};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).throughput(Throughput::Elements(100));
    for (name, _) in MODELS {
        let mut step = TrainingStep::new(name, 100);
        group.bench_function(name, |b| b.iter(|| step.run()));
    }
    group.finish();
}

fn predictions(c: &mut Criterion) {
    let mut group = c.benchmark_group("infer");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).throughput(Throughput::Elements(100));
    for (name, _) in MODELS {
        let step = TrainingStep::new(name, 100);
        group.bench_function(name, |b| b.iter(|| step.infer()));
    }
    group.finish();
}

criterion_group!(all, steps, predictions);
criterion_main!(all);
