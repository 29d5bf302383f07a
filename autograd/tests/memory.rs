//! Memory, in a process of its own so that no other test counts.

/// The memory that this process has, in KiB.
#[cfg(target_os = "linux")]
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn training_does_not_grow() {
    use autograd::{DType, Graph, Param, Rng, Tensor};

    let rng = &mut Rng::new(1);
    let images = Tensor::normal([64, 12, 12, 4], 0.0, 1.0, DType::F32, rng);
    let labels = Tensor::from((0..64).map(|i| i % 10).collect::<Vec<i64>>());
    let kernel = Param::new(Tensor::normal([3, 3, 4, 8], 0.0, 0.1, DType::F32, rng));
    let weight = Param::new(Tensor::normal([1152, 10], 0.0, 0.03, DType::F32, rng));
    let mean = Param::state(Tensor::zeros([8], DType::F32));
    let mut model = (kernel, weight, mean);
    let mut after_100 = 0;
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
            after_100 = resident();
        }
    }
    let growth = resident() - after_100;
    assert!(growth < 4 << 10, "{growth} KiB more after step 300 than the {after_100} KiB after step 100");
}
