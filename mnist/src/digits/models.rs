//! The nine models, with the sizes and initial values of the tutorial (at its commit a9eb2bf).
//!
//! All weights are drawn from a truncated normal distribution of deviation 0.1, all images are `[n, 28, 28, 1]`.

use nn::{Activation, BatchNorm, Conv2d, Dropout, Flatten, Init, Linear, Rng, Sequential};

const WEIGHTS: Init = Init::TruncatedNormal { mean: 0.0, std: 0.1 };

/// Widths of the five-layer models.
const WIDTHS: [usize; 6] = [784, 200, 100, 60, 30, 10];

fn linear(inputs: usize, outputs: usize, bias: f64, rng: &mut Rng) -> Linear {
    Linear::new(inputs, outputs, rng).init(WEIGHTS, Init::Constant(bias))
}

fn conv(kernel: usize, inputs: usize, outputs: usize, stride: usize, rng: &mut Rng) -> Conv2d {
    Conv2d::new(inputs, outputs, kernel, rng).stride(stride).init(WEIGHTS, Init::Constant(0.1))
}

/// One layer, 784-10: the image's pixels weighted and added for each digit. Weights and biases start at zero.
pub fn softmax(rng: &mut Rng) -> Sequential {
    let layer = Linear::new(784, 10, rng).init(Init::Zeros, Init::Zeros);
    Sequential::new().with(Flatten).with(layer)
}

/// Layers of [`WIDTHS`] with an activation between, and dropout after each hidden layer if `keep` is below 1.
fn five_layers(activation: Activation, hidden_bias: f64, keep: f64, rng: &mut Rng) -> Sequential {
    let mut model = Sequential::new().with(Flatten);
    for (i, pair) in WIDTHS.windows(2).enumerate() {
        let last = i == WIDTHS.len() - 2;
        model = model.with(linear(pair[0], pair[1], if last { 0.0 } else { hidden_bias }, rng));
        if !last {
            model = model.with(activation);
            if keep < 1.0 {
                model = model.with(Dropout::new(keep));
            }
        }
    }
    model
}

/// Five layers with sigmoids: deep, and slow to start.
pub fn five_layers_sigmoid(rng: &mut Rng) -> Sequential {
    five_layers(Activation::Sigmoid, 0.0, 1.0, rng)
}

/// Five layers with rectifiers.
pub fn five_layers_relu(rng: &mut Rng) -> Sequential {
    five_layers(Activation::Relu, 0.1, 1.0, rng)
}

/// Five layers with rectifiers, a quarter of each hidden layer dropped in training.
pub fn five_layers_relu_dropout(rng: &mut Rng) -> Sequential {
    five_layers(Activation::Relu, 0.1, 0.75, rng)
}

/// Three convolutions and two dense layers, of these channels.
fn convolutions(kernels: [usize; 3], channels: [usize; 3], keep: f64, rng: &mut Rng) -> Sequential {
    let [a, b, c] = channels;
    let model = Sequential::new()
        .with(conv(kernels[0], 1, a, 1, rng))
        .with(Activation::Relu)
        .with(conv(kernels[1], a, b, 2, rng))
        .with(Activation::Relu)
        .with(conv(kernels[2], b, c, 2, rng))
        .with(Activation::Relu)
        .with(Flatten)
        .with(linear(7 * 7 * c, 200, 0.1, rng))
        .with(Activation::Relu);
    let model = if keep < 1.0 { model.with(Dropout::new(keep)) } else { model };
    model.with(linear(200, 10, 0.1, rng))
}

/// Three convolutions, 5×5×4, 5×5×8 and 4×4×12, the last two with stride 2, then dense layers of 200 and 10.
pub fn convolutional(rng: &mut Rng) -> Sequential {
    convolutions([5, 5, 4], [4, 8, 12], 1.0, rng)
}

