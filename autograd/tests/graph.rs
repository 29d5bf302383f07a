//! The graph as a whole: long chains, operations of one's own, listing and picture, and what a step hands to an optimizer.

use autograd::gradcheck::{self, Check, Failure, Form};
use autograd::{
    DType, GradMismatch, Graph, Module, Op, Param, ParamPath, Rng, ShapeError, Spec, Tensor, Var,
};
use std::path::Path;

/// Runs `f` on a thread whose stack no recursion over a long chain would fit in.
fn with_small_stack(f: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 10).spawn(f).unwrap().join().unwrap();
}

#[test]
fn a_chain_of_100_000_operations_differentiates_and_drops() {
    with_small_stack(|| {
        let graph = Graph::inference();
        let (x, half) = (graph.input(1.5_f64), graph.constant(0.5_f64));
        let mut y = x;
        for _ in 0..50_000 {
            y = y * half + x;
        }
        assert!(graph.len() > 100_000);
        let [dx] = graph.grad(y, [x]);
        // The fixed point is 2x.
        assert!((y.item() - 3.0).abs() < 1e-12 && (dx.item() - 2.0).abs() < 1e-12);
        drop(graph);
    });
}

#[test]
fn a_long_chain_differentiates_twice() {
    with_small_stack(|| {
        let graph = Graph::inference();
        let x = graph.input(0.7_f64);
        let mut y = x;
        // Value, slope and curvature, each carried forward by the chain rule.
        let (mut value, mut slope, mut curvature) = (0.7_f64, 1.0, 0.0);
        for _ in 0..3000 {
            y = y.sin();
            let (sin, cos) = value.sin_cos();
            curvature = cos * curvature - sin * slope * slope;
            slope *= cos;
            value = sin;
        }
        let [dx] = graph.grad(y, [x]);
        let [ddx] = graph.grad(dx, [x]);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        assert!(close(y.item(), value) && close(dx.item(), slope), "{} {slope}", dx.item());
        assert!(close(ddx.item(), curvature), "{} {curvature}", ddx.item());
    });
}

/// `x³`, whose gradient is said to be `slope · x²`: right if `slope` is 3.
struct Cube {
    slope: f64,
}

impl Op<1> for Cube {
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x)
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x * x * x
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy * x.square() * self.slope)]
    }
}

#[test]
fn an_operation_of_ones_own_is_checked() {
    let x = Tensor::normal([2, 3], 0.0, 1.0, DType::F64, &mut Rng::new(1));
    gradcheck::check("cube", std::slice::from_ref(&x), |_, x| x[0].apply(Cube { slope: 3.0 })).unwrap();
    let jacobian = Check { form: Form::Jacobian, ..Check::default() };
    jacobian.run("cube", &[x], |_, x| x[0].apply(Cube { slope: 3.0 })).unwrap();
}

#[test]
fn a_wrong_gradient_is_reported_with_its_numbers() {
    let inputs = [Tensor::from(1.0), Tensor::from([[1.0, 2.0], [0.5, 0.0]])];
    let failure =
        gradcheck::check("cube", &inputs, |_, x| x[0] * x[1].apply(Cube { slope: 2.0 })).unwrap_err();
    // At 2 the slope is 12 times the incoming gradient, and claimed to be 8 times.
    let Failure::Wrong { name, order: 1, input: 1, entry, analytic, numeric } = &failure else {
        panic!("{failure}");
    };
    assert_eq!((name.as_str(), entry.as_slice()), ("cube", &[0, 1][..]));
    assert!((analytic / numeric - 8.0 / 12.0).abs() < 1e-9, "{failure}");
    assert_eq!(
        failure.to_string(),
        format!(
            "gradcheck of cube: order 1, input 1, entry [0, 1]: analytic {analytic:e}, numeric {numeric:e}"
        )
    );
}

#[test]
fn gradients_of_gradients() {
    let graph = Graph::inference();
    let x = graph.input(Tensor::from([1.0, 2.0]));
    let y = (x * x * x * x).sum(..);
    let mut derivative = y;
    for expected in [[4.0, 32.0], [12.0, 48.0], [24.0, 48.0], [24.0, 24.0], [0.0, 0.0]] {
        let [next] = graph.grad(derivative.sum(..), [x]);
        assert_eq!(next.value().to_vec::<f64>(), expected);
        derivative = next;
    }
}

