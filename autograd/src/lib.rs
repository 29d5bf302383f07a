//! Reverse-mode automatic differentiation on a dataflow graph in plain view.
//!
//! Operations on a [`Var`] compute at once and leave a node in the [`Graph`]. Going back over the nodes gives gradients,
//! which are nodes themselves: they print, they draw, they differentiate again.
//!
//! ```
//! use autograd::{Graph, Param, Tensor};
//!
//! let weight = Param::new(Tensor::from([[0.5_f32], [-1.0]]));
//! let graph = Graph::training(42, 0);
//! let x = graph.input(Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
//! let target = graph.input(Tensor::from([[1.0_f32], [0.0]]));
//! let loss = (x.matmul(graph.param(&weight)) - target).square().mean(..);
//! let grads = loss.backward();
//! println!("{graph}\nd loss / d weight = {}", grads.get(&weight).unwrap());
//! ```
//!
//! # The tour
//!
//! | room | what is in it |
//! |---|---|
//! | `tape` | [`Graph`], its nodes, and [`Var`], the handle to one; going back over the tape; the parts of a model that nodes belong to; finding the operation that made a NaN ([`Graph::debug_nans`]) |
//! | `op` | [`Op`]: name, rule of shapes and types, value and gradient of an operation, in one place; how it lowers |
//! | `ops` | the operations, each with its test cases |
//! | `params` | [`Param`], the walk over a model's parameters ([`Module`]), and what a step computes for them ([`Grads`]) |
//! | `program` | computing a recorded graph again and again ([`Program`]): what is computed together, and how |
//! | `show` | listing and drawing graphs, and what the parts of a model give |
//! | `gradcheck` | checking gradients against differences |
//!
//! # Accuracy
//!
//! "Errors 1, 2, 3 eps" in the documentation of an operation are the largest of its value, its gradient and its second gradient, in
//! `f32` and `f64`: in units of eps times the largest exact number of the row, and of a value that is a logarithm, times 1 at
//! least. They hold far from zero (300, 1e4, 1e7) and for numbers from 1e-30 to 1e30, as long as what is exact is within the type's
//! range. Tests assert them, and `cargo run --release -p benches --bin accuracy` compares them with PyTorch's and JAX's.

pub mod gradcheck;
mod op;
mod ops;
mod params;
mod program;
mod show;
mod tape;

pub use op::{Attribute, Attributes, DynOp, Elementwise, Lowering, MultiOp, Op, Outputs};
pub use params::grads::{GradMismatch, Grads};
pub use params::module::{Module, ParamPath};
pub use params::param::{Param, ParamId, Role};
pub use program::{CompiledFn, FeedError, PlanStep, Profile, ProfileRow, Program};
pub use show::inspect::NodeInfo;
pub use show::kind::NodeKind;
pub use show::outputs::ModuleOutput;
pub use tape::graph::{Graph, Mode, Phase, Var};
pub use tape::layer_path::ScopeGuard;
pub use tensor::{
    Axes, Conv2d, DType, Element, OrPanic, Padding, Pool2d, Rng, ScalarExpr, ScalarVar, Shape, ShapeError,
    Slice, Spec, Tensor, Windows, kernels, peak_flops, rules, set_threads, simd_level, threads,
};

/// What may be moved to other threads and shared with them. A graph and its variables stay in the thread that made them.
const _: () = {
    const fn assert<T: Send + Sync + ?Sized>() {}
    assert::<Tensor>();
    assert::<Param>();
    assert::<Grads>();
    assert::<Program>();
    assert::<dyn DynOp>();
};