/// As [`convolutional`], with 6×6×6, 5×5×12 and 4×4×24 and dropout on the dense layer.
pub fn convolutional_bigger_dropout(rng: &mut Rng) -> Sequential {
    convolutions([6, 5, 4], [6, 12, 24], 0.75, rng)
}

/// Five layers, each normalised over the batch before its activation.
fn batchnorm_five_layers(
    activation: Activation,
    norm: fn(usize) -> BatchNorm,
    last_bias: f64,
    rng: &mut Rng,
) -> Sequential {
    let mut model = Sequential::new().with(Flatten);
    for pair in WIDTHS[..5].windows(2) {
        let layer = Linear::new(pair[0], pair[1], rng).without_bias().init(WEIGHTS, Init::Zeros);
        model = model.with(layer).with(norm(pair[1])).with(activation);
    }
    model.with(linear(WIDTHS[4], WIDTHS[5], last_bias, rng))
}

/// Five layers with sigmoids and batch normalisation, scaled and offset, averages of decay 0.998.
pub fn batchnorm_five_layers_sigmoid(rng: &mut Rng) -> Sequential {
    batchnorm_five_layers(Activation::Sigmoid, |n| BatchNorm::new(n).decay(0.998), 0.0, rng)
}

/// Batch normalisation before a rectifier needs no scale: the next layer's weights are one.
fn offset_norm(channels: usize) -> BatchNorm {
    BatchNorm::new(channels).without_scale().offset(0.1).decay(0.999)
}

/// Five layers with rectifiers and batch normalisation, offset only.
pub fn batchnorm_five_layers_relu(rng: &mut Rng) -> Sequential {
    batchnorm_five_layers(Activation::Relu, offset_norm, 0.1, rng)
}

/// Three convolutions, 6×6×24, 5×5×48 and 4×4×64, and a dense layer of 200, all with batch normalisation and rectifiers;
/// dropout on the dense layer.
pub fn batchnorm_conv(rng: &mut Rng) -> Sequential {
    let mut bare = |kernel: usize, inputs: usize, outputs: usize, stride: usize| {
        Conv2d::new(inputs, outputs, kernel, rng).stride(stride).without_bias().init(WEIGHTS, Init::Zeros)
    };
    let convs = [bare(6, 1, 24, 1), bare(5, 24, 48, 2), bare(4, 48, 64, 2)];
    let mut model = Sequential::new();
    for (conv, channels) in convs.into_iter().zip([24, 48, 64]) {
        model = model.with(conv).with(offset_norm(channels)).with(Activation::Relu);
    }
    let dense = Linear::new(7 * 7 * 64, 200, rng).without_bias().init(WEIGHTS, Init::Zeros);
    model
        .with(Flatten)
        .with(dense)
        .with(offset_norm(200))
        .with(Activation::Relu)
        .with(Dropout::new(0.75))
        .with(linear(200, 10, 0.1, rng))
}

/// How a model is built.
pub type Build = fn(&mut Rng) -> Sequential;

/// The examples in the order of the tutorial, and their models.
pub const EXAMPLES: [(&str, Build); 9] = [
    ("softmax", softmax),
    ("five_layers_sigmoid", five_layers_sigmoid),
    ("five_layers_relu_lrdecay", five_layers_relu),
    ("five_layers_relu_lrdecay_dropout", five_layers_relu_dropout),
    ("convolutional", convolutional),
    ("convolutional_bigger_dropout", convolutional_bigger_dropout),
    ("batchnorm_five_layers_sigmoid", batchnorm_five_layers_sigmoid),
    ("batchnorm_five_layers_relu", batchnorm_five_layers_relu),
    ("batchnorm_conv", batchnorm_conv),
];

/// The model of the example of this name.
///
/// ```
/// assert!(mnist::models::by_example("five_layers_relu_lrdecay").is_some());
/// assert!(mnist::models::by_example("six_layers").is_none());
/// ```
pub fn by_example(name: &str) -> Option<Build> {
    EXAMPLES.into_iter().find(|(example, _)| *example == name).map(|(_, build)| build)
}
