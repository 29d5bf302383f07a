//! Finding the operation that made the first NaN or infinity, eager and compiled, forward and backward.

use autograd::{DType, Graph, Module, Param, ParamPath, Pool2d, Tensor, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The text of the panic of `f`, if it panics.
fn complaint<R>(f: impl FnOnce() -> R) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    Some(payload.downcast_ref::<String>().expect("a text").clone())
}

#[track_caller]
fn assert_says(text: Option<String>, parts: &[&str]) {
    let text = text.expect("no panic");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn line_after(line: u32) -> String {
    format!("{}:{}:", file!(), line + 1)
}

#[test]
fn the_first_operation_that_makes_a_nan_is_named_with_its_line() {
    let graph = Graph::training(0, 0).debug_nans();
    let x = graph.input(Tensor::from([[4.0_f32, 1.0], [-1.0, 0.0]]));
    let here = line_after(line!());
    let text = complaint(|| x.sqrt());
    assert_says(text, &["debug_nans: %1 = Sqrt %0  [2, 2] made a NaN", "[1, 0]", &here]);
    let ln = Graph::training(0, 0).debug_nans();
    assert_eq!(ln.input(Tensor::from(0.0_f32)).ln().item(), f64::NEG_INFINITY, "an infinity is no NaN");
}

/// The line is that of the operation whose gradient it is, not one in this library.
#[test]
fn a_gradient_that_makes_a_nan_is_named_with_the_line_of_its_operation() {
    let graph = Graph::training(0, 0).debug_nans();
    let x = graph.input(Tensor::from([0.0_f32, 1.0]));
    let here = line_after(line!());
    let root = (x * 0.0).sqrt();
    let loss = (root * 0.0).sum(..); // 0 · d√0 = 0 · ∞
    let before = graph.len();
    let text = complaint(|| graph.grad(loss, [x]));
    assert_says(text, &["debug_nans: ", "in the gradient of", "= Sqrt", &here, "element [0]"]);
    assert!(graph.len() > before);
}

#[test]
fn a_nan_that_is_given_is_named_as_what_it_is() {
    let nan = Tensor::from([1.0_f32, f32::NAN]);
    let graph = Graph::training(0, 0).debug_nans();
    assert_says(complaint(|| graph.input(nan.clone())), &["debug_nans: %0 = Input  [2] holds a NaN", "[1]"]);
    let model = [Param::new(nan)];
    let graph = Graph::training(0, 0).debug_nans();
    graph.name_params(&model);
    assert_says(complaint(|| graph.param(&model[0])), &["Param 0", "holds a NaN", "an earlier step made it"]);
}

struct Scale {
    factor: Param,
}

impl Scale {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let _scope = x.graph().scope("Scale");
        (x * x.graph().param(&self.factor)).ln()
    }
}

impl Module for Scale {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        self.factor.visit(&path.join("factor"), f);
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        self.factor.visit_mut(&path.join("factor"), f);
    }
}

