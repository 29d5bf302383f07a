//! What people read when something does not fit, and where it points; the messages are in `messages.txt`.

// The cases here are chosen by hand, not by a list of methods.
#[allow(dead_code)]
#[path = "../../../tensor/tests/golden/mod.rs"]
mod golden;

use crate::refused;
use golden::Refusals;
use nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, DType, Dropout, Flatten, Graph, Init, Layer, Linear, MaxPool2d,
    Module, Padding, Rng, Sequential, Tensor, loss,
};
use std::path::Path;

fn layers(list: &mut Refusals) {
    let graph = &Graph::training(0, 0);
    let x = |shape: &[usize]| graph.input(Tensor::zeros(shape, DType::F32));
    let integers = || graph.input(Tensor::zeros([2, 4], DType::I64));
    let rng = &mut Rng::new(1);
    let linear = Linear::new(4, 3, rng);
    let conv = Conv2d::new(4, 2, 3, rng).padding(Padding::Valid);
    let norm = BatchNorm::new(4);
    refused!(list, linear: linear.forward(x(&[2, 3])));
    refused!(list, linear: linear.forward(x(&[])));
    refused!(list, linear: linear.forward(integers()));
    refused!(list, normal: linear.clone().init(Init::Normal { mean: 0.0, std: -1.0 }, Init::Zeros));
    refused!(list, conv2d: conv.forward(x(&[2, 4])));
    refused!(list, conv2d: conv.forward(x(&[1, 5, 5, 3])));
    refused!(list, conv2d: conv.forward(x(&[1, 2, 5, 4])));
    refused!(list, conv2d: conv.forward(x(&[1, 5, 5, 4]).to(DType::F64)));
    refused!(list, conv2d: conv.clone().groups(3));
    refused!(list, conv2d: conv.forward(x(&[8, 4, 28, 28])));
    refused!(list, conv2d: conv.forward(x(&[28, 28, 4])));
    refused!(list, linear: linear.forward(x(&[2, 2, 2, 1])));
    refused!(list, linear: linear.forward(x(&[2, 2, 3])));
    refused!(list, batch_norm: norm.forward(x(&[8, 4, 5, 6])));
    refused!(list, max_pool2d: MaxPool2d::new(2).forward(x(&[8, 1, 28, 28])));
    refused!(list, max_pool2d: MaxPool2d::new(2).forward(integers().reshape([2, 2, 2, 1])));
    refused!(list, batch_norm: norm.forward(x(&[2, 3])));
    refused!(list, batch_norm: norm.forward(x(&[0, 4])));
    refused!(list, batch_norm: norm.forward(integers()));
    refused!(list, batch_norm without shape: norm.clone().decay(1.5));
    refused!(list, batch_norm without shape: norm.clone().eps(0.0));
    refused!(list, batch_norm without shape: norm.clone().without_scale().scale(2.0));
    refused!(list, dropout without shape: Dropout::new(0.0));
    refused!(list, dropout without shape: Dropout::new(f64::NAN));
    refused!(list, dropout: Dropout::new(0.5).shared_over([2]).forward(x(&[2, 4])));
    refused!(list, dropout: Dropout::new(0.5).forward(integers()));
    refused!(list, max_pool2d: MaxPool2d::new(2).forward(x(&[2, 4])));
    refused!(list, avg_pool2d: AvgPool2d::new(3).forward(x(&[1, 4, 2, 1])));
    let with = |change: fn(&mut (Dropout, BatchNorm, Conv2d, AvgPool2d))| {
        let rng = &mut Rng::new(1);
        let mut layers = (Dropout::new(0.5), BatchNorm::new(4), Conv2d::new(4, 2, 3, rng), AvgPool2d::new(1));
        change(&mut layers);
        layers
    };
    refused!(list, dropout without shape: with(|layers| layers.0.keep = 1.5).0.forward(x(&[2, 4])));
    refused!(list, batch_norm without shape: with(|layers| layers.1.eps = -1.0).1.forward(x(&[2, 4])));
    refused!(list, batch_norm without shape: with(|layers| layers.1.decay = 2.0).1.forward(x(&[2, 4])));
    refused!(list, conv2d: with(|layers| layers.2.stride = [0, 1]).2.forward(x(&[1, 5, 5, 4])));
    refused!(list, avg_pool2d: with(|layers| layers.3.window = [0, 1]).3.forward(x(&[1, 5, 5, 4])));
    let chain = || Sequential::new().with(Flatten);
    refused!(list, insert without shape: chain().insert(2, Flatten));
    refused!(list, replace without shape: chain().replace(1, Flatten));
    refused!(list, remove without shape: chain().remove(1));
    refused!(list, max_pool2d: MaxPool2d::new(0));
    refused!(list, avg_pool2d: AvgPool2d::new([0, 2]));
    refused!(list, conv2d: Conv2d::new(4, 2, [3, 0], rng));
    refused!(list, conv2d: conv.clone().stride([0, 1]));
    refused!(list, conv2d: conv.clone().dilation(0));
    refused!(list, max_pool2d: MaxPool2d::new(2).stride(0));
    refused!(list, max_pool2d: MaxPool2d::new(2).padding(Padding::Explicit([[0, 2], [0, 0]])));
    refused!(list, flatten: Flatten.forward(x(&[])));
    refused!(list, gelu: Activation::Gelu.forward(integers()));
    refused!(list, to without shape: linear.clone().to(DType::I64));
}

