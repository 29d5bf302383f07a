//! The definitions: what the kernels compute, as plain loops over numbers in double precision, a file for each family.
//!
//! Read these first; the rooms `gemm`, `conv`, `ops` are the same, made fast. With `TENSOR_SIMD=reference` a process computes by them,
//! slowly: what differs from another level is that level's. Element-wise functions have no second definition here: a kernel
//! is the formula in `ops/elementwise/kernels.rs` at every level, to the bit.
//!
//! Batch normalisation's element-wise parts and the sums of its gradient, which programs compute fused with others, are the kernels' at
//! this level too; tests compare them with the definitions at every level.
//!
//! A fast sum of `n` products `a·b` in a type of precision `ε` differs from the one here by at most `n·ε·Σ|a·b|`
//! (`tests/every_level`), but where a kernel states another bound.
//!
//! | file | what is in it |
//! |---|---|
//! | `matmul.rs` | the matrix product |
//! | `conv2d.rs` | convolution and its two adjoints |
//! | `reduce.rs` | sums, and the sums of exponentials |
//! | `softmax.rs` | softmax, its logarithm, cross-entropy |
//! | `batch_norm.rs` | moments, and what batch normalisation makes of them |

mod batch_norm;
mod conv2d;
mod matmul;
mod reduce;
mod softmax;

pub use batch_norm::{moments, normalize, normalize_grad, normalize_sums};
pub use conv2d::{conv2d, conv2d_input_grad, conv2d_kernel_grad};
pub use matmul::matmul;
pub use reduce::{logsumexp, sum};
pub use softmax::{log_softmax, softmax, softmax_cross_entropy};

use crate::array::dtype::DType;
use crate::array::shape::{Axes, Shape};
use crate::array::tensor::Tensor;
use crate::runtime::simd::{SimdLevel, simd_level};

/// Whether this process computes by the definitions.
pub(crate) fn is_chosen() -> bool {
    simd_level() == SimdLevel::Reference
}

/// The elements in row-major order.
fn numbers(x: &Tensor) -> Vec<f64> {
    x.to(DType::F64).to_vec()
}

/// These elements in a tensor of the type of `x`.
fn like(x: &Tensor, shape: impl Into<Shape>, numbers: Vec<f64>) -> Tensor {
    Tensor::from(numbers).reshape(shape).to(x.dtype())
}

/// A tensor as rows `[…kept axes, all elements along the others]`, and its shape with size 1 along these.
fn rows(x: &Tensor, axes: &Axes) -> (Tensor, Shape) {
    let rank = x.rank() as isize;
    let reduced: Vec<isize> = match axes {
        Axes::All => (0..rank).collect(),
        // A single number is reduced over axis 0 too, as in NumPy.
        Axes::List(_) if rank == 0 => vec![],
        Axes::List(axes) => axes.iter().map(|axis| axis.rem_euclid(rank)).collect(),
    };
    let order: Vec<isize> =
        (0..rank).filter(|axis| !reduced.contains(axis)).chain(reduced.iter().copied()).collect();
    let size = |axis: isize| if reduced.contains(&axis) { 1 } else { x.shape()[axis as usize] };
    let shape: Shape = (0..rank).map(size).collect();
    let along: usize = reduced.iter().map(|&axis| x.shape()[axis as usize]).product();
    (x.permute(order).reshape([shape.numel(), along]), shape)
}
