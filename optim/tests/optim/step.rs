//! What a step does to a model, whatever the rule.

use crate::{grads_of, panic_of};
use autograd::{Graph, Module, Param, ParamPath, Tensor};
use optim::{Adam, Optimizer, Sgd};
use proptest::prelude::*;

fn both() -> [Box<dyn Optimizer>; 2] {
    [Box::new(Sgd::new().momentum(0.9)), Box::new(Adam::new())]
}

#[test]
fn the_step_is_in_place_when_nobody_else_holds_the_value() {
    for mut optimizer in both() {
        let mut param = Param::new(Tensor::from([1.0_f32, 2.0]));
        for _ in 0..3 {
            let grads = grads_of(&param, &[Tensor::from([1.0_f32, 1.0])]);
            let address = param.value().as_slice::<f32>().unwrap().as_ptr();
            optimizer.step(&mut param, &grads, 0.1);
            assert_eq!(param.value().as_slice::<f32>().unwrap().as_ptr(), address);
        }
    }
}

#[test]
fn a_value_held_elsewhere_does_not_change() {
    for mut optimizer in both() {
        let mut param = Param::new(Tensor::from([1.0_f32, 2.0]));
        let held = param.value().clone();
        let graph = Graph::training(0, 0);
        let var = graph.param(&param);
        optimizer.step(&mut param, &var.sum(..).backward(), 0.1);
        assert_eq!(held.to_vec::<f32>(), [1.0, 2.0]);
        assert_eq!(var.value(), held);
        assert_ne!(param.value(), &held);
    }
}

#[test]
fn frozen_parameters_stay_and_states_get_their_next_value() {
    for mut optimizer in both() {
        let one = || Tensor::from([1.0_f32]);
        let mut model = [Param::new(one()), Param::new(one()), Param::buffer(one())];
        model[0].set_requires_grad(false);
        let grads = {
            let graph = Graph::training(0, 0);
            let [frozen, trained, state] = [0, 1, 2].map(|i| graph.param(&model[i]));
            graph.update(&model[2], state + 4.0);
            (frozen * trained).sum(..).backward()
        };
        optimizer.step(&mut model, &grads, 0.1);
        assert_eq!(model[0].value(), &one());
        assert!(model[1].value().item() < 1.0);
        assert_eq!(model[2].value().item(), 5.0);
    }
}

#[test]
fn a_parameter_without_gradient_is_named_at_the_callers_line() {
    let mut model = vec![Param::new(Tensor::from(1.0_f32)), Param::new(Tensor::from(1.0_f32))];
    let grads = Graph::training(0, 0).param(&model[0]).square().backward();
    let mut adam = Adam::new();
    let line = line!() + 1;
    let (text, file, at) = panic_of(|| adam.step(&mut model, &grads, 0.1));
    assert!(text.contains("the parameter 1 ") && text.contains("has no gradient"), "{text}");
    assert!(file.contains("tests") && file.ends_with("step.rs"), "{file}");
    assert_eq!(at, line);
    assert_eq!(model[0].value().item(), 1.0, "nothing changes before the mistake is found");
}

#[test]
fn a_parameter_of_another_model_is_noticed() {
    let (mut model, other) = (Param::new(Tensor::from(1.0_f32)), Param::new(Tensor::from([2.0_f32; 3])));
    let grads = {
        let graph = Graph::training(0, 0);
        (graph.param(&model) * graph.param(&other).sum(..)).backward()
    };
    let (text, ..) = panic_of(|| Sgd::new().step(&mut model, &grads, 0.1));
    assert!(text.contains("shape [3]") && text.contains("does not list it"), "{text}");
}

