//! When a model may be changed by gradients, and what is said when not.

use autograd::{GradMismatch, Grads, Graph, Module, Param, Tensor};

/// Descends by a tenth of the gradient.
fn step(grads: &Grads, model: &mut dyn Module) -> Result<(), GradMismatch> {
    grads.apply(model, &mut |_, w, grad| *w.value_mut() -= &(grad * 0.1))
}

fn number(x: f32) -> Param {
    Param::new(Tensor::from(x))
}

fn value(param: &Param) -> f32 {
    param.value().item() as f32
}

fn is_stale(result: Result<(), GradMismatch>, of: &str) -> bool {
    matches!(result, Err(GradMismatch::Stale { name, .. }) if name == of)
}

#[test]
fn one_graph_kept_over_several_steps_is_refused() {
    let mut model = [number(2.0), number(5.0)];
    let graph = Graph::training(0, 0);
    for i in 0..3 {
        let loss = (graph.param(&model[0]) * graph.param(&model[1])).square();
        let result = step(&loss.backward(), &mut model);
        assert_eq!(result.is_ok(), i == 0, "{result:?}");
        if let Err(error) = result {
            let text = error.to_string();
            assert!(text.contains("parameter 0 ") && text.contains("one graph a step"), "{text}");
            assert!(text.contains("compile"), "{text}");
        }
    }
    assert_eq!((value(&model[0]), value(&model[1])), (-8.0, 1.0), "only the first step was taken");
    // A graph of its own, and it goes on.
    let graph = Graph::training(0, 1);
    assert_eq!(step(&(graph.param(&model[0]) * graph.param(&model[1])).backward(), &mut model), Ok(()));
}

#[test]
fn every_way_to_change_a_value_makes_its_gradient_stale() {
    let changes: [fn(&mut Param); 4] = [
        |w| w.set(Tensor::from(7.0_f32)),
        |w| *w.value_mut() = Tensor::from(7.0_f32),
        |w| w.value_mut().as_mut_slice::<f32>()[0] = 7.0,
        |w| {
            let grads = Graph::training(0, 0).param(w).square().backward();
            step(&grads, w).unwrap();
        },
    ];
    for change in changes {
        let mut w = number(2.0);
        let mut grads = Graph::training(0, 0).param(&w).square().backward();
        change(&mut w);
        let before = value(&w);
        assert!(is_stale(step(&grads, &mut w), ""));
        assert_eq!(value(&w), before, "a step that is refused changes nothing");
        // Asked for by name, as sharpness-aware minimisation needs it.
        assert_eq!(step(grads.allow_stale(), &mut w), Ok(()));
        assert!((value(&w) - (before - 0.4)).abs() < 1e-6);
    }
}

/// Reading, freezing, and a clone's training are no changes.
#[test]
fn what_leaves_the_value_leaves_the_gradient() {
    let mut w = number(2.0);
    let grads = Graph::training(0, 0).param(&w).square().backward();
    let _ = (w.value().clone(), w.id());
    w.set_requires_grad(false);
    w.set_requires_grad(true);
    let mut copy = w.clone();
    *copy.value_mut() = Tensor::from(9.0_f32);
    assert_eq!(step(&grads, &mut w), Ok(()));
    assert!(
        matches!(step(&grads, &mut copy), Err(GradMismatch::NoGradient { .. })),
        "a clone is another parameter"
    );
}

#[test]
fn two_optimizers_share_one_graph() {
    let mut model = [number(2.0), number(5.0)];
    let graph = Graph::training(0, 0);
    let grads = (graph.param(&model[0]) * graph.param(&model[1])).backward();
    assert_eq!(step(&grads.of(&model[0]), &mut model[0]), Ok(()));
    assert_eq!(step(&grads.of(&model[1]), &mut model[1]), Ok(()), "its own value is as it was recorded");
    assert_eq!((value(&model[0]), value(&model[1])), (1.5, 4.8));
    assert!(is_stale(step(&grads.of(&model[0]), &mut model[0]), ""));
    // All of them again, without the one that is frozen meanwhile.
    let grads = {
        let graph = Graph::training(0, 0);
        (graph.param(&model[0]) * graph.param(&model[1])).backward()
    };
    model[1].set_requires_grad(false);
    assert_eq!(step(&grads, &mut model), Ok(()));
    (0..2).for_each(|i| model[i].set_requires_grad(i == 1));
    assert_eq!(step(&grads, &mut model), Ok(()));
    assert!(is_stale(step(&grads, &mut model), "1"));
    // A part without being asked for might be a forgotten field.
    let error = step(&grads, &mut model[0]).unwrap_err();
    assert!(error.to_string().contains("grads.of(&part)"), "{error}");
}

