//! burn on its `flex` backend.
#![recursion_limit = "256"]

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d,
};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Int, Tensor, TensorData};
use peers::{Array, Layer, Model, Peer, EPS, LOSS_SCALE};

#[derive(Module, Debug)]
struct Net {
    convs: Vec<Conv2d>,
    conv_norms: Vec<BatchNorm>,
    dense: Vec<Linear>,
    dense_norms: Vec<BatchNorm>,
    dropout: Option<Dropout>,
    #[module(skip)]
    sigmoid: bool,
}

impl Net {
    fn forward(&self, x: Tensor<2>, dropping: bool) -> Tensor<2> {
        let mut x = x;
        if !self.convs.is_empty() {
            let n = x.dims()[0];
            let mut image: Tensor<4> = x.reshape([n, 1, 28, 28]);
            for (i, conv) in self.convs.iter().enumerate() {
                image = conv.forward(image);
                if let Some(norm) = self.conv_norms.get(i) {
                    image = norm.forward(image);
                }
                image = relu(image);
            }
            x = image.flatten(1, 3);
        }
        for (i, layer) in self.dense.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 == self.dense.len() {
                break;
            }
            if let Some(norm) = self.dense_norms.get(i) {
                x = norm.forward(x);
            }
            x = if self.sigmoid { sigmoid(x) } else { relu(x) };
            if let Some(dropout) = self.dropout.as_ref().filter(|_| dropping) {
                x = dropout.forward(x);
            }
        }
        x
    }
}

fn tensor<const D: usize>(array: &Array, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(array.data.clone(), array.shape.clone()), device)
}

fn param<const D: usize>(array: &Array, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(tensor(array, device))
}

fn norm(layer: &Layer, device: &Device) -> Option<BatchNorm> {
    let [mean, variance] = layer.averages.as_ref()?;
    let mut norm = BatchNormConfig::new(mean.data.len()).with_epsilon(EPS).init(device);
    norm.beta = param(&layer.bias, device);
    norm.gamma = match &layer.scale {
        Some(scale) => param(scale, device),
        None => norm.gamma.set_require_grad(false), // it stays 1
    };
    norm.running_mean = RunningState::new(tensor(mean, device));
    norm.running_var = RunningState::new(tensor(variance, device));
    Some(norm)
}

struct Burn {
    net: Net,
    optimizer: ModuleOptimizer,
    cross_entropy: CrossEntropyLoss,
    device: Device,
    plain: Device,
    /// The net without gradients, until it is trained further.
    frozen: Option<Net>,
}

impl Burn {
    fn scaled_loss(&self, images: Vec<f32>, labels: &[u8], dropping: bool) -> Tensor<1> {
        let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
        let n = labels.len();
        let x = Tensor::<2>::from_data(TensorData::new(images, [n, 784]), &self.device);
        let y = Tensor::<1, Int>::from_data(TensorData::new(labels, [n]), &self.device);
        self.cross_entropy.forward(self.net.forward(x, dropping), y) * LOSS_SCALE
    }
}

impl Peer for Burn {
    const FRAMEWORK: &'static str = "burn";
    const VERSION: &'static str = "0.22.1";
    const VARIANT: &'static str = "flex";

    fn new(model: &Model) -> Burn {
        let plain = Device::flex();
        let device = plain.clone().autodiff();
        let (convs, dense): (Vec<&Layer>, Vec<&Layer>) = model.layers.iter().partition(|layer| layer.is_conv());
        let conv = |layer: &&Layer| {
            let [outputs, inputs, height, width] = layer.weight.shape[..] else { unreachable!() };
            let [before, after] = layer.padding;
            let mut conv = Conv2dConfig::new([inputs, outputs], [height, width])
                .with_stride([layer.stride; 2])
                .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
                .with_bias(layer.averages.is_none())
                .init(&device);
            conv.weight = param(&layer.weight, &device);
            conv.bias = conv.bias.map(|_| param(&layer.bias, &device));
            conv
        };
        let linear = |layer: &&Layer| {
            let [inputs, outputs] = layer.weight.shape[..] else { unreachable!() };
            let mut linear =
                LinearConfig::new(inputs, outputs).with_bias(layer.averages.is_none()).init(&device);
            linear.weight = param(&layer.weight, &device);
            linear.bias = linear.bias.map(|_| param(&layer.bias, &device));
            linear
        };
        let net = Net {
            convs: convs.iter().map(conv).collect(),
            conv_norms: convs.iter().filter_map(|layer| norm(layer, &device)).collect(),
            dense: dense.iter().map(linear).collect(),
            dense_norms: dense.iter().filter_map(|layer| norm(layer, &device)).collect(),
            dropout: (model.keep < 1.0).then(|| DropoutConfig::new(1.0 - model.keep).init()),
            sigmoid: model.sigmoid,
        };
        let optimizer =
            if model.adam { AdamConfig::new().with_epsilon(1e-8).init() } else { SgdConfig::new().init() };
        let cross_entropy = CrossEntropyLossConfig::new().init(&device);
        Burn { net, optimizer, cross_entropy, device, plain, frozen: None }
    }

    fn train(&mut self, images: Vec<f32>, labels: &[u8], rate: f64) {
        let loss = self.scaled_loss(images, labels, true);
        let mut grads = loss.backward();
        let grads = GradientsParams::from_module(&mut grads, &self.net);
        self.net = self.optimizer.step(rate, self.net.clone(), grads);
        self.frozen = None;
        loss.into_scalar::<f32>();
    }

    fn right(&mut self, images: &[f32], labels: &[u8]) -> usize {
        let net = self.frozen.get_or_insert_with(|| self.net.valid());
        let x = TensorData::new(images.to_vec(), [labels.len(), 784]);
        let best = net.forward(Tensor::from_data(x, &self.plain), false).argmax(1).into_data();
        best.iter::<i64>().zip(labels).filter(|(a, b)| *a == i64::from(**b)).count()
    }

    fn loss(&mut self, images: Vec<f32>, labels: &[u8]) -> f64 {
        f64::from(self.scaled_loss(images, labels, false).into_scalar::<f32>())
    }
}

fn main() {
    peers::main::<Burn>();
}
