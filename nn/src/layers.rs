//! The layers, one in each file.

mod activation;
mod batch_norm;
mod conv2d;
mod dropout;
mod flatten;
mod lambda;
mod linear;
mod pool2d;
mod sequential;

pub use activation::Activation;
pub use batch_norm::BatchNorm;
pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use lambda::Lambda;
pub use linear::Linear;
pub use pool2d::{AvgPool2d, MaxPool2d};
pub use sequential::Sequential;

use crate::{Param, Shape, Var};
use std::fmt::Display;

/// A height and a width: `3` for both, or `[3, 5]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size2d(
    /// Height, width.
    pub [usize; 2],
);

impl From<usize> for Size2d {
    fn from(size: usize) -> Size2d {
        Size2d([size; 2])
    }
}
impl From<[usize; 2]> for Size2d {
    fn from(size: [usize; 2]) -> Size2d {
        Size2d(size)
    }
}

impl Size2d {
    /// Height and width of something that must be there: a kernel, a stride.
    #[track_caller]
    fn positive(self, op: &str, what: &str) -> [usize; 2] {
        if self.0.contains(&0) {
            panic!("{op}: the {what} {:?} must be at least 1 in height and width", self.0);
        }
        self.0
    }
}

/// Refuses an input of a layer, with the layer's place in the model if it is known; `param` is one of its parameters.
#[track_caller]
fn refuse(x: Var<'_>, param: Option<&Param>, message: impl Display) -> ! {
    match x.graph().layer_path(param) {
        Some(layer) => panic!("{message}; in {layer}"),
        None => panic!("{message}"),
    }
}

/// Refuses an input of another element type than a layer's parameters have.
#[track_caller]
fn expect_dtype(op: &str, x: Var<'_>, param: &Param) {
    let (found, expected) = (x.dtype(), param.value().dtype());
    if found != expected {
        let shape = x.shape();
        let message = format!(
            "{op}: the input {shape} is {found}, the layer's parameters are {expected}; \
             convert the one with .to(…) or the model with model.to(…)"
        );
        refuse(x, Some(param), message);
    }
}

/// Refuses an input that is not made of floats, to a layer without parameters.
#[track_caller]
fn expect_float(op: &str, x: Var<'_>) {
    if !x.dtype().is_float() {
        let (shape, dtype) = (x.shape(), x.dtype());
        refuse(
            x,
            None,
            format_args!("{op}: the input {shape} is {dtype}, not f32 or f64; convert it with .to(…)"),
        );
    }
}

/// What might be the matter with images of this shape, which a layer refuses. `channels` is how many the layer takes, if
/// that is fixed.
fn hint(shape: Shape, channels: Option<usize>) -> &'static str {
    match shape[..] {
        [_, c, h, w] if channels.map_or(c < h && h == w, |channels| c == channels && w != channels) => {
            "; these look like PyTorch's [n, channels, height, width]: .permute([0, 2, 3, 1]) makes them \
             [n, height, width, channels]"
        }
        [_, _, _] => "; .unsqueeze(0) makes one image a batch, .unsqueeze(-1) gives images one channel",
        [_, _] => "; .reshape([n, height, width, channels]) makes images of rows of numbers",
        _ => "",
    }
}
