//! Tests of the crate as its users see it.

mod derive;
mod init;
mod layers;
mod loss;
mod messages;
mod norm_and_dropout;
mod save;
mod summary;

use nn::{DType, Module, Rng, Tensor};

/// Normally distributed numbers.
fn normal(shape: &[usize], seed: u64) -> Tensor {
    Tensor::normal(shape, 0.0, 1.0, DType::F64, &mut Rng::new(seed))
}

/// The path names of all parameters and buffers.
fn names(module: &impl Module) -> Vec<String> {
    module.params().into_iter().map(|(name, _)| name).collect()
}

/// Asserts that numbers are equal to about `tolerance`, absolutely and relatively.
#[track_caller]
fn assert_close(found: &Tensor, expected: &[f64], tolerance: f64) {
    let found = found.to(DType::F64).to_vec::<f64>();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(close, "{found} instead of {expected}");
    }
}
