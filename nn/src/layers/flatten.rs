//! Images to rows of numbers.

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
        if x.rank() == 0 {
            panic!(
                "flatten: {} has no first axis, the batch's, to keep; .reshape([1]) gives it one",
                x.shape()
            );
        }
        let _scope = x.graph().scope("Flatten");
        x.flatten(1)
    }
}