#[test]
fn what_the_result_does_not_depend_on_has_gradient_zero() {
    let graph = Graph::inference();
    let x = graph.input(Tensor::from([1.0_f32, 2.0]));
    let other = graph.input(Tensor::from([[1.0_f32], [2.0]]));
    let later = x * 2.0;
    let [dx, d_other, d_later, d_detached] = {
        let detached = x.detach();
        graph.grad((x.square() + detached).sum(..), [x, other, later, detached])
    };
    assert_eq!(dx.value().to_vec::<f32>(), [2.0, 4.0]);
    assert_eq!(d_other.value(), Tensor::zeros([2, 1], DType::F32));
    assert_eq!(d_later.value(), Tensor::zeros([2], DType::F32));
    assert_eq!(d_detached.value().to_vec::<f32>(), [1.0, 1.0]);
}

#[test]
fn a_shared_parameter_gathers_all_its_gradients() {
    let weight = Param::new(Tensor::from([3.0_f32]));
    let graph = Graph::training(0, 0);
    let (a, b) = (graph.param(&weight), graph.param(&weight));
    assert_eq!(a.index(), b.index());
    let x = graph.input(Tensor::from([5.0_f32]));
    // w·x + w²: the gradient is x + 2w.
    let grads = (a * x + a * b).sum(..).backward();
    assert_eq!(grads.len(), 1);
    assert_eq!(grads.get(&weight).unwrap().to_vec::<f32>(), [11.0]);
}

#[test]
fn integers_take_part_without_a_gradient() {
    let table = Param::new(Tensor::from([[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]]));
    let graph = Graph::training(0, 0);
    let words = graph.input(Tensor::from([2_i64, 0, 2]));
    let labels = graph.input(Tensor::from([1_i64, 0, 0]));
    let rows = graph.param(&table).index_select(0, words);
    let right = rows.argmax(1).equal(labels).to(DType::F32).mean(..);
    let chosen = rows.gather(1, labels.unsqueeze(1)).sum(..);
    assert_eq!((right.item() * 3.0).round(), 1.0);
    let grads = (chosen + right).backward();
    assert_eq!(grads.get(&table).unwrap().to_vec::<f32>(), [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
}

/// An affine map that counts how often it was used.
struct Affine {
    weight: Param,
    bias: Param,
    uses: Param,
}

impl Affine {
    fn new(inputs: usize, outputs: usize) -> Affine {
        let weight = Tensor::linspace(-1.0, 1.0, inputs * outputs, DType::F32).reshape([inputs, outputs]);
        Affine {
            weight: Param::new(weight),
            bias: Param::new(Tensor::zeros([outputs], DType::F32)),
            uses: Param::buffer(Tensor::from(0_i64)),
        }
    }

    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let _scope = graph.scope("Affine");
        if graph.is_training() {
            graph.update(&self.uses, graph.param(&self.uses) + 1.0);
        }
        x.matmul(graph.param(&self.weight)) + graph.param(&self.bias)
    }
}

impl Module for Affine {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        self.weight.visit(&path.join("weight"), f);
        self.bias.visit(&path.join("bias"), f);
        self.uses.visit(&path.join("uses"), f);
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        self.weight.visit_mut(&path.join("weight"), f);
        self.bias.visit_mut(&path.join("bias"), f);
        self.uses.visit_mut(&path.join("uses"), f);
    }
}

fn two_layers() -> Vec<Affine> {
    vec![Affine::new(2, 3), Affine::new(3, 1)]
}

fn forward<'g>(model: &[Affine], graph: &'g Graph) -> Var<'g> {
    let x = graph.input(Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
    let y = {
        let _scope = graph.scope("Net");
        model[1].forward(model[0].forward(x).tanh())
    };
    y.square().mean(..)
}

#[test]
fn states_and_gradients_arrive_together() {
    let mut model = two_layers();
    for step in 0..3 {
        let graph = Graph::training(1, step);
        let grads = forward(&model, &graph).backward();
        assert_eq!(grads.update(&model[0].uses).unwrap().item(), step as f64 + 1.0);
        let mut names = vec![];
        let applied = grads.apply(&mut model, &mut |path, param, grad| {
            assert_eq!(param.value().shape(), grad.shape());
            names.push(path.to_string());
        });
        assert_eq!(applied, Ok(()));
        assert_eq!(names, ["0.weight", "0.bias", "1.weight", "1.bias"]);
        assert_eq!(
            (model[0].uses.value().item(), model[1].uses.value().item()),
            (step as f64 + 1.0, step as f64 + 1.0)
        );
    }
    let grads = forward(&model, &Graph::inference()).backward();
    assert!(grads.update(&model[0].uses).is_none(), "a prediction has no updates");
}

