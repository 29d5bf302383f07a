//! Layers one after the other.

use crate::{Layer, Module, Var};

/// Layers of any kind, each taking what the one before gives. Parameters are named by the number of their layer:
/// `0.weight`.
///
/// ```
/// use nn::{Activation, Linear, Module, Rng, Sequential};
///
/// let rng = &mut Rng::new(42);
/// let mut model = Sequential::new();
/// for sizes in [784, 200, 100].windows(2) {
///     model.push(Linear::new(sizes[0], sizes[1], rng));
///     model.push(Activation::Relu);
/// }
/// let model = model.with(Linear::new(100, 10, rng));
/// let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]);
/// ```
#[derive(Default, Module)]
pub struct Sequential(Vec<Box<dyn Layer>>);

impl Sequential {
    /// No layers yet: the identity.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// With one more layer at the end.
    pub fn with(mut self, layer: impl Layer + 'static) -> Sequential {
        self.push(layer);
        self
    }

    /// Adds a layer at the end.
    pub fn push(&mut self, layer: impl Layer + 'static) {
        self.0.push(Box::new(layer));
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Layer for Sequential {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let _scope = x.graph().scope("Sequential");
        self.0.forward(x)
    }
}
