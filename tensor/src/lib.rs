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

mod array;
mod conv;
mod fusion;
mod gemm;
mod ops;
mod runtime;

pub use array::dtype::{DType, Element};
pub use array::layout::{Layout, Slice, View, Windows};
pub use array::map::{gather_bytes, update_elements};
pub use array::random::Rng;
pub use array::shape::{Axes, MAX_RANK, OrPanic, Shape, ShapeError, broadcast_shape, image_dims};
pub use array::tensor::Tensor;
pub use conv::{Conv2d, Padding};
pub use fusion::scalar_expr::{ChannelSums, Scalar};
pub use fusion::{Finish, Fused, FusedSums, Lazy, Operand};
pub use ops::elementwise::kernels::GELU_GATE;
pub use ops::pooling::Pool2d;
pub use runtime::peak::fma_peak;
pub use runtime::simd::{Level, simd_level};
pub use runtime::threads::{set_threads, threads};

/// The shape rules of the operations, for whoever has shapes and no tensors yet.
pub mod rules {
    pub use crate::array::view::{
        flatten_shape, narrow_slice, reshape_shape, split_starts, squeeze_shape, transpose_order,
        unsqueeze_shape,
    };
    pub use crate::ops::batch_norm::{moments_shape, normalize_shape, normalize_sums_shape};
    pub use crate::ops::concat::{concat_shape, pad_shape, pad_slices, stack_shape};
    pub use crate::ops::elementwise::{check_clamp, select_shape};
    pub use crate::ops::gather::{
        gather_shape, index_add_shape, index_select_shape, one_hot_shape, scatter_add_shape,
    };
    pub use crate::ops::matmul::matmul_shape;
    pub use crate::ops::reduce::{extreme_shape, reduce_shape};
    pub use crate::ops::row_wise::cross_entropy::softmax_cross_entropy_shape;
}
