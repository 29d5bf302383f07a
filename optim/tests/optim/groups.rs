//! Parameter groups.

use super::panic_of;
use autograd::{Grads, Graph, Module, Param, Tensor};
use optim::{Adam, Lbfgs, Optimizer, ParamGroups, Sgd, StateError};

/// Three parameters `0.0`, `0.1` and `1`.
type Model = ([Param; 2], Param);

fn model() -> Model {
    let param = |x: f64| Param::new(Tensor::from([x, -x]));
    ([param(1.0), param(2.0)], param(3.0))
}

fn grads(model: &Model) -> Grads {
    let graph = Graph::training(0, 0);
    let terms = model.params().into_iter().map(|(_, param)| graph.param(param).square().sum(..));
    terms.reduce(|a, b| a + b).unwrap().backward()
}

/// Each parameter changes as by the optimizer and learning rate of its group alone.
#[test]
fn each_group_has_its_own_settings() {
    let mut groups = ParamGroups::new(Sgd::new().momentum(0.9)).group("0.*1", Adam::new()).scaled_group(
        "1",
        0.1,
        Sgd::new().weight_decay(0.2),
    );
    let (mut together, mut alone) = (model(), model());
    let (mut first, mut second, mut third) =
        (Sgd::new().momentum(0.9), Adam::new(), Sgd::new().weight_decay(0.2));
    for _ in 0..3 {
        let found = grads(&together);
        groups.step(&mut together, &found, 0.05);
        let found = grads(&alone);
        let ([a, b], c) = &mut alone;
        let [of_a, of_b, of_c] = [found.of(a), found.of(b), found.of(c)];
        first.step(a, &of_a, 0.05);
        second.step(b, &of_b, 0.05);
        third.step(c, &of_c, 0.05 * 0.1);
    }
    for ((name, a), (_, b)) in together.params().iter().zip(alone.params()) {
        assert_eq!(a.value(), b.value(), "{name}");
    }
}

#[test]
fn a_saved_state_goes_back_to_its_groups() {
    let groups = || ParamGroups::new(Sgd::new().momentum(0.9)).group("0.*", Adam::new());
    let (mut before, mut model) = (groups(), model());
    let found = grads(&model);
    before.step(&mut model, &found, 0.1);
    let state = before.state(&model);
    let names: Vec<&str> = state.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["0.0/m", "0.0/v", "0.0/t", "0.1/m", "0.1/v", "0.1/t", "1/velocity"]);
    let mut after = groups();
    after.load_state(&model, state.clone()).unwrap();
    assert_eq!(after.state(&model), state);
    // What is wrong changes nothing, in no group.
    let mut wrong = state.clone();
    wrong.last_mut().unwrap().0 = "1/m".into();
    let error = after.load_state(&model, wrong).unwrap_err();
    assert!(matches!(&error, StateError::UnknownSlot { name, .. } if name == "1/m"), "{error}");
    assert_eq!(after.state(&model), state);
}

#[test]
fn a_pattern_that_matches_nothing_is_refused() {
    let mut model = model();
    let found = grads(&model);
    let mut typo = ParamGroups::new(Sgd::new()).group("0.*bias", Sgd::new());
    let (text, ..) = panic_of(|| typo.step(&mut model, &found, 0.1));
    assert!(text.contains("no parameter of the model is in the group \"0.*bias\""), "{text}");
    assert!(text.contains("the model's parameters are 0.0, 0.1, 1"), "{text}");
    let (text, ..) = panic_of(|| drop(ParamGroups::new(Sgd::new()).group("", Sgd::new())));
    assert!(text.contains("the pattern is empty"), "{text}");
}

/// Groups in a group see the model too; L-BFGS is refused before anything is changed.
#[test]
fn optimizers_in_groups_are_asked_before_a_step() {
    let mut model = model();
    let found = grads(&model);
    let inner = || ParamGroups::new(Sgd::new()).group("0.0", Sgd::new().momentum(0.5));
    let mut nested = ParamGroups::new(inner());
    nested.step(&mut model, &found, 0.1);
    let names: Vec<String> = nested.state(&model).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.0/velocity"]);
    let before: Vec<Tensor> = model.params().iter().map(|(_, param)| param.value().copy()).collect();
    let found = grads(&model);
    let mut mixed = ParamGroups::new(Sgd::new()).group("1", Lbfgs::new());
    let (text, ..) = panic_of(|| mixed.step(&mut model, &found, 0.1));
    assert!(text.contains("cannot be in a group"), "{text}");
    let after: Vec<Tensor> = model.params().iter().map(|(_, param)| param.value().copy()).collect();
    assert_eq!(after, before);
}