/// The generator's gradient goes through the discriminator as it was before the discriminator's step.
#[test]
fn the_two_halves_of_a_gan_share_one_graph() {
    let (mut generator, mut discriminator) = (number(0.5), number(3.0));
    let graph = Graph::training(0, 0);
    let fake = graph.param(&generator) * 2.0;
    let on_detached = (fake.detach() * graph.param(&discriminator)).backward();
    assert_eq!(step(&on_detached.of(&discriminator), &mut discriminator), Ok(()));
    assert!((value(&discriminator) - 2.9).abs() < 1e-6);
    let through = (fake * graph.param(&discriminator)).backward();
    assert_eq!(step(&through.of(&generator), &mut generator), Ok(()));
    assert!((value(&generator) - (0.5 - 0.1 * 6.0)).abs() < 1e-6, "with the discriminator's 3, not 2.9");
    assert!(is_stale(step(&through.of(&discriminator), &mut discriminator), ""));
}

/// A state's next value is taken once; the step of another part of the model may bring it a second time.
#[test]
fn a_state_from_an_old_graph_is_refused() {
    let mut model = [number(2.0), number(5.0), Param::buffer(Tensor::from(0_i64))];
    let record = |model: &[Param; 3]| {
        let graph = Graph::training(0, 0);
        graph.update(&model[2], graph.param(&model[2]) + 1.0);
        (graph.param(&model[0]) * graph.param(&model[1])).backward()
    };
    let grads = record(&model);
    model[1].set_requires_grad(false);
    assert_eq!(step(&grads, &mut model), Ok(()));
    model[0].set_requires_grad(false);
    model[1].set_requires_grad(true);
    assert_eq!(step(&grads, &mut model), Ok(()));
    assert_eq!(model[2].value().item(), 1.0);
    let old = record(&model);
    assert_eq!(step(&record(&model), &mut model), Ok(()));
    assert!(is_stale(step(&old.of(&model[2]), &mut model[2]), ""));
    assert_eq!(model[2].value().item(), 2.0);
}

#[test]
fn gradients_of_a_program_are_applied_once() {
    let mut w = number(2.0);
    let graph = Graph::training(0, 0);
    let loss = graph.param(&w).square();
    loss.backward();
    let mut program = graph.compile(&[loss]);
    drop(graph);
    assert_eq!(step(program.grads(), &mut w), Err(GradMismatch::NotRun));
    for i in 0..3 {
        program.run(&w, i, &[]).unwrap();
        assert_eq!(step(program.grads(), &mut w), Ok(()));
        assert!(is_stale(step(program.grads(), &mut w), ""));
        // The next run is of the present value, and what was allowed before is not allowed for good.
        assert_eq!(step(program.grads_mut().allow_stale(), &mut w), Ok(()));
    }
    program.run(&w, 3, &[]).unwrap();
    w.set(Tensor::from(1.0_f32));
    assert!(is_stale(step(program.grads(), &mut w), ""));
}

#[test]
fn a_step_from_an_inference_graph_is_refused_unless_asked_for() {
    let mut w = number(2.0);
    for allowed in [false, true] {
        let new = || if allowed { Graph::inference().allow_step() } else { Graph::inference() };
        let expected = if allowed { Ok(()) } else { Err(GradMismatch::Inference) };
        let graph = new();
        let loss = graph.param(&w).square();
        let grads = loss.backward();
        assert!(grads.get(&w).is_some(), "gradients themselves are there");
        assert_eq!(step(&grads, &mut w), expected);
        assert!(step(&grads.of(&w), &mut w).is_err(), "a part of them is no other thing");
        let graph = new();
        let loss = graph.param(&w).square();
        loss.backward();
        let mut program = graph.compile(&[loss]);
        program.run(&w, 0, &[]).unwrap();
        assert!(program.grads().get(&w).is_some());
        assert_eq!(step(program.grads(), &mut w), expected);
    }
    let text = GradMismatch::Inference.to_string();
    assert!(text.contains("Graph::training(seed, step)") && text.contains("allow_step()"), "{text}");
}

/// Otherwise a test on a kept graph would tell the accuracy of the first model for ever.
#[test]
fn an_inference_graph_kept_while_the_model_learns_is_refused() {
    let mut w = number(2.0);
    let graph = Graph::inference();
    let first = graph.param(&w);
    assert_eq!(graph.param(&w).index(), first.index());
    w.set(Tensor::from(3.0_f32));
    let text = *std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| graph.param(&w).index()))
        .unwrap_err()
        .downcast::<String>()
        .unwrap();
    assert!(
        text.contains("has changed since this graph read it") && text.contains("record one graph"),
        "{text}"
    );
}

