//! The kernels that the nine models spend their time in, at the shapes that they have there with batches of 100.
#![allow(missing_docs)]

use benches::Model;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nn::{Graph, Layer, loss};
use optim::{Adam, Optimizer, Sgd};
use std::hint::black_box;
use std::time::Duration;
use tensor::kernels;
use tensor::{Conv2d, DType, Rng, Tensor};

const BATCH: usize = 100;

fn normal<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::normal(shape, 0.0, 1.0, DType::F32, &mut Rng::new(1))
}

fn labels() -> Tensor {
    Tensor::from((0..BATCH as i64).map(|i| i % 10).collect::<Vec<_>>())
}

/// The three products of every dense layer; throughput in multiply-adds.
fn matmul(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    for [inputs, outputs] in [
        [784, 10],
        [784, 200],
        [200, 100],
        [100, 60],
        [60, 30],
        [30, 10],
        [588, 200],
        [1_176, 200],
        [3_136, 200],
        [200, 10],
    ] {
        let (x, w, dy) = (normal([BATCH, inputs]), normal([inputs, outputs]), normal([BATCH, outputs]));
        group.throughput(Throughput::Elements((BATCH * inputs * outputs) as u64));
        let name = |pass| format!("{inputs}x{outputs}/{pass}");
        group.bench_function(name("forward"), |b| b.iter(|| black_box(&x).matmul(&w)));
        group.bench_function(name("weight_grad"), |b| b.iter(|| black_box(&x).t().matmul(&dy)));
        group.bench_function(name("input_grad"), |b| b.iter(|| black_box(&dy).matmul(&w.t())));
    }
    let (x, y) = (normal([512, 512]), normal([512, 512]));
    group.throughput(Throughput::Elements(512 * 512 * 512));
    group.bench_function("512x512x512", |b| b.iter(|| black_box(&x).matmul(&y)));
    group.finish();
}

/// Forward and both gradients of the three convolutions of each of the three models; throughput in multiply-adds.
fn conv(c: &mut Criterion) {
    for (model, kernels, channels) in [
        ("convolutional", [5, 5, 4], [1, 4, 8, 12]),
        ("convolutional_bigger_dropout", [6, 5, 4], [1, 6, 12, 24]),
        ("batchnorm_conv", [6, 5, 4], [1, 24, 48, 64]),
    ] {
        let mut group = c.benchmark_group(format!("conv2d/{model}"));
        for (i, (kernel, [size, stride])) in kernels.into_iter().zip([[28, 1], [28, 2], [14, 2]]).enumerate()
        {
            let [inputs, outputs] = [channels[i], channels[i + 1]];
            let spec = Conv2d { stride: [stride; 2], ..Conv2d::default() };
            let (x, w) = (normal([BATCH, size, size, inputs]), normal([kernel, kernel, inputs, outputs]));
            let dy = x.conv2d(&w, &spec);
            group.throughput(Throughput::Elements((dy.numel() * kernel * kernel * inputs) as u64));
            let name = |pass| format!("{}/{pass}", i + 1);
            group.bench_function(name("forward"), |b| b.iter(|| x.conv2d(&w, &spec)));
            group.bench_function(name("kernel_grad"), |b| {
                b.iter(|| kernels::conv2d_kernel_grad(&x, &dy, w.shape(), &spec));
            });
            // The images of the first layer need no gradient.
            if i > 0 {
                group.bench_function(name("input_grad"), |b| {
                    b.iter(|| kernels::conv2d_input_grad(&dy, &w, x.shape(), &spec));
                });
            }
        }
        group.finish();
    }
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    for n in [10, 10_000, 1_881_600] {
        let (x, y) = (normal([n]), normal([n]));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("add/{n}"), |b| b.iter(|| x.add(&y)));
        group.bench_function(format!("relu/{n}"), |b| b.iter(|| x.relu()));
        group.bench_function(format!("exp/{n}"), |b| b.iter(|| x.exp()));
        group.bench_function(format!("sigmoid/{n}"), |b| b.iter(|| x.sigmoid()));
        group.bench_function(format!("tanh/{n}"), |b| b.iter(|| x.tanh()));
    }
    let (x, bias) = (normal([78_400, 24]), normal([24]));
    group.throughput(Throughput::Elements(78_400 * 24));
    group.bench_function("add_bias", |b| b.iter(|| x.add(&bias)));
    group.bench_function("transposed_copy", |b| b.iter(|| x.t().contiguous()));
    group.finish();
}