/// The logarithm is in the middle of a chain that would be one fused step; and the second layer of the model made it.
#[test]
fn a_fused_step_names_the_single_operation_and_the_layer() {
    let mut model = vec![
        Scale { factor: Param::new(Tensor::from(2.0_f32)) },
        Scale { factor: Param::new(Tensor::from(3.0_f32)) },
    ];
    let record = |graph: &Graph, model: &Vec<Scale>| {
        graph.name_params(model);
        let x = graph.input(Tensor::from([2.0_f32, 3.0, 5.0]));
        let y = model.iter().fold(x, |x, layer| layer.forward(x));
        let loss = (y * 2.0 + 1.0).square().mean(..);
        loss.backward();
        graph.compile(&[loss])
    };
    let mut plain = record(&Graph::training(0, 0), &model);
    let mut watching = record(&Graph::training(0, 0).debug_nans().debug_infs(), &model);
    assert!(watching.steps().len() > plain.steps().len(), "nothing was fused: {plain}");
    let input = [Tensor::from([2.0_f32, 3.0, 5.0])];
    // The same bits, and nothing to report.
    assert_eq!(plain.run(&model, 0, &input).unwrap(), watching.run(&model, 0, &input).unwrap());
    for (_, param) in model.params() {
        assert_eq!(plain.grads().get(param), watching.grads().get(param));
    }
    model[1].factor.set(Tensor::from(-3.0_f32));
    assert!(plain.run(&model, 0, &input).unwrap()[0].item().is_nan(), "silently");
    let text = complaint(|| watching.run(&model, 0, &input).map(<[Tensor]>::len));
    assert_says(text, &["debug_nans: ", "= Ln ", "[3] made a NaN", "1 (Scale)", file!()]);
    // What is given is looked at too, and the program can be run again.
    let nan = [Tensor::from([2.0_f32, f32::NAN, 5.0])];
    let text = complaint(|| watching.run(&model, 0, &nan).map(<[Tensor]>::len));
    assert_says(text, &["%0 = Input  [3] holds a NaN, element [1]"]);
    model[1].factor.set(Tensor::from(3.0_f32));
    assert!(watching.run(&model, 0, &input).is_ok());
}

#[test]
fn a_gradient_in_a_program_is_named() {
    let graph = Graph::training(0, 0).debug_nans();
    let w = Param::new(Tensor::from([4.0_f32, 1.0]));
    let here = line_after(line!());
    let root = graph.param(&w).sqrt();
    let loss = (root * 0.0).sum(..);
    loss.backward();
    let mut program = graph.compile(&[loss]);
    let mut zero = w;
    zero.set(Tensor::from([0.0_f32, 1.0]));
    let text = complaint(|| program.run(&zero, 0, &[]).map(<[Tensor]>::len));
    assert_says(text, &["in the gradient of", "= Sqrt", &here]);
}

#[test]
fn infinities_are_looked_for_only_if_asked_and_where_they_are_made() {
    let graph = Graph::training(0, 0).debug_infs();
    let x = graph.input(Tensor::from([1000.0_f32, 1.0]));
    assert_says(complaint(|| x.exp()), &["debug_infs: ", "= Exp %0", "made an infinity, element [0]"]);
    assert!(complaint(|| x - x + graph.constant(f32::NAN)).is_none(), "a NaN is no infinity");
    let graph = Graph::training(0, 0).debug_infs();
    let broken = Param::new(Tensor::from(f32::INFINITY));
    assert_says(complaint(|| graph.param(&broken)), &["holds an infinity", "an earlier step"]);
}

/// Masks and padding of −∞ are meant, and what comes of them is right.
#[test]
fn infinities_that_are_meant_are_no_false_alarm() {
    let graph = Graph::training(0, 0).debug_nans().debug_infs();
    let logits = graph.input(Tensor::from([[1.0_f32, 2.0, 3.0]]));
    let mask = graph.constant(Tensor::from([0.0_f32, f32::NEG_INFINITY, 0.0]));
    let masked = (logits + mask).softmax(-1);
    let [d] = graph.grad(masked.square().sum(..), [logits]);
    assert_eq!(d.shape(), [1, 3]);
    let images = graph.input(Tensor::ones([1, 5, 5, 2], DType::F32));
    let pool = Pool2d { padding: autograd::Padding::Same, ..Pool2d::new(2) };
    let pooled = images.max_pool2d(pool);
    let [d] = graph.grad(pooled.sum(..), [images]);
    assert_eq!(d.value().sum(..).item(), 18.0);
    let mut program = graph.compile(&[masked, pooled, d]);
    program.run(&(), 0, &[logits.value(), images.value()]).unwrap();
}

#[test]
fn nothing_is_looked_for_unless_asked() {
    let x = Tensor::from([-1.0_f32, f32::NAN]);
    let graph = Graph::training(0, 0);
    assert!(graph.input(x).sqrt().sum(..).item().is_nan());
}
