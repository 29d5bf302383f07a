//! SGD against sums written out, and Nesterov's method against its original form.

use crate::{assert_close, descend, grads_of, some_grads};
use autograd::{Graph, Param, Tensor};
use optim::{Optimizer, Sgd};

#[test]
fn plain_descent_subtracts_the_sum_of_the_gradients() {
    let grads = some_grads(30);
    let expected: Vec<f64> = (1..=30).map(|t| 0.5 - 0.1 * grads[..t].iter().sum::<f64>()).collect();
    assert_close(&descend(&mut Sgd::new(), 0.5, &grads, 0.1), &expected, 1e-12);
}

/// A gradient counts once now, and μ, μ², … times later: `(1 − μ^n)/(1 − μ)` in all after n steps.
#[test]
fn momentum_repeats_each_gradient() {
    let (mu, grads) = (0.8, some_grads(30));
    let weight = |n: usize| (1.0 - mu_power(mu, n)) / (1.0 - mu);
    let expected: Vec<f64> =
        (1..=30).map(|t| 0.5 - 0.1 * (0..t).map(|i| grads[i] * weight(t - i)).sum::<f64>()).collect();
    assert_close(&descend(&mut Sgd::new().momentum(mu), 0.5, &grads, 0.1), &expected, 1e-12);
    // Nesterov's form is one step ahead along the velocity.
    let expected: Vec<f64> =
        (1..=30).map(|t| 0.5 - 0.1 * (0..t).map(|i| grads[i] * weight(t - i + 1)).sum::<f64>()).collect();
    let mut nesterov = Sgd::new().momentum(mu).nesterov(true);
    // All but the newest velocity are already in the weights, which are ahead by μ·v.
    assert_close(&descend(&mut nesterov, 0.5, &grads, 0.1), &expected, 1e-12);
}

fn mu_power(mu: f64, n: usize) -> f64 {
    std::iter::repeat_n(mu, n).product()
}

/// Nesterov's method as Sutskever et al. write it, with the gradient at the point ahead:
/// `v ← μ·v − lr·f'(θ + μ·v)`, `θ ← θ + v`; our weights are `θ + μ·v`.
#[test]
fn nesterov_is_the_original_seen_from_the_point_ahead() {
    let derivative = |x: f64| 4.0 * x.powi(3) - 2.0 * x + 0.3;
    let (mu, lr) = (0.9, 0.01);
    let (mut theta, mut v) = (1.5, 0.0);
    let mut param = Param::new(Tensor::from(1.5_f64));
    let mut sgd = Sgd::new().momentum(mu).nesterov(true);
    for _ in 0..40 {
        v = mu * v - lr * derivative(theta + mu * v);
        theta += v;
        let grads = {
            let graph = Graph::training(0, 0);
            let x = graph.param(&param);
            (x * x * x * x - x * x + x * 0.3).backward()
        };
        sgd.step(&mut param, &grads, lr);
        assert_close(&[param.value().item()], &[theta + mu * v], 1e-11);
    }
}

/// Weight decay is the gradient of `λ/2·w²`, whatever the momentum.
#[test]
fn weight_decay_is_a_penalty_in_the_loss() {
    for sgd in [Sgd::new(), Sgd::new().momentum(0.9), Sgd::new().momentum(0.9).nesterov(true)] {
        let mut with_decay = Param::new(Tensor::from([1.0_f64, -2.0]));
        let mut with_penalty = with_decay.clone();
        let [mut decaying, mut plain] = [sgd.clone().weight_decay(0.3), sgd];
        for g in some_grads(20) {
            let grads = grads_of(&with_decay, &[Tensor::from([g, 1.0])]);
            decaying.step(&mut with_decay, &grads, 0.05);
            let grads = {
                let graph = Graph::training(0, 0);
                let w = graph.param(&with_penalty);
                ((w * graph.constant([g, 1.0])).sum(..) + w.square().sum(..) * 0.15).backward()
            };
            plain.step(&mut with_penalty, &grads, 0.05);
        }
        assert_close(&with_decay.value().to_vec(), &with_penalty.value().to_vec(), 1e-12);
    }
}

#[test]
fn nesterov_without_momentum_is_plain_descent() {
    let grads = some_grads(10);
    let plain = descend(&mut Sgd::new(), 0.5, &grads, 0.1);
    assert_eq!(descend(&mut Sgd::new().nesterov(true), 0.5, &grads, 0.1), plain);
}

#[test]
fn settings_are_checked_where_they_are_made() {
    let texts = [
        crate::panic_of(|| drop(Sgd::new().momentum(1.0))),
        crate::panic_of(|| drop(Sgd::new().momentum(f64::NAN))),
        crate::panic_of(|| drop(Sgd::new().weight_decay(f64::INFINITY))),
    ];
    for (text, file, _) in texts {
        assert!(text.starts_with("Sgd: ") && file.contains("tests"), "{file} {text}");
    }
}
