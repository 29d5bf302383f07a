//! Checking the gradients of a layer and its parameters.

use crate::gradcheck::{self, Failure};
use crate::{Graph, Layer, Module, Role, Tensor};

/// Checks the gradients of `layer` at `x` against differences of values: with respect to `x` to second order (see
/// [`gradcheck`]), with respect to each element of each trained parameter to first order. For layers of a few hundred
/// parameters, in `f64`.
///
/// ```
/// use nn::{DType, Linear, Module, Rng, Tensor};
///
/// let rng = &mut Rng::new(42);
/// let mut layer = Linear::new(3, 2, rng);
/// layer.to(DType::F64);
/// nn::check_gradients(&mut layer, &Tensor::normal([4, 3], 0.0, 1.0, DType::F64, rng)).unwrap();
/// ```
///
/// # Errors
/// If a gradient is wrong, or the result is not `f64`.
pub fn check_gradients<L: Layer>(layer: &mut L, x: &Tensor) -> Result<(), Failure> {
    const STEP: f64 = 1e-3;
    const TOLERANCE: f64 = 1e-8;
    gradcheck::check("layer", std::slice::from_ref(x), |_, x| layer.forward(x[0]))?;

    // A number that every element of the result has a part in, each another one.
    fn loss<'g>(graph: &'g Graph, layer: &impl Layer, x: &Tensor) -> crate::Var<'g> {
        let y = layer.forward(graph.input(x.clone()));
        let (shape, count) = (y.shape(), y.shape().numel());
        let weights = Tensor::arange(1.0, count as f64 + 1.0, 1.0, y.dtype()).sin();
        (y * graph.constant(weights.reshape(shape))).sum(..)
    }
    let graph = Graph::training(0, 0);
    let grads = loss(&graph, layer, x).backward();
    let trained: Vec<(String, Option<Tensor>)> = layer
        .params()
        .into_iter()
        .filter(|(_, param)| param.role() == Role::Trainable)
        .map(|(name, param)| (name, grads.get(param).cloned()))
        .collect();
    for (name, grad) in trained {
        let Some(grad) = grad else {
            let what = format!("the result does not depend on the parameter {name}");
            return Err(Failure::Unfit { name: "layer".into(), what });
        };
        for (i, analytic) in grad.to_vec::<f64>().into_iter().enumerate() {
            let [a, b, c, d] = [1.0, -1.0, 2.0, -2.0].map(|k| {
                let before = with_param(layer, &name, |value| {
                    let before = value.clone();
                    value.as_mut_slice::<f64>()[i] += k * STEP;
                    before
                });
                let moved = loss(&Graph::training(0, 0), layer, x).item();
                with_param(layer, &name, |value| *value = before);
                moved
            });
            let numeric = (8.0 * (a - b) - (c - d)) / (12.0 * STEP);
            // Written so that NaN and infinities are wrong.
            let distance = (analytic - numeric).abs();
            let close =
                distance.is_finite() && distance <= TOLERANCE * analytic.abs().max(numeric.abs()).max(1.0);
            if !close {
                let entry = vec![i];
                let name = format!("layer with respect to {name}, elements counted in row-major order");
                return Err(Failure::Wrong { name, order: 1, input: 0, entry, analytic, numeric });
            }
        }
    }
    Ok(())
}

/// Hands the value of the parameter of this name to `f`.
fn with_param<R>(module: &mut impl Module, name: &str, f: impl FnOnce(&mut Tensor) -> R) -> R {
    match module.params_mut().into_iter().find(|(other, _)| other == name) {
        Some((_, param)) => f(param.value_mut()),
        None => unreachable!("{name} was listed before"),
    }
}
