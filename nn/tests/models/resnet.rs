//! ResNet-18 (He et al., *Deep residual learning for image recognition*, 2015) for small images, a quarter as wide.

use crate::levels::at_every_level;
use crate::{Model, train};
use nn::{BatchNorm, Conv2d, DType, Layer, Linear, Module, Rng, Tensor, Var, loss};

/// A convolution, and the normalisation behind it.
#[derive(Module)]
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new([inputs, outputs]: [usize; 2], kernel: usize, stride: usize, rng: &mut Rng) -> ConvNorm {
        let conv = Conv2d::new(inputs, outputs, kernel, rng).stride(stride).without_bias();
        ConvNorm { conv, norm: BatchNorm::new(outputs).scale(1.0).offset(0.0) }
    }
}

impl Layer for ConvNorm {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        self.norm.forward(self.conv.forward(x))
    }
}

/// Two convolutions, and a way around them: a 1×1 convolution where the size changes.
#[derive(Module)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    around: Option<ConvNorm>,
}

impl Block {
    fn new([inputs, outputs]: [usize; 2], stride: usize, rng: &mut Rng) -> Block {
        Block {
            first: ConvNorm::new([inputs, outputs], 3, stride, rng),
            second: ConvNorm::new([outputs, outputs], 3, 1, rng),
            around: (stride > 1).then(|| ConvNorm::new([inputs, outputs], 1, stride, rng)),
        }
    }
}

impl Layer for Block {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let y = self.second.forward(self.first.forward(x).relu());
        (y + self.around.forward(x)).relu()
    }
}

#[derive(Module)]
struct ResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    head: Linear,
}

impl Model for ResNet {
    fn new(rng: &mut Rng) -> ResNet {
        let stem = ConvNorm::new([3, 16], 3, 1, rng);
        let mut blocks = vec![];
        for (inputs, outputs, stride) in [(16, 16, 1), (16, 32, 2), (32, 64, 2), (64, 128, 2)] {
            blocks.push(Block::new([inputs, outputs], stride, rng));
            blocks.push(Block::new([outputs, outputs], 1, rng));
        }
        ResNet { stem, blocks, head: Linear::new(128, 10, rng) }
    }

    fn loss<'g>(&self, images: Var<'g>, labels: Var<'g>) -> Var<'g> {
        let features = self.blocks.forward(self.stem.forward(images).relu());
        loss::softmax_cross_entropy(self.head.forward(features.mean([1, 2])), labels)
    }
}

#[test]
fn learns_with_the_gradients_of_f64() {
    let images = Tensor::normal([2, 32, 32, 3], 0.0, 1.0, DType::F32, &mut Rng::new(2));
    // A rectifier's input that rounding moves to the other side of 0 counts whole: that is a hundredth at the first layers.
    train::<ResNet>([images, Tensor::from([3_i64, 8])], 3, 0.05, 3e-2, 0.5);
}

#[test]
fn learns_at_every_level() {
    at_every_level("resnet::learns_with_the_gradients_of_f64");
}
