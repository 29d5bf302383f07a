//! The kernels that the nine models spend their time in.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensor::{Conv2d, DType, Rng, Tensor};

fn normal<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::normal(shape, 0.0, 1.0, DType::F32, &mut Rng::new(1))
}

/// Throughput is in multiply-adds.
fn matmul(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    for [m, k, n] in [[100, 784, 200], [784, 100, 200], [100, 3136, 200], [512, 512, 512], [78_400, 36, 24]] {
        let (a, b) = (normal([m, k]), normal([k, n]));
        group.throughput(Throughput::Elements((m * k * n) as u64));
        group.bench_function(format!("{m}x{k}x{n}"), |bench| bench.iter(|| black_box(&a).matmul(&b)));
    }
    group.finish();
}

/// The three convolutions of batchnorm_conv, forward and both gradients; throughput in multiply-adds.
fn conv(c: &mut Criterion) {
    let mut group = c.benchmark_group("conv2d");
    for (name, [size, inputs, outputs, kernel, stride]) in
        [("conv1", [28, 1, 24, 6, 1]), ("conv2", [28, 24, 48, 5, 2]), ("conv3", [14, 48, 64, 4, 2])]
    {
        let spec = Conv2d { stride: [stride; 2], ..Conv2d::default() };
        let (x, w) = (normal([100, size, size, inputs]), normal([kernel, kernel, inputs, outputs]));
        let dy = x.conv2d(&w, &spec);
        group.throughput(Throughput::Elements((dy.count() * kernel * kernel * inputs) as u64));
        group.bench_function(format!("{name}/forward"), |b| b.iter(|| x.conv2d(&w, &spec)));
        group.bench_function(format!("{name}/input_grad"), |b| {
            b.iter(|| dy.conv2d_input_grad(&w, x.shape(), &spec));
        });
        group.bench_function(format!("{name}/kernel_grad"), |b| {
            b.iter(|| x.conv2d_kernel_grad(&dy, w.shape(), &spec));
        });
    }
    group.finish();
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    for n in [10, 10_000, 1_881_600] {
        let (x, y) = (normal([n]), normal([n]));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("add/{n}"), |b| b.iter(|| x.add(&y)));
        group.bench_function(format!("exp/{n}"), |b| b.iter(|| x.exp()));
    }
    let (x, bias) = (normal([78_400, 24]), normal([24]));
    group.throughput(Throughput::Elements(78_400 * 24));
    group.bench_function("add_bias", |b| b.iter(|| x.add(&bias)));
    group.bench_function("sum_rows", |b| b.iter(|| x.sum(0)));
    group.bench_function("sum_columns", |b| b.iter(|| x.sum(1)));
    group.bench_function("moments", |b| b.iter(|| x.moments()));
    group.bench_function("normalize_grad", |b| b.iter(|| x.normalize_grad(&bias, &bias, &x)));
    group.finish();
}

criterion_group!(all, matmul, conv, elementwise);
criterion_main!(all);
