//! L-BFGS.

use super::panic_of;
use autograd::{DType, Grads, Graph, Module, Param, Rng, Tensor};
use optim::{Lbfgs, Optimizer, StateError};

/// Least squares of `x·w + b` against `y`, badly scaled.
struct Fit {
    x: Tensor,
    y: Tensor,
}

impl Fit {
    fn new(dtype: DType) -> Fit {
        let rng = &mut Rng::new(3);
        let scales = Tensor::from([1.0, 30.0, 0.1, 5.0]).to(dtype);
        let x = Tensor::normal([50, 4], 0.0, 1.0, dtype, rng) * scales;
        let y = Tensor::normal([50, 1], 1.0, 2.0, dtype, rng);
        Fit { x, y }
    }

    fn model(&self) -> [Param; 2] {
        [Tensor::zeros([4, 1], self.x.dtype()), Tensor::zeros([1], self.x.dtype())].map(Param::new)
    }

    fn loss(&self, model: &dyn Module) -> (f64, Grads) {
        let graph = Graph::training(0, 0);
        let [w, b] = [0, 1].map(|i| graph.param(model.params()[i].1));
        let error = graph.constant(self.x.clone()).matmul(w) + b - graph.constant(self.y.clone());
        let loss = error.square().mean(..);
        (loss.item(), loss.backward())
    }
}

#[test]
fn least_squares_are_solved_in_tens_of_evaluations() {
    let mut least = f64::INFINITY;
    for dtype in [DType::F64, DType::F32] {
        let fit = Fit::new(dtype);
        let (mut model, mut lbfgs, mut asked) = (fit.model(), Lbfgs::new(), 0);
        for _ in 0..4 {
            lbfgs.step_with(&mut model, 1.0, &mut |model| {
                asked += 1;
                fit.loss(model)
            });
        }
        let (loss, grads) = fit.loss(&model);
        if dtype == DType::F64 {
            least = loss;
            for param in &model {
                let slope = grads.get(param).unwrap().abs().max(..).item();
                assert!(slope < 1e-6, "the gradient is {slope}");
            }
        }
        // The loss of f32 is flat to its last digits long before its gradient is.
        assert!((loss / least - 1.0).abs() < 1e-4, "{dtype}: the loss is {loss}, the least {least}");
        assert!(asked < 120, "{dtype}: {asked} evaluations");
    }
}

/// A step that was interrupted between two calls goes on to the bit.
#[test]
fn a_saved_state_goes_on_to_the_bit() {
    let fit = Fit::new(DType::F64);
    let (mut model, mut lbfgs) = (fit.model(), Lbfgs::new().iterations(3).history(4));
    let step =
        |lbfgs: &mut Lbfgs, model: &mut [Param; 2]| lbfgs.step_with(model, 1.0, &mut |model| fit.loss(model));
    step(&mut lbfgs, &mut model);
    let state = lbfgs.state(&model);
    assert_eq!(state[0].0, "0/s0");
    let mut copy = model.each_ref().map(|param| Param::new(param.value().copy()));
    let mut other = Lbfgs::new().iterations(3).history(4);
    other.load_state(&copy, state.clone()).unwrap();
    for _ in 0..2 {
        assert_eq!(step(&mut lbfgs, &mut model), step(&mut other, &mut copy));
    }
    for (a, b) in model.iter().zip(&copy) {
        assert_eq!(a.value(), b.value());
    }

    let error = |entries: Vec<(String, Tensor)>| Lbfgs::new().load_state(&model, entries).unwrap_err();
    let mut short = state.clone();
    short.pop();
    assert!(matches!(error(short), StateError::Missing { .. }));
    assert!(matches!(error(vec![("0/s99".into(), state[0].1.clone())]), StateError::UnknownSlot { .. }));
    assert!(matches!(error(vec![("2/s0".into(), state[0].1.clone())]), StateError::UnknownParam { .. }));
    assert!(matches!(error(vec![("1/s0".into(), state[0].1.clone())]), StateError::Mismatch { .. }));
}

/// A loss that is not a number somewhere is not followed there, and one that is none at all leaves the model as it is.
#[test]
fn a_loss_that_is_no_number_is_not_followed() {
    let mut param = Param::new(Tensor::from(4.0_f64));
    // ln(x) + 1/x has its minimum at 1, and no value below 0, where a long step would lead.
    Lbfgs::new().step_with(&mut param, 100.0, &mut |model| {
        let graph = Graph::training(0, 0);
        let x = graph.param(model.params()[0].1);
        let loss = x.ln() + x.recip();
        (loss.item(), loss.backward())
    });
    assert!((param.value().item() - 1.0).abs() < 1e-4, "{}", param.value());
    let before = param.value().copy();
    let found = Lbfgs::new().step_with(&mut param, 1.0, &mut |model| {
        let graph = Graph::training(0, 0);
        let loss = graph.param(model.params()[0].1) * f64::NAN;
        (loss.item(), loss.backward())
    });
    assert!(found.is_nan());
    assert_eq!(param.value(), &before);
}

#[test]
fn gradients_alone_are_refused() {
    let mut param = Param::new(Tensor::from(1.0_f64));
    let (text, ..) = panic_of(|| Lbfgs::new().step(&mut param, &Grads::default(), 0.1));
    assert!(text.contains("call step_with"), "{text}");
}

/// Points that are only tried leave no trace in the buffers, and a loss that is not finite none at all.
#[test]
fn buffers_get_one_next_value_a_step() {
    let mut model = (Param::new(Tensor::from(4.0_f64)), Param::buffer(Tensor::from(0.0_f64)));
    let mut step = |factor: f64| {
        let mut asked = 0;
        Lbfgs::new().step_with(&mut model, 100.0, &mut |model| {
            asked += 1;
            let graph = Graph::training(0, 0);
            let params = model.params();
            let x = graph.param(params[0].1);
            graph.update(params[1].1, graph.param(params[1].1) + x.ln());
            let loss = (x.ln() + x.recip()) * factor;
            (loss.item(), loss.backward())
        });
        (asked, model.1.value().item())
    };
    let (asked, buffer) = step(1.0);
    assert!(asked > 2 && buffer == 4.0_f64.ln(), "{asked} evaluations, {buffer}");
    assert_eq!(step(f64::NAN), (1, buffer));
}

/// A history that belongs to a parameter of another shape is forgotten.
#[test]
fn a_parameter_of_another_shape_begins_afresh() {
    let mut param = Param::new(Tensor::from([1.0_f64, 3.0]));
    let mut lbfgs = Lbfgs::new();
    let step = |lbfgs: &mut Lbfgs, param: &mut Param| {
        lbfgs.step_with(param, 1.0, &mut |model| {
            let loss = Graph::training(0, 0);
            let loss = loss.param(model.params()[0].1).square().sum(..);
            (loss.item(), loss.backward())
        });
    };
    step(&mut lbfgs, &mut param);
    assert!(!lbfgs.state(&param).is_empty());
    *param.value_mut() = Tensor::from([1.0_f64, 2.0, 3.0]);
    assert_eq!(lbfgs.state(&param), []);
    step(&mut lbfgs, &mut param);
    assert!(param.value().abs().max(..).item() < 1e-6);
}
