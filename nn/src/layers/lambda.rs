//! Any function as a layer.

use crate::{Layer, Module, Var};

/// A function without parameters, as a layer in a [`Sequential`](crate::Sequential).
///
/// ```
/// use nn::{Graph, Lambda, Layer, Tensor};
/// let centre = Lambda::new("Centre", |x| x - x.mean_keepdim(-1));
/// let graph = Graph::inference();
/// let y = centre.forward(graph.input(Tensor::from([[1.0_f32, 3.0]])));
/// assert_eq!(y.value().to_vec::<f32>(), [-1.0, 1.0]);
/// ```
#[derive(Clone, Module)]
pub struct Lambda<F> {
    /// What summaries and pictures call it.
    pub name: &'static str,
    /// What it computes.
    #[module(skip)]
    pub function: F,
}

/// The name; functions have no text.
impl<F> std::fmt::Debug for Lambda<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lambda({:?})", self.name)
    }
}

impl<F: for<'g> Fn(Var<'g>) -> Var<'g> + Send + Sync> Lambda<F> {
    /// The layer that applies `function`; summaries and pictures call it `name`.
    pub fn new(name: &'static str, function: F) -> Lambda<F> {
        Lambda { name, function }
    }
}

impl<F: for<'g> Fn(Var<'g>) -> Var<'g> + Send + Sync> Layer for Lambda<F> {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let _scope = x.graph().scope(self.name);
        (self.function)(x)
    }
    fn debug(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}
