//! No number that an optimizer keeps is ever subnormal, and keeping it so changes nothing that matters.

use crate::grads_of;
use autograd::{DType, Param, Tensor};
use optim::{Adam, Optimizer, Sgd};
use proptest::prelude::*;

fn subnormals(x: &Tensor) -> usize {
    match x.dtype() {
        DType::F32 => x.to_vec::<f32>().iter().filter(|x| x.is_subnormal()).count(),
        DType::F64 => x.to_vec::<f64>().iter().filter(|x| x.is_subnormal()).count(),
        _ => 0,
    }
}

fn assert_normal(param: &Param, optimizer: &dyn Optimizer, step: usize) {
    assert_eq!(subnormals(param.value()), 0, "{} in step {step}", param.value());
    for (name, x) in optimizer.state(param) {
        assert_eq!(subnormals(&x), 0, "{name} is {x} in step {step}");
    }
}

/// A unit that has died: no gradient any more. Its averages decay to 0 exactly, past the subnormal numbers.
#[test]
fn averages_of_a_dead_unit_end_at_zero() {
    let (mut param, mut adam) = (Param::new(Tensor::from([0.5_f32])), Adam::new().betas(0.9, 0.95));
    for step in 0..3000 {
        let g = if step < 3 { 0.1_f32 } else { 0.0 };
        let grads = grads_of(&param, &[Tensor::from([g])]);
        adam.step(&mut param, &grads, 0.001);
        assert_normal(&param, &adam, step);
    }
    let state = adam.state(&param);
    assert_eq!((state[0].1.item(), state[1].1.item()), (0.0, 0.0));

    let (mut param, mut sgd) = (Param::new(Tensor::from([0.5_f32])), Sgd::new().momentum(0.9));
    for step in 0..1500 {
        let g = if step < 3 { 0.1_f32 } else { 0.0 };
        let grads = grads_of(&param, &[Tensor::from([g])]);
        sgd.step(&mut param, &grads, 0.001);
        assert_normal(&param, &sgd, step);
    }
    assert_eq!(sgd.state(&param)[0].1.item(), 0.0);
}

/// Weight decay alone takes weights to 0.
#[test]
fn decayed_weights_end_at_zero() {
    let optimizers: [Box<dyn Optimizer>; 3] = [
        Box::new(Sgd::new().weight_decay(1.0)),
        Box::new(Sgd::new().momentum(0.5).nesterov(true).weight_decay(1.0)),
        Box::new(Adam::new().weight_decay(1.0)),
    ];
    for mut optimizer in optimizers {
        let mut param = Param::new(Tensor::from([0.5_f32]));
        for step in 0..1000 {
            let grads = grads_of(&param, &[Tensor::from([0.0_f32])]);
            optimizer.step(&mut param, &grads, 0.2);
            assert_normal(&param, &*optimizer, step);
        }
        assert_eq!(param.value().item(), 0.0);
    }
}

proptest! {
    /// Gradients of every size, subnormal ones too: the `f32` weights are those of `f64`, where nothing is flushed.
    #[test]
    fn gradients_of_every_size_give_the_steps_of_f64(
        exponents in prop::collection::vec(-45.0_f64..2.0, 1..20),
        drop in 0.0_f64..3.0,
    ) {
        let (mut narrow, mut wide) = (Param::new(Tensor::zeros([20], DType::F32)), Param::new(Tensor::zeros([20], DType::F64)));
        let mut optimizers = [Adam::new(), Adam::new()];
        let size = exponents.len();
        for step in 0..25 {
            let g: Vec<f32> = (0..20).map(|i| {
                let x = 10f64.powf(exponents[(i + step) % size] - drop * step as f64);
                (if i % 2 == 0 { x } else { -x }) as f32
            }).collect();
            let g = Tensor::from(g);
            let grads = grads_of(&narrow, std::slice::from_ref(&g));
            optimizers[0].step(&mut narrow, &grads, 0.01);
            let grads = grads_of(&wide, &[g.to(DType::F64)]);
            optimizers[1].step(&mut wide, &grads, 0.01);
            assert_normal(&narrow, &optimizers[0], step);
        }
        let (narrow, wide) = (narrow.value().to(DType::F64), wide.value());
        for (a, b) in narrow.to_vec::<f64>().iter().zip(wide.to_vec::<f64>()) {
            // 25 steps of at most about 0.1, in f32; a gradient that counts as 0 moves a weight by less than 1e-11.
            prop_assert!((a - b).abs() < 1e-6 * b.abs() + 1e-10, "{a} and {b}");
        }
    }
}
