//! What people read when something does not fit, and where it points.

use nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, DType, Dropout, Flatten, Graph, Init, Layer, Linear, MaxPool2d,
    Padding, Rng, Sequential, Tensor, loss,
};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// The message with which `f` panics and the file it points to.
fn refusal(f: impl FnOnce()) -> (String, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                return usual(info);
            }
            let text = info.payload().downcast_ref::<String>().cloned();
            let file = info.location().map(|at| at.file().to_owned());
            CAUGHT.set(text.zip(file));
        }));
    });
    CATCHING.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(false);
    assert!(result.is_err(), "this was not refused");
    CAUGHT.take().expect("a panic with a text and a place")
}

macro_rules! refused {
    ($($what:expr => $message:expr;)*) => {$(
        let (text, file) = refusal(|| { let _ = $what; });
        assert_eq!(text, $message, "{}", stringify!($what));
        assert!(file.ends_with("messages.rs"), "{text} points to {file}");
    )*};
}

#[test]
fn layers() {
    let graph = &Graph::training(0, 0);
    let x = |shape: &[usize]| graph.input(Tensor::zeros(shape, DType::F32));
    let integers = || graph.input(Tensor::zeros([2, 4], DType::I64));
    let rng = &mut Rng::new(1);
    let linear = Linear::new(4, 3, rng);
    let conv = Conv2d::new(4, 2, 3, rng).padding(Padding::Valid);
    let norm = BatchNorm::new(4);
    refused! {
        linear.forward(x(&[2, 3])) =>
            "linear: the input [2, 3] and the weight [4, 3] do not fit: the last axis must have 4 elements; \
             .flatten(1) merges the axes of an image";
        linear.forward(x(&[])) =>
            "linear: the input [] and the weight [4, 3] do not fit: the last axis must have 4 elements; \
             .flatten(1) merges the axes of an image";
        linear.forward(integers()) =>
            "linear: the input [2, 4] is i64, the layer's parameters are f32; \
             convert the one with .to(…) or the other with nn::convert(…)";
        linear.clone().init(Init::Normal { mean: 0.0, std: -1.0 }, Init::Zeros) =>
            "normal: mean 0 and deviation -1 must be finite, the deviation not negative";
        conv.forward(x(&[2, 4])) => "conv2d: [2, 4] is not a batch of images [n, height, width, channels]";
        conv.forward(x(&[1, 5, 5, 3])) =>
            "conv2d: [1, 5, 5, 3] with kernel [3, 3, 4, 2]: the image has 3 channels, the kernel takes 4";
        conv.forward(x(&[1, 2, 5, 4])) => "conv2d: a window of 3 (kernel 3, dilation 1) does not fit in height 2";
        conv.forward(x(&[1, 5, 5, 4]).to(DType::F64)) =>
            "conv2d: the input [1, 5, 5, 4] is f64, the layer's parameters are f32; \
             convert the one with .to(…) or the other with nn::convert(…)";
        conv.clone().groups(3) => "conv2d: 4 channels in and 2 out do not divide into 3 groups";
        norm.forward(x(&[2, 3])) =>
            "batch_norm: the last axis of the input [2, 3] must have the layer's 4 channels";
        norm.forward(x(&[0, 4])) => "batch_norm: the batch [0, 4] is empty and has no mean";
        norm.forward(integers()) =>
            "batch_norm: the input [2, 4] is i64, the layer's parameters are f32; \
             convert the one with .to(…) or the other with nn::convert(…)";
        norm.clone().decay(1.5) => "batch_norm: the decay must be from 0 to 1, not 1.5";
        norm.clone().eps(0.0) => "batch_norm: eps must be positive, not 0";
        norm.clone().without_scale().scale(2.0) => "batch_norm: this layer has no scale to set to 2";
        Dropout::new(0.0) =>
            "dropout: the probability to keep an element must be above 0 and at most 1, not 0 \
             (it is 1 − the probability to drop)";
        Dropout::new(f64::NAN) =>
            "dropout: the probability to keep an element must be above 0 and at most 1, not NaN \
             (it is 1 − the probability to drop)";
        Dropout::new(0.5).shared_over([2]).forward(x(&[2, 4])) =>
            "dropout: [2, 4] has 2 axes and no axis 2 (−1 is the last)";
        Dropout::new(0.5).forward(integers()) => "dropout: the input [2, 4] is i64, not f32 or f64";
        MaxPool2d::new(2).forward(x(&[2, 4])) =>
            "max_pool2d: [2, 4] is not a batch of images [n, height, width, channels]";
        AvgPool2d::new(3).forward(x(&[1, 4, 2, 1])) =>
            "avg_pool2d: a window of 3 (kernel 3, dilation 1) does not fit in width 2";
        MaxPool2d::new(2).stride(0).forward(x(&[1, 4, 4, 1])) =>
            "max_pool2d: kernel [2, 2], stride [0, 0] and dilation [1, 1] must all be at least 1";
        MaxPool2d::new(2).padding(Padding::Explicit([[0, 2], [0, 0]])) =>
            "max_pool2d: padding [[0, 2], [0, 0]] must be smaller than the window [2, 2]";
        Flatten.forward(x(&[])) => "flatten: [] has no first axis to keep";
        Activation::Gelu.forward(integers()) => "gelu: the input [2, 4] is i64, not f32 or f64";
        nn::convert(&mut linear.clone(), DType::I64) =>
            "convert: i64 has no gradient; parameters are f32 or f64";
    }
    // Within a chain the line is lost, the message is not.
    let (text, _) = refusal(|| {
        let _ = Sequential::new().with(linear.clone()).with(norm).forward(x(&[2, 4]));
    });
    assert_eq!(text, "batch_norm: the last axis of the input [2, 3] must have the layer's 4 channels");
}