#[test]
fn a_program_without_backward_says_that_the_call_is_missing() {
    let mut w = number(2.0);
    let graph = Graph::training(0, 0);
    let mut program = graph.compile(&[graph.param(&w).square()]);
    program.run(&w, 0, &[]).unwrap();
    let error = step(program.grads(), &mut w).unwrap_err();
    assert_eq!(error, GradMismatch::WithoutBackward);
    assert!(error.to_string().contains("call loss.backward() before graph.compile(&[loss])"), "{error}");
}

#[test]
fn a_parameter_unfrozen_after_the_graph_was_recorded_says_so() {
    let mut model = [number(2.0), number(5.0)];
    model[1].set_requires_grad(false);
    let graph = Graph::training(0, 0);
    let loss = graph.param(&model[0]) * graph.param(&model[1]);
    let grads = loss.backward();
    let mut program = graph.compile(&[loss]);
    model[1].set_requires_grad(true);
    program.run(&model, 0, &[]).unwrap();
    for grads in [&grads, program.grads()] {
        let error = step(grads, &mut model).unwrap_err();
        assert!(matches!(&error, GradMismatch::WasFrozen { name, .. } if name == "1"), "{error}");
    }
}

/// Gradients are told as soon as they are complete, each once, eager and compiled, with the values that they have in the end.
#[test]
fn each_gradient_is_told_when_it_is_ready() {
    let params: Vec<Param> = [2.0_f32, 3.0, 4.0].map(|x| Param::new(Tensor::from([x]))).into();
    let graph = Graph::training(0, 0);
    let [a, b, unused] = [0, 1, 2].map(|i| graph.param(&params[i]));
    let x = graph.input(Tensor::from([0.5_f32]));
    // `a` is used twice: it is complete only after both.
    let loss = ((x * a).tanh() * b + a).sum(..) + unused.detach().sum(..);
    let mut told = vec![];
    let grads = loss.backward_with(&mut |id, grad| told.push((id, grad.clone())));
    let mut program = graph.compile(&[loss]);
    let mut compiled = vec![];
    program
        .run_with(&params, 0, &[Tensor::from([0.5_f32])], &mut |id, grad| compiled.push((id, grad.copy())))
        .unwrap();
    for told in [told, compiled] {
        assert_eq!(told.len(), 3);
        for param in &params {
            let found: Vec<_> = told.iter().filter(|(id, _)| *id == param.id()).collect();
            assert_eq!(found.len(), 1);
            assert_eq!(Some(&found[0].1), grads.get(param));
        }
        assert!(
            told.iter().position(|(id, _)| *id == params[1].id())
                < told.iter().position(|(id, _)| *id == params[0].id())
        );
    }
}

#[test]
fn gradients_of_parts_of_a_batch_add_up() {
    let mut weight = Param::new(Tensor::from([1.0_f32, -2.0]));
    let grads =
        |weight: &Param, x: f32| (Graph::training(0, 0).param(weight) * f64::from(x)).sum(..).backward();
    let mut sum = Grads::default();
    for x in [1.0, 2.0, 5.0] {
        sum.accumulate(&grads(&weight, x));
    }
    sum.scale(0.25);
    assert_eq!(sum.get(&weight).unwrap().to_vec::<f32>(), [2.0, 2.0]);
    // One of another value does not make the sum one of this value.
    *weight.value_mut() = Tensor::from([0.0_f32, 0.0]);
    sum.accumulate(&grads(&weight, 1.0));
    let error = sum.apply(&mut weight, &mut |_, _, _| {}).unwrap_err();
    assert!(matches!(error, GradMismatch::Stale { .. }), "{error}");
    // Nor does one of a prediction.
    let mut sum = grads(&weight, 1.0);
    sum.accumulate(&Graph::inference().param(&weight).sum(..).backward());
    assert_eq!(sum.apply(&mut weight, &mut |_, _, _| {}), Err(GradMismatch::Inference));
}

#[test]
fn gradients_of_other_shapes_do_not_add_up_and_nothing_is_lost() {
    let mut weight = Param::new(Tensor::from([1.0_f32]));
    let grads = |weight: &Param| Graph::training(0, 0).param(weight).sum(..).backward();
    let mut sum = grads(&weight);
    *weight.value_mut() = Tensor::from([1.0_f32, 2.0, 3.0]);
    let other = grads(&weight);
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sum.accumulate(&other)));
    assert!(
        refused
            .unwrap_err()
            .downcast_ref::<String>()
            .unwrap()
            .contains("accumulate: two gradients of one parameter")
    );
    assert_eq!(sum.get(&weight).unwrap().to_vec::<f32>(), [1.0]);
}
