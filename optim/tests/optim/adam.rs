//! Adam against sums written out.

use crate::{assert_close, descend, grads_of, some_grads};
use autograd::{Param, Tensor};
use optim::{Adam, Epsilon, Optimizer};

/// `(1−β) Σ β^(t−i) g_i^power` over the first `t` gradients: the average after `t` steps, unrolled.
fn average(beta: f64, grads: &[f64], power: i32) -> f64 {
    let t = grads.len();
    (1.0 - beta) * (0..t).map(|i| beta.powi((t - 1 - i) as i32) * grads[i].powi(power)).sum::<f64>()
}

fn unrolled(w: f64, grads: &[f64], lr: f64, change: impl Fn(f64, f64, i32) -> f64) -> Vec<f64> {
    let changes: Vec<f64> = (1..=grads.len())
        .map(|t| {
            let (m, v) = (average(0.9, &grads[..t], 1), average(0.999, &grads[..t], 2));
            lr * change(m, v, t as i32)
        })
        .collect();
    (1..=grads.len()).map(|t| w - changes[..t].iter().sum::<f64>()).collect()
}

fn tensorflow(m: f64, v: f64, t: i32) -> f64 {
    (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t)) * m / (v.sqrt() + 1e-8)
}

fn pytorch(m: f64, v: f64, t: i32) -> f64 {
    let (m, v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
    m / (v.sqrt() + 1e-8)
}

#[test]
fn fifty_steps_are_tensorflows() {
    let grads = some_grads(50);
    let trace = descend(&mut Adam::new(), 0.7, &grads, 0.003);
    assert_close(&trace, &unrolled(0.7, &grads, 0.003, tensorflow), 1e-12);
}

#[test]
fn fifty_steps_with_the_other_epsilon_are_pytorchs() {
    let grads = some_grads(50);
    let trace = descend(&mut Adam::new().epsilon(Epsilon::PyTorch(1e-8)), 0.7, &grads, 0.003);
    assert_close(&trace, &unrolled(0.7, &grads, 0.003, pytorch), 1e-12);
}

#[test]
fn f32_follows_f64() {
    let grads = some_grads(50);
    let (mut param, mut adam) = (Param::new(Tensor::from([0.7_f32, -0.7])), Adam::new());
    for &g in &grads {
        let g = Tensor::from([g as f32, -g as f32]);
        let grads = grads_of(&param, &[g]);
        adam.step(&mut param, &grads, 0.003);
    }
    let expected = *unrolled(0.7, &grads, 0.003, tensorflow).last().unwrap();
    let found = param.value().to_vec::<f32>();
    assert!((found[0] as f64 - expected).abs() < 1e-6, "{found:?} and {expected}");
    assert_eq!(found[0], -found[1]);
}

/// For a gradient `g` much smaller than ε, the first step is `lr·sqrt(1−β2)·g/ε` in TensorFlow and `lr·g/ε` in PyTorch.
#[test]
fn the_two_epsilons_differ_for_tiny_gradients() {
    let g = 1e-12;
    let first = |epsilon| -descend(&mut Adam::new().epsilon(epsilon), 0.0, &[g], 1.0)[0];
    assert_close(&[first(Epsilon::TensorFlow(1e-8))], &[0.001f64.sqrt() * g / 1e-8], 1e-5);
    assert_close(&[first(Epsilon::PyTorch(1e-8))], &[g / 1e-8], 2e-4);
    // And for large ones they agree.
    let first = |epsilon| -descend(&mut Adam::new().epsilon(epsilon), 0.0, &[10.0], 1.0)[0];
    assert_close(&[first(Epsilon::TensorFlow(1e-8))], &[first(Epsilon::PyTorch(1e-8))], 1e-7);
}

/// Without gradient, decoupled decay alone moves the weight; a gradient adds Adam's change to it.
#[test]
fn weight_decay_is_decoupled() {
    let decayed = descend(&mut Adam::new().weight_decay(0.1), 2.0, &[0.0; 5], 0.5);
    assert_close(&decayed, &[1.9, 1.805, 1.71475, 1.6290125, 1.547561875], 1e-14);
    let (lr, lambda, grads) = (0.01, 0.3, some_grads(20));
    let trace = descend(&mut Adam::new().weight_decay(lambda), 2.0, &grads, lr);
    let plain = unrolled(0.0, &grads, lr, tensorflow);
    // w_t = Σ of Adam's changes, each decayed since, and w_0 decayed t times.
    let keep = 1.0 - lr * lambda;
    let expected: Vec<f64> = (0..grads.len())
        .map(|t| {
            let change = |i: usize| plain[i] - if i == 0 { 0.0 } else { plain[i - 1] };
            2.0 * keep.powi(t as i32 + 1)
                + (0..=t).map(|i| change(i) * keep.powi((t - i) as i32)).sum::<f64>()
        })
        .collect();
    assert_close(&trace, &expected, 1e-12);
}

/// After very many steps the corrections of bias are 1, not NaN.
#[test]
fn any_number_of_steps_is_fine() {
    for steps in [1_000_000, i64::MAX] {
        let param = Param::new(Tensor::from([0.5_f64]));
        let entries =
            [("/m", Tensor::from([0.2])), ("/v", Tensor::from([0.04])), ("/t", Tensor::from(steps))];
        let mut adam = Adam::new();
        adam.load_state(&param, entries.map(|(name, x)| (name.to_owned(), x)).into()).unwrap();
        let mut param = param;
        let grads = grads_of(&param, &[Tensor::from([0.2])]);
        adam.step(&mut param, &grads, 0.1);
        assert_close(&param.value().to_vec(), &[0.4], 1e-7);
    }
}

#[test]
fn settings_are_checked_where_they_are_made() {
    let texts = [
        crate::panic_of(|| drop(Adam::new().betas(0.9, 1.0))),
        crate::panic_of(|| drop(Adam::new().betas(f64::NAN, 0.9))),
        crate::panic_of(|| drop(Adam::new().epsilon(Epsilon::PyTorch(0.0)))),
        crate::panic_of(|| drop(Adam::new().weight_decay(-0.1))),
    ];
    for (text, file, _) in texts {
        assert!(
            text.starts_with("Adam: ") && file.ends_with("adam.rs") && file.contains("tests"),
            "{file} {text}"
        );
    }
}
