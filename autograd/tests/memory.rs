//! Memory, counted in a process of its own so that no other test counts: what the system says would depend on its pages.

use autograd::{DType, Graph, Param, Rng, Tensor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

/// The system's allocator, counting requests of all threads.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn training_does_not_grow() {
    // A further thread makes its workspaces whenever the system first lets it.
    autograd::set_threads(1);
    let rng = &mut Rng::new(1);
    let images = Tensor::normal([64, 12, 12, 4], 0.0, 1.0, DType::F32, rng);
    let labels = Tensor::from((0..64).map(|i| i % 10).collect::<Vec<i64>>());
    let kernel = Param::new(Tensor::normal([3, 3, 4, 8], 0.0, 0.1, DType::F32, rng));
    let weight = Param::new(Tensor::normal([1152, 10], 0.0, 0.03, DType::F32, rng));
    let mean = Param::buffer(Tensor::zeros([8], DType::F32));
    let mut model = (kernel, weight, mean);
    let mut since = Region::new(ALLOCATOR);
    for step in 0..300 {
        // The last batch of every epoch is smaller.
        let n = if step % 7 == 6 { 40 } else { 64 };
        let graph = Graph::training(1, step);
        let (kernel, weight, mean) = &model;
        let x = graph.input(images.narrow(0, 0, n)).conv2d(graph.param(kernel), Default::default());
        graph.update(mean, graph.param(mean) * 0.9 + x.detach().mean([0, 1, 2]) * 0.1);
        let hidden = x.batch_norm(1e-3).relu() * graph.bernoulli([n, 12, 12, 8], 0.5, DType::F32) * 2.0;
        let logits = hidden.flatten(1).matmul(graph.param(weight));
        let chosen = logits.log_softmax(1).gather(1, graph.input(labels.narrow(0, 0, n)).unsqueeze(1));
        let grads = (-chosen.mean(..)).backward();
        drop(graph);
        grads.apply(&mut model, &mut |_, param, grad| *param.value_mut() -= &(grad * 0.01)).unwrap();
        if step == 99 {
            since.reset();
        }
    }
    let change = since.change();
    let growth = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
    assert!(growth <= 4 << 10, "{growth} bytes more after step 300 than after step 100");
}
