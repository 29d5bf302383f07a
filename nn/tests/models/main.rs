//! Training steps of whole models, at every level of vector instructions on every machine: levels that the CPU has not are
//! emulated.

mod gpt;
#[path = "../../../tensor/tests/every_level/levels.rs"]
mod levels;
mod resnet;

use levels::Digest;
use nn::{DType, Grads, Graph, Module, Param, Rng, Tensor, Var};

/// A model that learns from a batch of inputs and targets.
trait Model: Module {
    fn new(rng: &mut Rng) -> Self;
    fn loss<'g>(&self, inputs: Var<'g>, targets: Var<'g>) -> Var<'g>;
}

/// The gradients of all parameters, with their names.
fn gradients(model: &impl Module, grads: &Grads) -> Vec<(String, Tensor)> {
    let of = |(name, param): (String, &Param)| grads.get(param).map(|grad| (name, grad.clone()));
    model.params().into_iter().filter_map(of).collect()
}

fn descend(model: &mut impl Module, grads: &Grads, rate: f64) {
    grads.apply(model, &mut |_, param, grad| *param.value_mut() -= &(grad * rate)).unwrap();
}

/// Takes steps on one batch, eagerly and as a compiled program: to the same bits, with the gradients that f64 has within `bound` of
/// each parameter's, in the Euclidean norm, and so that the loss becomes `share` of what it was.
fn train<M: Model>([inputs, targets]: [Tensor; 2], steps: u64, rate: f64, bound: f64, share: f64) {
    let [mut eager, mut compiled, mut exact] = [(); 3].map(|()| M::new(&mut Rng::new(1)));
    exact.to(DType::F64);
    let precise = if inputs.dtype() == DType::F32 { inputs.to(DType::F64) } else { inputs.clone() };
    let graph = Graph::training(7, 0);
    let exact_grads = exact.loss(graph.input(precise), graph.input(targets.clone())).backward();
    let exact_grads = gradients(&exact, &exact_grads);

    let graph = Graph::training(7, 0);
    let loss = compiled.loss(graph.input(inputs.clone()), graph.input(targets.clone()));
    loss.backward();
    let mut program = graph.compile(&[loss]);

    let mut digest = Digest::default();
    let mut losses = vec![];
    for step in 0..steps {
        let graph = Graph::training(7, step);
        let loss = eager.loss(graph.input(inputs.clone()), graph.input(targets.clone()));
        let grads = loss.backward();
        let again = program.run(&compiled, step, &[inputs.clone(), targets.clone()]).unwrap()[0].clone();
        assert_eq!(loss.value(), again, "step {step}: the loss of the graph, and of the program");
        let (found, again) = (gradients(&eager, &grads), gradients(&compiled, program.grads()));
        assert_eq!(found.len(), exact_grads.len());
        for ((name, x), (_, y)) in found.iter().zip(&again) {
            assert!(x == y, "step {step}: the gradient of {name} in the graph, and in the program");
            digest.add(&x.to_vec::<f32>());
        }
        for ((name, x), (_, y)) in found.iter().zip(&exact_grads).filter(|_| step == 0) {
            let norm = |x: &Tensor| x.square().sum(..).item().sqrt();
            let error = norm(&(x.to(DType::F64) - y)) / norm(y);
            assert!(error <= bound, "{name}: the gradient is {error:e} of its norm away from that in f64");
        }
        losses.push(loss.item());
        digest.add(&loss.value().to_vec::<f32>());
        descend(&mut eager, &grads, rate);
        descend(&mut compiled, program.grads(), rate);
    }
    assert!(losses[losses.len() - 1] < share * losses[0], "the loss does not fall: {losses:?}");
    digest.report();
}