#[test]
fn a_learning_rate_that_is_none_is_refused() {
    let mut param = Param::new(Tensor::from(1.0_f32));
    let grads = Graph::training(0, 0).param(&param).square().backward();
    for lr in [f64::NAN, f64::INFINITY, -0.1] {
        let (text, file, _) = panic_of(|| Sgd::new().step(&mut param, &grads, lr));
        assert!(text.contains(&format!("the learning rate is {lr}")) && file.contains("tests"), "{text}");
    }
    Sgd::new().step(&mut param, &grads, 0.0);
    assert_eq!(param.value().item(), 1.0);
}

#[test]
fn a_value_replaced_by_one_of_another_shape_is_named() {
    let mut param = [Param::new(Tensor::from([1.0_f32, 2.0]))];
    let grads = Graph::training(0, 0).param(&param[0]).sum(..).backward();
    *param[0].value_mut() = Tensor::from([1.0_f32]);
    let (text, ..) = panic_of(|| Sgd::new().step(&mut param, &grads, 0.1));
    assert!(text.contains("the parameter 0 is f32 [1] but its gradient is f32 [2]"), "{text}");
}

/// Two parameters of one name could not be told apart in a file.
#[test]
fn a_name_used_twice_is_refused() {
    struct Twins(Param, Param);
    impl Module for Twins {
        fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
            [&self.0, &self.1].into_iter().for_each(|param| param.visit(&path.join("twin"), f));
        }
        fn visit_mut<'a>(
            &'a mut self,
            path: &ParamPath<'_>,
            f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param),
        ) {
            [&mut self.0, &mut self.1].into_iter().for_each(|param| param.visit_mut(&path.join("twin"), f));
        }
    }
    let mut twins = Twins(Param::new(Tensor::from(1.0_f32)), Param::new(Tensor::from(1.0_f32)));
    let grads = grads_of(&twins, &[Tensor::from(1.0_f32), Tensor::from(1.0_f32)]);
    // Each has a state of its own; only a file could not tell them apart.
    let mut adam = Adam::new();
    adam.step(&mut twins, &grads, 0.1);
    assert_eq!(twins.0.value(), twins.1.value());
    for (text, ..) in
        [panic_of(|| drop(adam.state(&twins))), panic_of(|| drop(Adam::new().load_state(&twins, vec![])))]
    {
        assert!(text.contains("two parameters of the model are called twin"), "{text}");
    }
}

#[test]
fn parameters_without_elements_and_of_any_rank_are_fine() {
    for mut optimizer in both() {
        for shape in [&[][..], &[0], &[2, 0, 3], &[1, 1, 1, 1, 1]] {
            let zeros = Tensor::zeros(shape, autograd::DType::F64);
            let mut param = [Param::new(zeros.clone())];
            let grads = grads_of(&param, &[zeros.ones_like()]);
            optimizer.step(&mut param, &grads, 0.5);
            assert!(param[0].value().to_vec::<f64>().iter().all(|&w| w < 0.0));
            optimizer = both().into_iter().next().unwrap();
        }
    }
}

/// What TensorFlow users write first; the rest is in autograd's tests.
#[test]
fn one_graph_kept_over_several_steps_is_refused_at_the_callers_line() {
    for mut optimizer in both() {
        let mut model = [Param::new(Tensor::from(2.0_f32))];
        let graph = Graph::training(0, 0);
        let loss = graph.param(&model[0]).square();
        optimizer.step(&mut model, &loss.backward(), 0.1);
        let after_one = model[0].value().copy();
        let (text, file, _) = panic_of(|| optimizer.step(&mut model, &loss.backward(), 0.1));
        assert!(text.starts_with("step: the parameter 0 ") && text.contains("one graph a step"), "{text}");
        assert!(file.ends_with("step.rs") && file.contains("tests"), "{file}");
        assert_eq!(model[0].value(), &after_one);
    }
}

