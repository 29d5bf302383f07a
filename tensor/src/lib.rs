//! Strided n-dimensional arrays, and the kernels that compute on them.
//!
//! One type, [`Tensor`], whose element type ([`DType`]) and [`Shape`] are known at run time. Views share elements;
//! every operation accepts every layout and gives what it gives on a contiguous copy. Shapes that do not fit panic at
//! the line of the caller with the operation, the shapes and the rule.
//!
//! ```
//! use tensor::{DType, Rng, Tensor};
//!
//! let rng = &mut Rng::new(42);
//! let weights = Tensor::normal([3, 2], 0.0, 1.0, DType::F32, rng);
//! let x = Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
//! let scores = x.matmul(&weights);
//! let best = scores.argmax(-1);
//! println!("{scores}\nbest of each row: {best}");
//! assert_eq!(best.shape(), [2]);
//! ```
//!
//! # The tour
//!
//! | file | what is in it |
//! |---|---|
//! | `shape` | [`Shape`], axes, broadcasting, [`ShapeError`] |
//! | `layout` | [`Layout`] and the [`View`]s that change only it |
//! | `dtype` | [`DType`] and the Rust types behind it |
//! | `buffer` | shared buffers whose memory is used again |
//! | `tensor` | [`Tensor`]: access, conversion |
//! | `create`, `random` | making tensors from numbers, and from a [`Rng`] |
//! | `view` | reshape, permute, slice, broadcast, windows |
//! | `map` | the loop nest of all element-wise kernels |
//! | `channels` | the loops over rows of channels |
//! | `elementwise`, `operators`, `number` | functions, comparisons, `select`; arithmetic |
//! | `scalar`, `fused` | [`Scalar`] functions, and several of them in one pass ([`Fused`]), also with sums ([`FusedSums`]) or inside a convolution ([`Lazy`], [`Finish`]) |
//! | `math` | `exp`, `ln`, `tanh` … as polynomials |
//! | `product`, `lanes`, `interleave` | sums of products in register tiles, under the matrix product and convolution |
//! | `product::split`, `matrix_unit` | the same in parts of eight bits, on a CPU with AMX |
//! | `reduce` | sums, means, extremes over any axes |
//! | `matmul`, `conv`, `pool`, `norm` | matrix product, convolution, pooling, batch normalisation |
//! | `softmax`, `cross_entropy` | softmax, its logarithm, log-sum-exp; cross-entropy of class numbers |
//! | `variance` | variance, standard deviation, distances from the mean |
//! | `rows` | the loops over rows that these compute in `f64` |
//! | `index`, `join` | gather, one-hot; concat, stack, pad |
//! | `display` | printing |
//! | `parallel`, `simd` | the thread pool, the instruction sets |
//! | `peak` | what the machine could do at most ([`fma_peak`]) |

mod buffer;
mod channels;
mod conv;
mod create;
mod cross_entropy;
mod display;
mod dtype;
mod elementwise;
mod fused;
mod index;
mod interleave;
mod join;
mod lanes;
mod layout;
mod map;
mod math;
mod matmul;
mod matrix_unit;
mod norm;
mod number;
mod operators;
mod parallel;
mod peak;
mod pool;
mod product;
mod random;
mod reduce;
mod rows;
mod scalar;
mod shape;
mod simd;
mod softmax;
mod tensor;
mod transpose;
mod variance;
mod view;

pub use conv::{Conv2d, Padding};
pub use dtype::{DType, Element};
pub use elementwise::kernels::GELU_GATE;
pub use fused::{Finish, Fused, FusedSums, Lazy, Operand};
pub use layout::{Layout, Slice, View, Windows};
pub use map::{gather_bytes, update_elements};
pub use parallel::{set_threads, threads};
pub use peak::fma_peak;
pub use pool::Pool2d;
pub use random::Rng;
pub use scalar::{ChannelSums, Scalar};
pub use shape::{Axes, MAX_RANK, OrPanic, Shape, ShapeError, broadcast_shape, image_dims};
pub use simd::{Level, simd_level};
pub use tensor::Tensor;

/// The shape rules of the operations, for whoever has shapes and no tensors yet.
pub mod rules {
    pub use crate::cross_entropy::softmax_cross_entropy_shape;
    pub use crate::elementwise::{check_clamp, select_shape};
    pub use crate::index::{
        gather_shape, index_add_shape, index_select_shape, one_hot_shape, scatter_add_shape,
    };
    pub use crate::join::{concat_shape, pad_shape, pad_slices, stack_shape};
    pub use crate::matmul::matmul_shape;
    pub use crate::norm::{moments_shape, normalize_shape, normalize_sums_shape};
    pub use crate::reduce::{extreme_shape, reduce_shape};
    pub use crate::view::{
        flatten_shape, narrow_slice, reshape_shape, split_starts, squeeze_shape, transpose_order,
        unsqueeze_shape,
    };
}
