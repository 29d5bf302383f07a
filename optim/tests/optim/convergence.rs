//! Every optimizer finds the bottom of two well-known valleys.

use autograd::{Graph, Param, Tensor, Var};
use optim::{Adam, CosineDecay, Epsilon, ExponentialDecay, Optimizer, Schedule, Sgd};

fn minimise<'a>(
    mut optimizer: impl Optimizer,
    rate: impl Schedule,
    start: Tensor,
    steps: u64,
    loss: impl for<'g> Fn(Var<'g>) -> Var<'g> + 'a,
) -> Vec<f64> {
    let mut param = Param::new(start);
    for step in 0..steps {
        let graph = Graph::training(0, step);
        let grads = loss(graph.param(&param)).backward();
        drop(graph);
        optimizer.step(&mut param, &grads, rate.at(step));
    }
    param.value().to(autograd::DType::F64).to_vec()
}

/// `Σ c·(x − target)²` with curvatures from 1 to 100.
fn quadratic(x: Var<'_>) -> Var<'_> {
    let curvature = Tensor::from([1.0, 10.0, 100.0]).to(x.dtype());
    let target = Tensor::from([1.0, -2.0, 3.0]).to(x.dtype());
    let graph = x.graph();
    ((x - graph.constant(target)).square() * graph.constant(curvature)).sum(..)
}

/// `(1 − x)² + 100·(y − x²)²`, whose minimum (1, 1) lies in a curved, flat valley.
fn rosenbrock(p: Var<'_>) -> Var<'_> {
    let (x, y) = (p.narrow(0, 0, 1), p.narrow(0, 1, 1));
    ((x * -1.0 + 1.0).square() + (y - x * x).square() * 100.0).sum(..)
}

#[track_caller]
fn assert_at(found: &[f64], minimum: &[f64], tolerance: f64) {
    for (a, b) in found.iter().zip(minimum) {
        assert!((a - b).abs() < tolerance, "{found:?} is not {minimum:?}");
    }
}

#[test]
fn all_find_the_minimum_of_a_quadratic() {
    let minimum = [1.0, -2.0, 3.0];
    for start in [Tensor::zeros([3], autograd::DType::F64), Tensor::zeros([3], autograd::DType::F32)] {
        let plain = minimise(Sgd::new(), 0.005, start.clone(), 2000, quadratic);
        assert_at(&plain, &minimum, 1e-5);
        let momentum = minimise(Sgd::new().momentum(0.9), 0.002, start.clone(), 500, quadratic);
        assert_at(&momentum, &minimum, 1e-5);
        let nesterov = Sgd::new().momentum(0.9).nesterov(true);
        assert_at(&minimise(nesterov, 0.002, start.clone(), 500, quadratic), &minimum, 1e-5);
        let rate = ExponentialDecay::new(0.3, 0.0, 100.0);
        assert_at(&minimise(Adam::new(), rate, start, 1000, quadratic), &minimum, 1e-3);
    }
}

#[test]
fn all_find_the_end_of_rosenbrocks_valley() {
    let start = || Tensor::from([-1.2_f64, 1.0]);
    let nesterov = Sgd::new().momentum(0.95).nesterov(true);
    assert_at(&minimise(nesterov, 0.0003, start(), 5000, rosenbrock), &[1.0, 1.0], 1e-2);
    for epsilon in [Epsilon::TensorFlow(1e-8), Epsilon::PyTorch(1e-8)] {
        let rate = CosineDecay::new(0.02, 0.0, 5000);
        let found = minimise(Adam::new().epsilon(epsilon), rate, start(), 5000, rosenbrock);
        assert_at(&found, &[1.0, 1.0], 1e-2);
    }
}

/// AdamW ends where the pull of the loss and the decay are equal, not at the minimum.
#[test]
fn weight_decay_pulls_toward_zero() {
    let start = || Tensor::zeros([3], autograd::DType::F64);
    let found = minimise(Adam::new().weight_decay(0.05), 0.01, start(), 3000, quadratic);
    for (found, minimum) in found.iter().zip([1.0_f64, -2.0, 3.0]) {
        assert!(
            found * minimum.signum() < minimum.abs() - 1e-6 && found * minimum > 0.0,
            "{found} at {minimum}"
        );
    }
}
