//! Keeping gradients from being too large.

use crate::real::{Real, elements, for_real};
use autograd::{Grads, Tensor};

/// Scales all gradients by one factor so that their norm is at most `max`; returns the norm that they had.
///
/// The norm is that of all gradients as one long vector, `sqrt(Σ g²)`, summed in `f64`. Its direction stays:
/// `g ← g · min(1, max/norm)`. Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks"
/// (2013); TensorFlow's `tf.clip_by_global_norm`. PyTorch's `clip_grad_norm_` scales by `max / (norm + 1e-6)` instead, which
/// is less by one millionth for a norm of 1, and by half for one of 1e-6.
///
/// If there is a NaN or an infinity among the gradients, so is the norm, and nothing is changed: the step is to be left
/// out, so what is returned must be looked at. With `max` infinite, the norm is only measured.
///
/// The gradients of a compiled program are clipped by `clip_norm(program.grads_mut(), max)`.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::clip_norm;
///
/// let weight = Param::new(Tensor::from([0.0_f32, 0.0]));
/// let graph = Graph::training(0, 0);
/// let mut grads = (graph.param(&weight) * graph.constant([3.0_f32, 4.0])).sum(..).backward();
/// let norm = clip_norm(&mut grads, 1.0);
/// assert_eq!(norm, 5.0);
/// assert_eq!(grads.get(&weight).unwrap().to_vec::<f32>(), [0.6, 0.8]);
/// if norm.is_finite() { /* optimizer.step(…) */ }
/// ```
///
/// # Panics
/// If `max` is not positive.
#[must_use = "if the norm is not finite, nothing was clipped and the step must be left out"]
#[track_caller]
pub fn clip_norm(grads: &mut Grads, max: f64) -> f64 {
    if max.is_nan() || max <= 0.0 {
        panic!("clip_norm: the largest norm is {max}; it must be positive");
    }
    // Gradients come in any order, but a sum must have the same bits in every run.
    let mut squares: Vec<f64> = grads.iter_mut().map(|grad| sum_of_squares(grad)).collect();
    squares.sort_by(f64::total_cmp);
    let norm = squares.iter().sum::<f64>().sqrt();
    if norm.is_finite() && norm > max {
        for grad in grads.iter_mut() {
            *grad = &*grad * (max / norm);
        }
    }
    norm
}

/// Limits each element of all gradients to [−`max`, `max`]; NaN stays.
///
/// `torch.nn.utils.clip_grad_value_`, `tf.clip_by_value`.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// let weight = Param::new(Tensor::from([0.0_f32, 0.0]));
/// let graph = Graph::training(0, 0);
/// let mut grads = (graph.param(&weight) * graph.constant([0.5_f32, -4.0])).sum(..).backward();
/// optim::clip_value(&mut grads, 1.0);
/// assert_eq!(grads.get(&weight).unwrap().to_vec::<f32>(), [0.5, -1.0]);
/// ```
///
/// # Panics
/// If `max` is not positive.
#[track_caller]
pub fn clip_value(grads: &mut Grads, max: f64) {
    if max.is_nan() || max <= 0.0 {
        panic!("clip_value: the largest magnitude is {max}; it must be positive");
    }
    for grad in grads.iter_mut() {
        *grad = grad.clamp(-max, max);
    }
}

fn sum_of_squares(grad: &Tensor) -> f64 {
    let grad = grad.contiguous();
    for_real!(grad, T => sum_squares(elements::<T>(&grad)))
}

/// Eight sums side by side, which the compiler keeps in vector registers.
fn sum_squares<T: Real>(x: &[T]) -> f64 {
    let square = |x: T| -> f64 {
        let x: f64 = x.into();
        x * x
    };
    let (chunks, rest) = x.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += square(x);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&x| square(x)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{DType, Graph, Param, Rng};

    /// Parameters whose gradients are `values`.
    fn with_grads(values: &[Tensor]) -> (Vec<Param>, Grads) {
        let params: Vec<Param> = values.iter().map(|x| Param::new(x.zeros_like())).collect();
        let graph = Graph::training(0, 0);
        let terms = params.iter().zip(values);
        let terms = terms.map(|(p, x)| (graph.param(p) * graph.constant(x.clone())).sum(..).to(DType::F64));
        let grads = terms.reduce(|a, b| a + b).expect("values").backward();
        (params, grads)
    }

    fn numbers(params: &[Param], grads: &Grads) -> Vec<f64> {
        let all =
            params.iter().flat_map(|p| grads.get(p).expect("a gradient").to(DType::F64).to_vec::<f64>());
        all.collect()
    }

    #[test]
    fn the_norm_is_that_of_all_gradients_together() {
        let rng = &mut Rng::new(7);
        let a = Tensor::normal([13, 5], 0.0, 2.0, DType::F32, rng);
        let b = Tensor::normal([3, 7], 0.0, 2.0, DType::F64, rng).t();
        let (params, mut grads) = with_grads(&[a, b]);
        let before = numbers(&params, &grads);
        let norm = before.iter().fold(0.0, |sum, x| f64::hypot(sum, *x));
        assert!((clip_norm(&mut grads, f64::INFINITY) - norm).abs() < 1e-9 * norm);
        assert_eq!(numbers(&params, &grads), before);
        assert!((clip_norm(&mut grads, 0.5) - norm).abs() < 1e-9 * norm);
        for (before, after) in before.iter().zip(numbers(&params, &grads)) {
            assert!((after - before * 0.5 / norm).abs() < 1e-7);
        }
        assert!((clip_norm(&mut grads, 1.0) - 0.5).abs() < 1e-7);
    }

    #[test]
    fn the_norm_of_large_f32_does_not_overflow() {
        let (params, mut grads) = with_grads(&[Tensor::from([3e30_f32, 4e30])]);
        assert!((clip_norm(&mut grads, 10.0) / 5e30 - 1.0).abs() < 1e-6);
        assert_eq!(numbers(&params, &grads), [6.0, 8.0]);
    }

    #[test]
    fn what_is_not_finite_is_reported_and_left() {
        for x in [f32::NAN, f32::INFINITY] {
            let (params, mut grads) = with_grads(&[Tensor::from([x, 4.0])]);
            assert!(!clip_norm(&mut grads, 1.0).is_finite());
            assert_eq!(numbers(&params, &grads)[1], 4.0);
        }
    }

    #[test]
    fn values_are_limited_one_by_one() {
        let (params, mut grads) = with_grads(&[Tensor::from([-5.0_f64, -0.5, 0.0, 2.0, 2.1])]);
        clip_value(&mut grads, 2.0);
        assert_eq!(numbers(&params, &grads), [-2.0, -0.5, 0.0, 2.0, 2.0]);
    }

    /// Gradients of zero shrink to nothing by no factor; a limit of zero is a mistake.
    #[test]
    fn limits() {
        let (params, mut grads) = with_grads(&[Tensor::from([0.0_f32])]);
        assert_eq!(clip_norm(&mut grads, 1.0), 0.0);
        assert_eq!(numbers(&params, &grads), [0.0]);
        for max in [0.0, -1.0, f64::NAN] {
            assert!(std::panic::catch_unwind(|| clip_norm(&mut Grads::default(), max)).is_err());
            assert!(std::panic::catch_unwind(|| clip_value(&mut Grads::default(), max)).is_err());
        }
    }
}