/// What recording costs: additions of 10 numbers, eager, each leaving a node in the graph.
fn recorded(c: &mut Criterion) {
    const OPS: usize = 1_000;
    let mut group = c.benchmark_group("recorded");
    let x = normal([10]);
    group.throughput(Throughput::Elements(OPS as u64));
    group.bench_function("add/10", |b| {
        b.iter_batched_ref(
            || Graph::training(0, 0),
            |graph| {
                let x = graph.input(x.clone());
                for _ in 0..OPS {
                    black_box(x + x);
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn reductions(c: &mut Criterion) {
    let mut group = c.benchmark_group("reductions");
    let (x, per_channel) = (normal([78_400, 24]), normal([24]));
    group.throughput(Throughput::Elements(78_400 * 24));
    group.bench_function("sum_rows", |b| b.iter(|| x.sum(0)));
    group.bench_function("sum_columns", |b| b.iter(|| x.sum(1)));
    group.bench_function("sum_all", |b| b.iter(|| x.sum(..)));
    group.bench_function("max_columns", |b| b.iter(|| x.max(1)));
    group.bench_function("moments", |b| b.iter(|| x.moments()));
    let c = &per_channel;
    group.bench_function("normalize", |b| b.iter(|| kernels::normalize(&x, c, c, c, c)));
    group.bench_function("normalize_sums", |b| b.iter(|| kernels::normalize_sums(&x, c, c, &x)));
    group.bench_function("normalize_grad", |b| b.iter(|| kernels::normalize_grad(&x, c, c, c, c, &x)));
    group.finish();
}

/// Softmax cross-entropy of 100 images and its gradient, on a graph.
fn cross_entropy(c: &mut Criterion) {
    let mut group = c.benchmark_group("softmax_cross_entropy");
    let (logits, labels) = (normal([BATCH, 10]), labels());
    group.throughput(Throughput::Elements((BATCH * 10) as u64));
    group.bench_function("forward", |b| {
        b.iter(|| {
            let graph = Graph::inference();
            loss::softmax_cross_entropy(graph.input(logits.clone()), graph.input(labels.clone())).item()
        });
    });
    group.bench_function("forward_and_grad", |b| {
        b.iter(|| {
            let graph = Graph::training(0, 0);
            let x = graph.input(logits.clone());
            let [dx] = graph.grad(loss::softmax_cross_entropy(x, graph.input(labels.clone())), [x]);
            dx.value()
        });
    });
    group.finish();
}

/// One update of all parameters; throughput in parameters.
fn optimizer(c: &mut Criterion) {
    let mut group = c.benchmark_group("optimizer");
    for name in ["five_layers_relu_lrdecay", "batchnorm_conv"] {
        let mut model = (Model::named(name).unwrap().build)(&mut Rng::new(0));
        let graph = Graph::training(0, 0);
        let logits = model.forward(graph.input(normal([BATCH, 28, 28, 1])));
        let grads = loss::softmax_cross_entropy(logits, graph.input(labels())).backward();
        drop(graph);
        group.throughput(Throughput::Elements(nn::Module::param_count(&model) as u64));
        let rules: [(&str, Box<dyn Optimizer>); 3] = [
            ("sgd", Box::new(Sgd::new())),
            ("momentum", Box::new(Sgd::new().momentum(0.9))),
            ("adam", Box::new(Adam::new())),
        ];
        for (rule, mut optimizer) in rules {
            group.bench_function(format!("{name}/{rule}"), |b| {
                b.iter(|| optimizer.step(&mut model, &grads, 1e-6));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = matmul, conv, elementwise, recorded, reductions, cross_entropy, optimizer
}
criterion_main!(all);
