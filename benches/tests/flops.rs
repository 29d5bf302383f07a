//! The arithmetic of the nine models against numbers worked out by hand, for batches of 100.
#![allow(missing_docs)]

use benches::{MODELS, Model, step_flops};
use nn::{Module, Rng};

fn flops(name: &str) -> f64 {
    step_flops(&(Model::named(name).unwrap().build)(&mut Rng::new(0)), 100)
}

#[test]
fn three_passes_for_each_layer_but_two_for_the_first() {
    // Multiply-adds of an image: outputs of the layer times inputs of each.
    let convolutional = [784 * 4 * 25, 196 * 8 * 100, 49 * 12 * 128, 588 * 200, 200 * 10];
    let batchnorm_conv = [784 * 24 * 36, 196 * 48 * 600, 49 * 64 * 768, 3136 * 200, 200 * 10];
    let five_layers = [784 * 200, 200 * 100, 100 * 60, 60 * 30, 30 * 10];
    let step = |layers: [usize; 5]| 2.0 * 100.0 * (3 * layers.iter().sum::<usize>() - layers[0]) as f64;
    for (name, expected) in [
        ("softmax", 2.0 * 100.0 * 2.0 * 7840.0),
        ("five_layers_sigmoid", step(five_layers)),
        ("batchnorm_five_layers_relu", step(five_layers)),
        ("convolutional", step(convolutional)),
        ("batchnorm_conv", step(batchnorm_conv)),
    ] {
        assert_eq!(flops(name), expected, "{name}");
    }
}

#[test]
fn rounded_numbers_that_are_published() {
    for (name, gflop) in
        [("batchnorm_conv", 5.48), ("five_layers_relu_lrdecay", 0.08), ("convolutional", 0.24)]
    {
        assert_eq!((flops(name) / 1e7).round() / 100.0, gflop, "{name}");
    }
}

#[test]
fn parameters() {
    let counts = MODELS.map(|model| (model.build)(&mut Rng::new(0)).param_count());
    let weights = 784 * 200 + 200 * 100 + 100 * 60 + 60 * 30 + 30 * 10;
    let hidden = 200 + 100 + 60 + 30;
    let convolutions = |[a, b, c]: [usize; 3], kernels: [usize; 3]| {
        let [k, l, m] = kernels.map(|size| size * size);
        k * a + a + l * a * b + b + m * b * c + c + 49 * c * 200 + 200 + 200 * 10 + 10
    };
    assert_eq!(
        counts,
        [
            7850,
            weights + hidden + 10,
            weights + hidden + 10,
            weights + hidden + 10,
            convolutions([4, 8, 12], [5, 5, 4]),
            convolutions([6, 12, 24], [6, 5, 4]),
            weights + 2 * hidden + 10, // scale and offset
            weights + hidden + 10,
            convolutions([24, 48, 64], [6, 5, 4]), // an offset where the others have a bias
        ]
    );
}
