//! One variable in, one variable out.

use crate::{Module, Var};

/// A [`Module`] that maps one variable to another. A model whose forward takes more is no `Layer`, just a `Module` with a
/// method of its own.
///
/// ```
/// use nn::{Graph, Layer, Module, Param, Tensor, Var};
///
/// #[derive(Module)]
/// struct Scale {
///     factor: Param,
/// }
///
/// impl Layer for Scale {
///     #[track_caller]
///     fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
///         let _scope = x.graph().scope("Scale"); // a box of its own in pictures and a row in summaries
///         x * x.graph().param(&self.factor)
///     }
/// }
///
/// let layer = Scale { factor: Param::new(Tensor::from(3.0_f32)) };
/// let graph = Graph::inference();
/// let y = layer.forward(graph.input(Tensor::from([1.0_f32, 2.0])));
/// assert_eq!(y.value().to_vec::<f32>(), [3.0, 6.0]);
/// ```
pub trait Layer: Module {
    /// The result for `x`, computed at once and recorded in the graph of `x`.
    ///
    /// # Panics
    /// If the shape or element type of `x` is not what the layer takes.
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g>;
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        (**self).forward(x)
    }
}

/// `None` lets `x` through.
impl<L: Layer> Layer for Option<L> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        match self {
            Some(layer) => layer.forward(x),
            None => x,
        }
    }
}

/// One after the other.
impl<L: Layer> Layer for [L] {
    #[track_caller]
    fn forward<'g>(&self, mut x: Var<'g>) -> Var<'g> {
        for layer in self {
            x = layer.forward(x);
        }
        x
    }
}

/// One after the other.
impl<L: Layer> Layer for Vec<L> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        self[..].forward(x)
    }
}

/// One after the other.
impl<L: Layer, const N: usize> Layer for [L; N] {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        self[..].forward(x)
    }
}