/// A layer's mistake points at the line that runs the chain, however deep the layer is in it.
fn chains(list: &mut Refusals) {
    let graph = &Graph::training(0, 0);
    let x = |shape: &[usize]| graph.input(Tensor::zeros(shape, DType::F32));
    let rng = &mut Rng::new(1);
    // The second layer does not take the [2, 3] that the first one gives.
    let flat =
        |layer: Box<dyn Layer>| Sequential::new().with(Linear::new(4, 3, &mut Rng::new(1))).with(layer);
    let nested =
        |layer: Box<dyn Layer>| Sequential::new().with(Activation::Relu).with(Some(vec![flat(layer)]));
    let conv = || Box::new(Conv2d::new(4, 2, 3, &mut Rng::new(1)));
    refused!(list, linear: flat(Box::new(Linear::new(4, 3, rng))).forward(x(&[2, 4])));
    refused!(list, linear: nested(Box::new(Linear::new(4, 3, rng))).forward(x(&[2, 4])));
    refused!(list, batch_norm: flat(Box::new(BatchNorm::new(4))).forward(x(&[2, 4])));
    refused!(list, batch_norm: nested(Box::new(BatchNorm::new(4))).forward(x(&[2, 4])));
    refused!(list, conv2d: flat(conv()).forward(x(&[2, 4])));
    refused!(list, conv2d: nested(conv()).forward(x(&[2, 4])));
    refused!(list, max_pool2d: nested(Box::new(MaxPool2d::new(2))).forward(x(&[2, 4])));
    refused!(list, dropout: nested(Box::new(Dropout::new(0.5).shared_over([2]))).forward(x(&[2, 4])));
    refused!(list, linear: nn::summary(&flat(Box::new(Linear::new(4, 3, rng))), [2, 4]));
    refused!(list, linear: nn::summary(&nested(Box::new(Linear::new(4, 3, rng))), [2, 4]));
}

#[derive(Debug, Module)]
struct Net {
    conv1: Conv2d,
    norms: Vec<BatchNorm>,
    rest: Sequential,
}

/// A graph that was told the names says which of the model's layers it is.
fn named(list: &mut Refusals) {
    let rng = &mut Rng::new(1);
    let net = Net {
        conv1: Conv2d::new(3, 2, 3, rng),
        norms: vec![BatchNorm::new(2), BatchNorm::new(5)],
        rest: Sequential::new().with(MaxPool2d::new(2)).with(Flatten).with(Linear::new(7, 3, rng)),
    };
    let graph = &Graph::training(0, 0);
    graph.name_params(&net);
    let x = |shape: &[usize]| graph.input(Tensor::zeros(shape, DType::F32));
    refused!(list, conv2d: net.conv1.forward(x(&[1, 4, 4, 2])));
    refused!(list, conv2d: net.conv1.forward(x(&[1, 3, 4, 4])));
    refused!(list, batch_norm: net.norms.forward(x(&[1, 4, 4, 2])));
    refused!(list, max_pool2d: net.rest.forward(x(&[1, 1, 4, 2])));
    refused!(list, linear: net.rest.forward(x(&[1, 4, 4, 2])));
    refused!(list, linear: net.rest.get(2).unwrap().forward(x(&[1, 4]).to(DType::F64)));
}

/// So does a layer of the user's own that opens a scope.
fn own(list: &mut Refusals) {
    #[derive(Debug, Module)]
    struct Own(nn::Param);
    impl Layer for Own {
        #[track_caller]
        fn forward<'g>(&self, x: nn::Var<'g>) -> nn::Var<'g> {
            let _scope = x.graph().scope("Own");
            x.matmul(x.graph().param(&self.0))
        }
    }
    let graph = &Graph::training(0, 0);
    let x = graph.input(Tensor::zeros([2, 3], DType::F32));
    let net = vec![Own(nn::Param::new(Tensor::zeros([2, 2], DType::F32)))];
    refused!(list, matmul: net.forward(x));
    graph.name_params(&net);
    refused!(list, matmul: net.forward(x));
}

fn losses(list: &mut Refusals) {
    let graph = &Graph::training(0, 0);
    let x = |shape: &[usize]| graph.input(Tensor::zeros(shape, DType::F32));
    let labels = |labels: &[i64]| graph.input(Tensor::from(labels));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, 1, 2])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, 1]).unsqueeze(1)));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, 3])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, -1])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), x(&[1, 3])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), x(&[2, 3]).to(DType::F64)));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), x(&[2])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[2, 3]), x(&[2, 3]).to(DType::I64)));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(labels(&[1]), labels(&[1])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[]), x(&[])));
    refused!(list, softmax_cross_entropy: loss::softmax_cross_entropy(x(&[0, 3]), labels(&[])));
    refused!(list, mse: loss::mse(x(&[100, 1]), x(&[100])));
    refused!(list, mse: loss::mse(x(&[2]), labels(&[1, 2])));
    refused!(list, mse: loss::mse(x(&[0]), x(&[0])));
    refused!(list, binary_cross_entropy_with_logits: loss::binary_cross_entropy_with_logits(x(&[100]), x(&[])));
    refused!(list, accuracy: loss::accuracy(&Tensor::zeros([2, 3], DType::F32), &Tensor::zeros([3], DType::I64)));
    refused!(list, accuracy: loss::accuracy(&Tensor::zeros([0, 3], DType::F32), &Tensor::zeros([0], DType::I64)));
}

#[test]
fn every_refusal_says_what_is_wrong_at_the_line_of_the_caller() {
    let list = &mut Refusals::new(file!());
    layers(list);
    chains(list);
    named(list);
    own(list);
    losses(list);
    list.compare(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nn/messages.txt")));
}
