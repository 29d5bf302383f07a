//! Saving and loading what an optimizer remembers.

use crate::{grads_of, some_grads};
use autograd::{Param, Tensor};
use optim::{Adam, Optimizer, Sgd, StateError};

fn model() -> [Param; 2] {
    [Param::new(Tensor::from([[0.1_f32, -0.2], [0.3, 0.4]])), Param::new(Tensor::from([1.0_f64]))]
}

fn train(model: &mut [Param; 2], optimizer: &mut dyn Optimizer, grads: &[f64]) {
    for &g in grads {
        let values = [Tensor::from([[g, 2.0 * g], [-g, 1.0]]).to(autograd::DType::F32), Tensor::from([g])];
        let grads = grads_of(model, &values);
        optimizer.step(model, &grads, 0.01);
    }
}

/// Ten steps, and ten more after everything went through names and tensors, are twenty steps to the bit.
fn check_continuation(fresh: impl Fn() -> Box<dyn Optimizer>, names: &[&str]) {
    let grads = some_grads(20);
    let (mut whole, mut optimizer) = (model(), fresh());
    train(&mut whole, &mut *optimizer, &grads);

    let (mut first, mut before) = (model(), fresh());
    train(&mut first, &mut *before, &grads[..10]);
    let state: Vec<_> = before.state(&first).into_iter().map(|(name, x)| (name, x.copy())).collect();
    assert_eq!(state.iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    let (mut second, mut after) = (first.clone(), fresh());
    after.load_state(&second, state).unwrap();
    train(&mut second, &mut *after, &grads[10..]);

    for (a, b) in whole.iter().zip(&second) {
        assert_eq!(a.value(), b.value());
    }
    assert_eq!(optimizer.state(&whole), after.state(&second));
}

#[test]
fn training_goes_on_to_the_bit() {
    check_continuation(|| Box::new(Adam::new()), &["0/m", "0/v", "0/t", "1/m", "1/v", "1/t"]);
    check_continuation(|| Box::new(Sgd::new().momentum(0.9)), &["0/velocity", "1/velocity"]);
    check_continuation(|| Box::new(Sgd::new()), &[]);
}

/// What `state` gave does not change when training goes on.
#[test]
fn a_state_is_a_snapshot() {
    let (mut model, mut adam) = (model(), Adam::new());
    train(&mut model, &mut adam, &[1.0]);
    let state = adam.state(&model);
    let copies: Vec<Tensor> = state.iter().map(|(_, x)| x.copy()).collect();
    train(&mut model, &mut adam, &[1.0]);
    for ((_, x), copy) in state.iter().zip(&copies) {
        assert_eq!(x, copy);
    }
    assert_ne!(adam.state(&model), state);
}

/// A parameter that joins later counts its own steps: its first step has the length of the learning rate.
#[test]
fn a_parameter_unfrozen_late_begins_at_its_first_step() {
    let (mut model, mut adam) = (model(), Adam::new());
    model[1].set_requires_grad(false);
    for _ in 0..100 {
        let grads = grads_of(&model, &[Tensor::ones([2, 2], autograd::DType::F32)]);
        adam.step(&mut model, &grads, 0.01);
    }
    assert_eq!(adam.state(&model).len(), 3);
    model[1].set_requires_grad(true);
    train(&mut model, &mut adam, &[5.0]);
    assert!((model[1].value().item() - 0.99).abs() < 1e-7, "{}", model[1].value());
}

#[test]
fn what_differs_is_named_and_nothing_is_loaded() {
    let (mut other, mut adam) = (model(), Adam::new());
    train(&mut other, &mut adam, &[1.0, 2.0]);
    let state = adam.state(&other);
    let name = |i: usize| state[i].0.clone();
    let with = |i: usize, name: &str, x: Tensor| {
        let mut state = state.clone();
        state[i] = (name.to_owned(), x);
        state
    };
    let without = |i: usize| {
        let mut state = state.clone();
        state.remove(i);
        state
    };
    let known = "m, v, t".to_owned();
    let cases = [
        (with(0, "0/velocity", state[0].1.clone()), {
            StateError::UnknownSlot { name: "0/velocity".into(), known: known.clone() }
        }),
        (with(0, "weights", state[0].1.clone()), StateError::UnknownSlot { name: "weights".into(), known }),
        (with(3, "2/m", state[3].1.clone()), StateError::UnknownParam { name: "2/m".into() }),
        (with(1, "0/m", state[1].1.clone()), StateError::Twice { name: name(0) }),
        (without(4), StateError::Missing { name: "1/v".into() }),
        (with(5, "1/t", Tensor::from(-3_i64)), StateError::NegativeCount { name: name(5), count: -3 }),
        (with(0, "0/m", Tensor::from([1.0_f32; 4])), {
            StateError::Mismatch { name: name(0), found: "f32 [4]".into(), expected: "f32 [2, 2]".into() }
        }),
        (with(3, "1/m", Tensor::from([1.0_f32])), {
            StateError::Mismatch { name: name(3), found: "f32 [1]".into(), expected: "f64 [1]".into() }
        }),
        (with(5, "1/t", Tensor::from([2_i64])), {
            StateError::Mismatch { name: name(5), found: "i64 [1]".into(), expected: "i64 []".into() }
        }),
    ];
    for (state, expected) in cases {
        let before = adam.state(&other);
        let error = adam.load_state(&other, state).unwrap_err();
        assert_eq!(error, expected);
        let named = error.to_string();
        assert!(named.contains('/') || named.contains("weights"), "{named}");
        assert_eq!(adam.state(&other), before);
    }
}

#[test]
fn a_velocity_is_not_dropped_silently() {
    let (mut model, mut sgd) = (model(), Sgd::new().momentum(0.9));
    train(&mut model, &mut sgd, &[1.0]);
    let error = Sgd::new().load_state(&model, sgd.state(&model)).unwrap_err();
    assert!(error.to_string().contains("0/velocity"), "{error}");
    assert!(error.to_string().contains("it keeps: nothing"), "{error}");
}

#[test]
fn a_parameter_that_changed_its_shape_is_named() {
    let (mut model, mut adam) = (model(), Adam::new());
    train(&mut model, &mut adam, &[1.0]);
    *model[1].value_mut() = Tensor::from([1.0_f64, 2.0]);
    let grads = grads_of(&model, &[model[0].value().clone(), Tensor::from([1.0, 1.0])]);
    let (text, file, _) = crate::panic_of(|| adam.step(&mut model, &grads, 0.1));
    assert!(text.contains("1/m is f64 [1] but the parameter is now f64 [2]"), "{text}");
    assert!(file.ends_with("state.rs") && file.contains("tests"), "{file}");
}

/// Two models have parameters of the same names; each is trained as by an optimizer of its own.
#[test]
fn one_optimizer_for_two_models_keeps_their_states_apart() {
    let fresh: [fn() -> Box<dyn Optimizer>; 2] =
        [|| Box::new(Adam::new()), || Box::new(Sgd::new().momentum(0.9))];
    for fresh in fresh {
        let (mut shared, mut own) = (fresh(), [fresh(), fresh()]);
        let (mut models, mut alone) = ([model(), model()], [model(), model()]);
        for i in 0..6 {
            let grad = [1.0 + i as f64, -3.0][i % 2];
            train(&mut models[i % 2], &mut *shared, &[grad]);
            train(&mut alone[i % 2], &mut *own[i % 2], &[grad]);
        }
        for i in 0..2 {
            assert_eq!(models[i].each_ref().map(Param::value), alone[i].each_ref().map(Param::value));
            assert_eq!(shared.state(&models[i]), own[i].state(&alone[i]));
        }
        // A state that is loaded is that of its own model; the other's stays.
        let (first, second) = (shared.state(&models[0]), shared.state(&models[1]));
        shared.load_state(&models[0], vec![]).unwrap();
        assert_eq!(shared.state(&models[0]), []);
        assert_eq!(shared.state(&models[1]), second);
        shared.load_state(&models[0], first.clone()).unwrap();
        assert_eq!(shared.state(&models[0]), first);
    }
}

#[test]
fn a_clone_begins_afresh_and_a_parameter_that_is_set_goes_on() {
    let (mut first, mut adam) = (model(), Adam::new());
    train(&mut first, &mut adam, &[1.0, 2.0]);
    let state = adam.state(&first);
    let copy = first.clone();
    assert_eq!(adam.state(&copy), [], "a clone is another parameter");
    adam.load_state(&copy, state.clone()).unwrap();
    assert_eq!(adam.state(&copy), state, "which can take over what was remembered");
    // What loading a file into a model does.
    let values = first.each_ref().map(|param| param.value().zeros_like());
    first.iter_mut().zip(values).for_each(|(param, value)| param.set(value));
    assert_eq!(adam.state(&first), state, "it is the parameter that it was");
}
