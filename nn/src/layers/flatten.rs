//! Images to rows of numbers.

use super::refuse;
use crate::{Layer, Module, Var};

/// All axes but the first merged into one: `[100, 7, 7, 12]` becomes `[100, 588]`.
///
/// ```
/// use nn::{DType, Flatten, Graph, Layer, Tensor};
/// let graph = Graph::inference();
/// let images = graph.input(Tensor::zeros([100, 7, 7, 12], DType::F32));
/// assert_eq!(Flatten.forward(images).shape(), [100, 588]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct Flatten;

impl Layer for Flatten {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let _scope = x.graph().scope("Flatten");
        if x.rank() == 0 {
            let shape = x.shape();
            let message = format!(
                "flatten: {shape} has no first axis, the batch's, to keep; .reshape([1]) gives it one"
            );
            refuse(x, None, message);
        }
        x.flatten(1)
    }
    fn debug(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