/// The weights of one in the other's gradient are those before its step.
#[test]
fn two_optimizers_share_one_graph() {
    let mut model = [Param::new(Tensor::from(2.0_f64)), Param::new(Tensor::from(5.0_f64))];
    for step in 0..2 {
        let graph = Graph::training(0, step);
        let grads = (graph.param(&model[0]) * graph.param(&model[1])).backward();
        let [a, b] = [0, 1].map(|i| model[i].value().item());
        let [of_first, of_second] = [0, 1].map(|i| grads.of(&model[i]));
        Sgd::new().step(&mut model[0], &of_first, 0.1);
        Sgd::new().step(&mut model[1], &of_second, 0.01);
        assert_eq!([0, 1].map(|i| model[i].value().item()), [a - 0.1 * b, b - 0.01 * a]);
    }
}

#[test]
fn the_gradients_of_a_program_are_clipped_and_serve_one_step() {
    let mut weight = Param::new(Tensor::from([3.0_f64, 4.0]));
    let graph = Graph::training(0, 0);
    let loss = graph.param(&weight).square().sum(..);
    loss.backward();
    let mut program = graph.compile(&[loss]);
    drop(graph);
    let mut sgd = Sgd::new();
    program.run(&weight, 0, &[]).unwrap();
    assert_eq!(optim::clip_norm(program.grads_mut(), 1.0), 10.0);
    sgd.step(&mut weight, program.grads(), 1.0);
    assert!((weight.value() - Tensor::from([2.4, 3.2])).abs().max(..).item() < 1e-12);
    let (text, ..) = panic_of(|| sgd.step(&mut weight, program.grads(), 1.0));
    assert!(text.contains("has changed since this gradient was computed"), "{text}");
}

#[test]
fn a_step_from_an_inference_graph_is_refused() {
    let mut weight = Param::new(Tensor::from(3.0_f64));
    let grads = Graph::inference().param(&weight).square().backward();
    let (text, file, _) = panic_of(|| Sgd::new().step(&mut weight, &grads, 0.1));
    assert!(text.starts_with("step: the gradients are of an inference graph"), "{text}");
    assert!(text.contains("allow_step()") && file.contains("tests"), "{text} {file}");
    let grads = Graph::inference().allow_step().param(&weight).square().backward();
    Sgd::new().step(&mut weight, &grads, 0.5);
    assert_eq!(weight.value().item(), 0.0);
}

proptest! {
    /// A gradient or a value that is a transposed or broadcast view counts like its contiguous copy.
    #[test]
    fn layouts_make_no_difference(
        rows in 2_usize..5, columns in 2_usize..5, seed in any::<u64>(), transposed in any::<bool>(), adam in any::<bool>()
    ) {
        let rng = &mut autograd::Rng::new(seed);
        let normal = |rng: &mut _| Tensor::normal([columns, rows], 0.0, 1.0, autograd::DType::F64, rng);
        let (w, c) = (normal(rng).t(), normal(rng));
        let (mut viewed, mut copied) = (Param::new(w.clone()), Param::new(w.copy()));
        let [mut first, mut second] = [0, 1].map(|_| both().into_iter().nth(usize::from(adam)).unwrap());
        for _ in 0..3 {
            let graph = Graph::training(0, 0);
            let (w, c) = (graph.param(&viewed), graph.constant(c.clone()));
            let loss = if transposed { w.t() * c } else { w };
            let grads = loss.sum(..).backward();
            let grad = grads.get(&viewed).unwrap().clone();
            prop_assert!(grad.as_slice::<f64>().is_none(), "the gradient is no view: {:?}", grad.layout());
            first.step(&mut viewed, &grads, 0.1);
            let grads = grads_of(&copied, &[grad.copy()]);
            second.step(&mut copied, &grads, 0.1);
        }
        prop_assert_eq!(viewed.value(), copied.value());
    }
}

/// `update` called directly, with what `step` would never give it, says so.
#[test]
fn a_gradient_with_gaps_is_refused_by_update() {
    let mut param = Param::new(Tensor::zeros([2, 2], autograd::DType::F32));
    let grad = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]);
    let (text, ..) = panic_of(|| Adam::new().update(&mut param, &grad.t(), 0.1));
    assert!(text.contains("row-major"), "{text}");
}