#[test]
fn what_does_not_pair_says_why() {
    let mut model = two_layers();
    let graph = Graph::training(0, 0);
    let hidden = model[0].forward(graph.input(Tensor::from([[1.0_f32, 2.0]])));
    let grads = hidden.sum(..).backward();
    let created_at = model[1].weight.created_at();
    assert!(created_at.file().ends_with("graph.rs"));
    let error = grads.apply(&mut model, &mut |_, _, _| ()).unwrap_err();
    assert!(matches!(&error, GradMismatch::NoGradient { name, .. } if name == "1.weight"));
    assert_eq!(
        error.to_string(),
        format!(
            "the parameter 1.weight (made at {created_at}) has no gradient: the loss does not depend on it; use it in \
             forward, remove it, or freeze it with set_requires_grad(false)"
        )
    );
    assert_eq!(model[0].uses.value().item(), 0.0, "a step that is refused changes no state");
    let other = "has a gradient (or a next value) but the model does not list it; is it in a field marked \
                 #[module(skip)], or of another model? To change only a part of a model, apply grads.of(&part)";
    let error = grads.apply(&mut (), &mut |_, _, _| ()).unwrap_err();
    assert_eq!(error.to_string(), format!("a parameter of shape [2, 3] {other}"));
    struct Part<'p>(&'p mut Affine);
    impl Module for Part<'_> {
        fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
            self.0.weight.visit(path, f);
            self.0.bias.visit(path, f);
        }
        fn visit_mut<'a>(
            &'a mut self,
            path: &ParamPath<'_>,
            f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param),
        ) {
            self.0.weight.visit_mut(path, f);
            self.0.bias.visit_mut(path, f);
        }
    }
    let error = grads.apply(&mut Part(&mut model[0]), &mut |_, _, _| ()).unwrap_err();
    assert_eq!(error.to_string(), format!("a parameter of shape [] {other}"));
    model[1].set_requires_grad(false);
    let mut count = 0;
    grads.apply(&mut model, &mut |_, _, _| count += 1).unwrap();
    assert_eq!(count, 2);
    assert_eq!(model[0].uses.value().item(), 1.0);
}

/// Compares with a file beside this one.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "it differs from {}; if this is better, run the test with UPDATE_GOLDEN=1 and read the change:\n{found}",
        path.display()
    );
}

#[test]
fn a_graph_is_listed_and_drawn() {
    let model = two_layers();
    let graph = Graph::training(0, 0);
    graph.name_params(&model);
    forward(&model, &graph).backward();
    golden("graph.txt", &graph.to_string());
    let dot = graph.to_dot();
    check_dot(&dot, graph.len());
    golden("graph.dot", &dot);
}

#[test]
fn names_with_quotes_are_drawn() {
    let weight = Param::new(Tensor::from(1.0_f32));
    let graph = Graph::training(0, 0);
    struct Odd<'p>(&'p Param);
    impl Module for Odd<'_> {
        fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
            self.0.visit(&path.join(r#"a "layer" {\.weight"#), f);
        }
        fn visit_mut<'a>(&'a mut self, _: &ParamPath<'_>, _: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {}
    }
    graph.name_params(&Odd(&weight));
    {
        let _scope = graph.scope("Odd");
        let _ = graph.param(&weight) * 2.0;
    }
    check_dot(&graph.to_dot(), graph.len());
}

/// Braces and quotes are balanced, and every node is drawn once; Graphviz itself is asked where it is installed.
fn check_dot(dot: &str, nodes: usize) {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    for c in dot.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            _ => {}
        }
        assert!(depth >= 0 && !(quoted && c == '\n'), "unbalanced:\n{dot}");
    }
    assert!(depth == 0 && !quoted, "unbalanced:\n{dot}");
    for node in 0..nodes {
        let drawn = dot.lines().filter(|line| line.trim_start().starts_with(&format!("n{node} ["))).count();
        assert_eq!(drawn, 1, "node {node}:\n{dot}");
    }
    let graphviz = std::process::Command::new("dot")
        .args(["-Tcanon", "-o", "/dev/null"])
        .stdin(std::process::Stdio::piped())
        .spawn();
    if let Ok(mut graphviz) = graphviz {
        std::io::Write::write_all(&mut graphviz.stdin.take().unwrap(), dot.as_bytes()).unwrap();
        assert!(graphviz.wait().unwrap().success(), "Graphviz refuses\n{dot}");
    }
}
