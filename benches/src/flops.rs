//! How much arithmetic a training step is.

use nn::{Layer, Role};
use std::collections::HashMap;

/// Floating-point operations of one training step on a batch of this many images: 2 for each multiply-add of the
/// convolutions and dense layers, in the forward pass, the weight gradients and the input gradients. The first layer has
/// no input gradient. Everything else (biases, activations, normalisation, the optimizer) is not counted.
///
/// It is the arithmetic of direct convolution, zeros of the padding included, whatever the kernels really do.
///
/// ```
/// let softmax = mnist::models::softmax(&mut nn::Rng::new(0));
/// assert_eq!(benches::step_flops(&softmax, 100), 2.0 * (2 * 100 * 784 * 10) as f64);
/// ```
pub fn step_flops(model: &impl Layer, batch: usize) -> f64 {
    let forward = layer_flops(model, batch);
    let first = forward.first().copied().unwrap_or(0.0);
    3.0 * forward.iter().sum::<f64>() - first
}

/// The forward pass of each layer with weights. An entry of a kernel `[height, width, in, out]` or a matrix `[in, out]` is
/// multiplied once for each of the output's positions.
fn layer_flops(model: &impl Layer, batch: usize) -> Vec<f64> {
    let summary = nn::summary(model, [batch, 28, 28, 1]);
    // A row is called `3 (Conv2d)`, and its parameters `3.weight` and `3.bias`.
    let outputs: HashMap<&str, usize> = summary
        .rows
        .iter()
        .filter_map(|row| Some((row.layer.split_once(' ')?.0, row.output.numel())))
        .collect();
    let mut flops = vec![];
    for (name, param) in model.params() {
        let shape = param.value().shape();
        if let Some((layer, "weight")) = name.rsplit_once('.')
            && param.role() == Role::Trainable
            && let (Some(output), Some(channels)) = (outputs.get(layer), shape.last())
        {
            flops.push(2.0 * (shape.numel() * output / channels) as f64);
        }
    }
    flops
}