#[test]
fn losses() {
    let graph = &Graph::training(0, 0);
    let x = |shape: &[usize]| graph.input(Tensor::zeros(shape, DType::F32));
    let labels = |labels: &[i64]| graph.input(Tensor::from(labels));
    refused! {
        loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, 1, 2])) =>
            "softmax_cross_entropy: class numbers for the logits [2, 3] must have the shape [2], not [3]; \
             nothing is broadcast";
        loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, 1]).unsqueeze(1)) =>
            "softmax_cross_entropy: class numbers for the logits [2, 3] must have the shape [2], not [2, 1]; \
             nothing is broadcast";
        loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, 3])) =>
            "softmax_cross_entropy: label 3 is none of the 3 classes of the logits [2, 3], from 0 on";
        loss::softmax_cross_entropy(x(&[2, 3]), labels(&[0, -1])) =>
            "softmax_cross_entropy: label -1 is none of the 3 classes of the logits [2, 3], from 0 on";
        loss::softmax_cross_entropy(x(&[2, 3]), x(&[1, 3])) =>
            "softmax_cross_entropy: shares for the logits [2, 3] must have the same shape, not [1, 3]; \
             nothing is broadcast (class numbers are i64)";
        loss::softmax_cross_entropy(x(&[2, 3]), x(&[2, 3]).to(DType::F64)) =>
            "softmax_cross_entropy: labels for f32 logits are class numbers (i64) or shares of each class (f32), \
             not f64; convert them with .to(…)";
        loss::softmax_cross_entropy(labels(&[1]), labels(&[1])) =>
            "softmax_cross_entropy: the logits [1] are i64, not f32 or f64";
        loss::softmax_cross_entropy(x(&[]), x(&[])) =>
            "softmax_cross_entropy: the logits [] have no axis of classes";
        loss::softmax_cross_entropy(x(&[0, 3]), labels(&[])) =>
            "softmax_cross_entropy: the batch is empty, its losses [0] have no mean";
        loss::mse(x(&[100, 1]), x(&[100])) =>
            "mse: prediction [100, 1] and target [100] must have the same shape; nothing is broadcast";
        loss::mse(x(&[2]), labels(&[1, 2])) =>
            "mse: prediction and target must both be f32 or both f64, not f32 and i64; convert with .to(…)";
        loss::mse(x(&[0]), x(&[0])) => "mse: the batch is empty, its losses [0] have no mean";
        loss::binary_cross_entropy_with_logits(x(&[100]), x(&[])) =>
            "binary_cross_entropy_with_logits: logits [100] and targets [] must have the same shape; \
             nothing is broadcast";
        loss::accuracy(&Tensor::zeros([2, 3], DType::F32), &Tensor::zeros([3], DType::I64)) =>
            "accuracy: class numbers for the logits [2, 3] must have the shape [2], not [3]; nothing is broadcast";
        loss::accuracy(&Tensor::zeros([0, 3], DType::F32), &Tensor::zeros([0], DType::I64)) =>
            "accuracy: the batch is empty, its losses [0] have no mean";
    }
}
