//! Layers one after the other.

use crate::layer::Shown;
use crate::{Layer, Module, Var};
use std::any::Any;
use std::fmt;

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
///
/// Layers can be looked at and changed afterwards, by what they are where that is known:
///
/// ```
/// use nn::{Dropout, Layer, Linear, Module, Rng, Sequential};
///
/// let rng = &mut Rng::new(42);
/// let mut model = Sequential::new().with(Linear::new(4, 3, rng)).with(Dropout::new(0.5)).with(Linear::new(3, 2, rng));
/// for i in 0..model.len() {
///     if let Some(dropout) = model.get_as_mut::<Dropout>(i) {
///         dropout.keep = 0.9;
///     }
/// }
/// // Another head on layers that stay as they are.
/// model.set_requires_grad(false);
/// model.replace(2, Linear::new(3, 10, rng).without_bias());
/// assert_eq!(
///     format!("{model:?}"),
///     "Sequential {0: Linear { weight: Param(f32 [4, 3], frozen), bias: Some(Param(f32 [3], frozen)) }, \
///      1: Dropout { keep: 0.9, shared: [] }, 2: Linear { weight: Param(f32 [3, 10]), bias: None }}"
/// );
/// ```
#[derive(Default, Module)]
pub struct Sequential(Vec<Box<dyn Stored>>);

/// A layer whose type can be asked for.
trait Stored: Layer + Any {}
impl<L: Layer + Any> Stored for L {}

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

    /// Puts a layer before layer `index`, or at the end; those after it move up by one, and so do the names of their
    /// parameters.
    ///
    /// # Panics
    /// If there are fewer layers than `index`.
    #[track_caller]
    pub fn insert(&mut self, index: usize, layer: impl Layer + 'static) {
        let count = self.len();
        if index > count {
            panic!(
                "insert: the number of layers is {count}, so another can be put at 0..={count}, not at {index}"
            );
        }
        self.0.insert(index, Box::new(layer));
    }

    /// Puts another layer in the place of layer `index`, which is returned.
    ///
    /// # Panics
    /// If there is no layer `index`.
    #[track_caller]
    pub fn replace(&mut self, index: usize, layer: impl Layer + 'static) -> Box<dyn Layer> {
        self.expect("replace", index);
        let old: Box<dyn Stored> = std::mem::replace(&mut self.0[index], Box::new(layer));
        old
    }

    /// Takes layer `index` out; those after it move down by one.
    ///
    /// # Panics
    /// If there is no layer `index`.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> Box<dyn Layer> {
        self.expect("remove", index);
        self.0.remove(index)
    }

    /// Layer `index`, if there are so many.
    pub fn get(&self, index: usize) -> Option<&dyn Layer> {
        self.0.get(index).map(|layer| &**layer as &dyn Layer)
    }

    /// Layer `index`, for changing its parameters.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut dyn Layer> {
        self.0.get_mut(index).map(|layer| &mut **layer as &mut dyn Layer)
    }

    /// Layer `index` as what it is; `None` if it is something else.
    ///
    /// ```
    /// # use nn::{Linear, Rng, Sequential};
    /// let model = Sequential::new().with(Linear::new(4, 3, &mut Rng::new(42)));
    /// assert_eq!(model.get_as::<Linear>(0).unwrap().weight.value().shape(), [4, 3]);
    /// ```
    pub fn get_as<L: Layer + 'static>(&self, index: usize) -> Option<&L> {
        (&**self.0.get(index)? as &dyn Any).downcast_ref()
    }

    /// Layer `index` as what it is, for changing it.
    pub fn get_as_mut<L: Layer + 'static>(&mut self, index: usize) -> Option<&mut L> {
        (&mut **self.0.get_mut(index)? as &mut dyn Any).downcast_mut()
    }

    /// The layers, the first one first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Layer> + ExactSizeIterator {
        self.0.iter().map(|layer| &**layer as &dyn Layer)
    }

    /// The layers, for changing their parameters.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut dyn Layer> + ExactSizeIterator {
        self.0.iter_mut().map(|layer| &mut **layer as &mut dyn Layer)
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[track_caller]
    fn expect(&self, method: &str, index: usize) {
        let count = self.len();
        if index >= count {
            panic!(
                "{method}: there is no layer {index}; the number of layers is {count}, and they count from 0"
            );
        }
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sequential ")?;
        f.debug_map().entries(self.iter().map(Shown).enumerate()).finish()
    }
}

impl Layer for Sequential {
    #[track_caller]
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let _scope = x.graph().scope("Sequential");
        self.0.forward(x)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
