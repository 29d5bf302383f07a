//! Layers, losses and initialisers: models as plain structs with named parameters.
//!
//! ```
//! use nn::{Activation, Conv2d, Flatten, Graph, Layer, Linear, Module, Rng, Sequential, Tensor, loss};
//!
//! let rng = &mut Rng::new(42);
//! let model = Sequential::new()
//!     .with(Conv2d::new(1, 4, 5, rng).stride(2)) // [n, 28, 28, 1] to [n, 14, 14, 4]
//!     .with(Activation::Relu)
//!     .with(Flatten)
//!     .with(Linear::new(14 * 14 * 4, 10, rng));
//! let graph = Graph::training(42, 0); // seed and step
//! let images = graph.input(Tensor::uniform([8, 28, 28, 1], 0.0, 1.0, nn::DType::F32, rng));
//! let labels = graph.input(Tensor::from([3_i64, 1, 4, 1, 5, 9, 2, 6]));
//! let loss = loss::softmax_cross_entropy(model.forward(images), labels);
//! let grads = loss.backward(); // and an optimizer's step: `adam.step(&mut model, &grads, rate)`
//! for (name, weight) in model.params() {
//!     println!("{name} {}: {}", weight.value().shape(), grads.get(weight).unwrap());
//! }
//! println!("{}", nn::summary(&model, [8, 28, 28, 1]));
//! ```
//!
//! # Two traits
//!
//! [`Module`] is the walk over named parameters and buffers: what optimizers, checkpoints and summaries need. Derive it
//! for any struct or enum of layers, parameters and plain settings. [`Layer`] adds one variable in, one variable out;
//! implement it in a line or two where it fits. A model with two inputs derives the former and has a method of its own.
//!
//! ```
//! use nn::{Activation, Layer, Linear, Module, Rng, Var};
//!
//! /// x + W₂ · relu(W₁ · x)
//! #[derive(Module)]
//! struct Residual {
//!     wide: Linear,
//!     narrow: Linear,
//! }
//!
//! impl Layer for Residual {
//!     #[track_caller]
//!     fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
//!         x + self.narrow.forward(self.wide.forward(x).relu())
//!     }
//! }
//!
//! let rng = &mut Rng::new(1);
//! let block = Residual { wide: Linear::new(8, 32, rng), narrow: Linear::new(32, 8, rng) };
//! let names: Vec<String> = block.params().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["wide.weight", "wide.bias", "narrow.weight", "narrow.bias"]);
//! ```
//!
//! Whether dropout drops and which statistics batch normalisation uses is a property of the graph
//! ([`Graph::training`] or [`Graph::inference`]), not of the layer.
//!
//! # Threads
//!
//! Parameters, models, optimizers, schedules and [`Program`]s may be moved to another thread and shared with several: a model that
//! predicts is only read. A [`Graph`] belongs to one thread, with its variables; each thread makes its own. One operation is computed
//! by all cores anyway ([`set_threads`]).
//!
//! ```
//! use nn::{Graph, Layer, Linear, Rng, Tensor};
//!
//! let model = Linear::new(3, 2, &mut Rng::new(1));
//! let predict = &|x: [f32; 3]| model.forward(Graph::inference().input(Tensor::from([x]))).value();
//! let [a, b] = std::thread::scope(|scope| {
//!     [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].map(|x| scope.spawn(move || predict(x))).map(|thread| thread.join().unwrap())
//! });
//! assert_eq!([a, b], [predict([1.0, 2.0, 3.0]), predict([4.0, 5.0, 6.0])]);
//! ```
//!
//! # The tour
//!
//! | file | what is in it |
//! |---|---|
//! | `layer` | [`Layer`] |
//! | `layers/…` | one layer each: [`Linear`], [`Conv2d`], [`BatchNorm`], [`Dropout`], [`MaxPool2d`], [`AvgPool2d`], [`Flatten`], [`Activation`], [`Lambda`], [`Sequential`] |
//! | `init` | [`Init`]: what weights start as |
//! | `loss` | losses on logits, and accuracy |
//! | `save`, `load` | checkpoints |
//! | `summary` | the table of a model's layers |
//! | `check` | checking the gradients of a layer and its parameters |

#![forbid(unsafe_code)]

// The derive writes `::nn::…`, also in this crate.
extern crate self as nn;

mod check;
mod init;
mod layer;
mod layers;
mod load;
pub mod loss;
mod save;
mod summary;

pub use autograd::kernels::gather_bytes;
pub use autograd::{
    Attribute, Attributes, Axes, CompiledFn, DType, Element, Elementwise, Grads, Graph, Lowering, Mode,
    Module, ModuleOutput, NodeInfo, NodeKind, Op, Padding, Param, ParamPath, Phase, Program, Rng, Role,
    ScalarExpr, ScalarVar, Shape, ShapeError, Slice, Spec, Tensor, Var, gradcheck, peak_flops, set_threads,
    simd_level, threads,
};
pub use check::check_gradients;
pub use init::Init;
pub use layer::Layer;
pub use layers::{
    Activation, AvgPool2d, BatchNorm, Conv2d, Dropout, Flatten, Lambda, Linear, MaxPool2d, Sequential, Size2d,
};
pub use load::{Differences, LoadError, load, load_tensors, load_tensors_from, set_params};
/// An enum of layers and a field that is left out:
///
/// ```
/// use nn::{BatchNorm, Linear, Module, Rng};
///
/// #[derive(Module)]
/// enum Norm {
///     None,
///     Batch(BatchNorm),
/// }
///
/// #[derive(Module)]
/// struct Block<L> {
///     layers: Vec<L>,
///     norm: Norm,
///     width: usize, // plain settings have no parameters
///     #[module(skip)]
///     folder: std::path::PathBuf,
/// }
///
/// let layers = vec![Linear::new(2, 2, &mut Rng::new(1))];
/// let norm = Norm::Batch(BatchNorm::new(2).without_scale());
/// let block = Block { layers, norm, width: 2, folder: "runs".into() };
/// let names: Vec<String> = block.params().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(
///     names,
///     ["layers.0.weight", "layers.0.bias", "norm.offset", "norm.mean", "norm.variance", "norm.steps"]
/// );
/// ```
///
/// A field that is no module is an error at its type:
///
/// ```compile_fail,E0277
/// #[derive(nn::Module)]
/// struct Block {
///     folder: std::path::PathBuf,
/// }
/// ```
pub use nn_derive::Module;
pub use save::{Metadata, SaveError, check_writable, save, save_tensors};
pub use summary::{Row, Summary, summary};

/// What the code that `#[derive(Module)]` writes refers to.
#[doc(hidden)]
pub mod __private {
    pub use autograd::{Module, Param, ParamPath};
}

/// What may be moved to other threads and shared with them.
const _: () = {
    const fn assert<T: Send + Sync + ?Sized>() {}
    assert::<Sequential>();
    assert::<dyn Layer>();
    assert::<Linear>();
    assert::<BatchNorm>();
    assert::<Box<dyn Layer>>();
};
