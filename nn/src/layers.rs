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

use crate::{Param, Var};

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

/// Refuses an input of another element type than a layer's parameters have.
#[track_caller]
fn expect_dtype(op: &str, x: Var<'_>, param: &Param) {
    let (found, expected) = (x.dtype(), param.value().dtype());
    if found != expected {
        panic!(
            "{op}: the input {} is {found}, the layer's parameters are {expected}; \
             convert the one with .to(…) or the other with nn::convert(…)",
            x.shape()
        );
    }
}
