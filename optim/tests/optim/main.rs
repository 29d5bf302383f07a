//! The optimizers against other ways to compute the same, and the contract of a step.

mod adam;
mod convergence;
mod groups;
mod lbfgs;
mod sgd;
mod state;
mod step;
mod subnormal;

use autograd::{Grads, Graph, Module, Tensor};
use optim::Optimizer;

/// Gradients that are exactly `values`, one for each trained parameter of `model` in its order: those of the loss
/// `Σ param·value`.
fn grads_of(model: &dyn Module, values: &[Tensor]) -> Grads {
    let graph = Graph::training(0, 0);
    let params = model.params();
    let trained = params.iter().filter(|(_, param)| param.role() == autograd::Role::Trainable);
    let terms = trained.zip(values).map(|((_, param), value)| {
        let product = graph.param(param) * graph.constant(value.clone());
        product.sum(..).to(autograd::DType::F64)
    });
    terms.reduce(|a, b| a + b).expect("a model with parameters").backward()
}

/// What an optimizer makes of the number `w` given these gradients, step by step.
fn descend(optimizer: &mut dyn Optimizer, w: f64, grads: &[f64], lr: f64) -> Vec<f64> {
    let mut param = autograd::Param::new(Tensor::from(w));
    let mut trace = vec![];
    for &g in grads {
        let grads = grads_of(&param, &[Tensor::from(g)]);
        optimizer.step(&mut param, &grads, lr);
        trace.push(param.value().item());
    }
    trace
}

/// Gradients of all sizes and both signs, without randomness.
fn some_grads(count: usize) -> Vec<f64> {
    (0..count).map(|i| (i as f64 * 1.7).sin() * 10f64.powi(i as i32 % 5 - 3) + 0.05).collect()
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * a.abs().max(b.abs()), "number {i}: {a} and {b}");
    }
}

/// The text of the panic of `f`, and the file and line that it names.
fn panic_of(f: impl FnOnce()) -> (String, String, u32) {
    use std::cell::RefCell;
    use std::panic;
    thread_local!(static PLACE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) });
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|at| (at.file().to_owned(), at.line()));
            PLACE.with_borrow_mut(|last| *last = place);
            before(info);
        }));
    });
    let payload = panic::catch_unwind(panic::AssertUnwindSafe(f)).expect_err("no panic");
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or(payload.downcast_ref::<&str>().map(|s| s.to_string()));
    let (file, line) = PLACE.with_borrow_mut(Option::take).expect("a place");
    (text.expect("a text"), file, line)
}
