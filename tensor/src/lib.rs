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
//! | room | what is in it |
//! |---|---|
//! | `array` | what a tensor is: [`Shape`], [`Layout`], [`DType`], storage; making, viewing and printing a [`Tensor`]; the loops over any layout |
//! | `ops` | the operations, a file for each family: its rule of shapes, its methods, its loops |
//! | `conv` | [`Conv2d`] and its two adjoints: as im2col, directly, by Winograd's algorithm, on AMX |
//! | [`mod@reference`] | the definitions of what is fast elsewhere, as plain loops: read these first |
//! | `gemm` | sums of products in register tiles, under the matrix product and convolution; `gemm/amx` in parts of eight bits |
//! | `fusion` | [`ScalarExpr`]s, several of them in one pass ([`ElementwiseProgram`]), with sums behind them ([`ChannelReduceProgram`]), or before and behind a convolution ([`Prologue`], [`Epilogue`]) |
//! | `runtime` | instruction sets, vector registers, `exp`, `ln`, `tanh` … as polynomials, the thread pool, [`peak_flops`] |

mod array;
mod conv;
mod fusion;
mod gemm;
mod ops;
pub mod reference;
mod runtime;

pub use array::dtype::{DType, Element};
pub use array::layout::{Layout, Slice, ViewOp, Windows};
pub use array::random::Rng;
pub use array::shape::{Axes, MAX_RANK, OrPanic, Shape, ShapeError, broadcast_shape, image_dims};
pub use array::spec::Spec;
pub use array::tensor::Tensor;
pub use conv::kernel::Conv2dKernel;
pub use conv::{Conv2d, Padding};

pub use fusion::{
    ChannelReduce, ChannelReduceProgram, ElementwiseProgram, Epilogue, Kernel, Operand, Prologue, ScalarExpr,
    ScalarOp, ScalarOperand, ScalarVar,
};
pub use ops::pooling::Pool2d;
pub use runtime::peak::peak_flops;
pub use runtime::simd::{SimdLevel, simd_level};
pub use runtime::threads::{set_threads, threads};

/// What the gradients of operations are computed by, and other parts of operations, each in one pass: for who writes
/// operations.
pub mod kernels {
    pub use crate::array::map::{gather_bytes, update_elements};
    pub use crate::array::tensor::scatter_view;
    pub use crate::conv::{conv2d_input_grad, conv2d_kernel_grad};
    pub use crate::ops::batch_norm::{normalize, normalize_grad, normalize_sums};
    pub use crate::ops::elementwise::kernels::GELU_GATE;
    pub use crate::ops::elementwise::{relu_grad, sigmoid_grad};
    pub use crate::ops::row_wise::cross_entropy::softmax_cross_entropy_grad;
    pub use crate::ops::row_wise::softmax::{
        log_softmax_grad, logsumexp_grad, softmax_centred, softmax_grad,
    };
}

/// The shape rules of the operations, for whoever has shapes and no tensors yet.
pub mod rules {
    pub use crate::array::spec::same_dtype;
    pub use crate::array::view::{
        flatten_shape, narrow_slice, reshape_shape, split_starts, squeeze_shape, transpose_order,
        unsqueeze_shape,
    };
    pub use crate::ops::batch_norm::{check_eps, moments_shape, normalize_shape, normalize_sums_shape};
    pub use crate::ops::concat::{concat_shape, pad_shape, pad_slices, stack_shape};
    pub use crate::ops::elementwise::{check_clamp, select_shape};
    pub use crate::ops::gather::{
        gather_shape, index_add_shape, index_select_shape, one_hot_shape, scatter_add_shape,
    };
    pub use crate::ops::matmul::matmul_shape;
    pub use crate::ops::reduce::{extreme_shape, reduce_shape};
    pub use crate::ops::row_wise::cross_entropy::{binary_cross_entropy_spec, softmax_cross_entropy_shape};
}
