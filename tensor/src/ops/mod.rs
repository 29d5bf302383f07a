//! The operations of tensors, one file for each family: its rule of shapes, its methods, its loops.
//!
//! | file | what is in it |
//! |---|---|
//! | `elementwise`, `arithmetic.rs` | functions, comparisons, `select`; `+ − × ÷` |
//! | `number.rs` | arithmetic on one element of any type |
//! | `reduce` | sums, means, extremes over any axes |
//! | `matmul` | the matrix product |
//! | `pooling.rs`, `batch_norm.rs` | pooling of images, batch normalisation |
//! | `per_channel.rs` | the loops over rows of channels |
//! | `row_wise` | softmax and its relatives, cross-entropy, variance, and the loops over rows that compute them in `f64` |
//! | `gather.rs`, `concat.rs` | gather, one-hot; concat, stack, pad |

pub(crate) mod arithmetic;
pub(crate) mod batch_norm;
pub(crate) mod concat;
pub(crate) mod elementwise;
pub(crate) mod gather;
pub(crate) mod matmul;
pub(crate) mod number;
pub(crate) mod per_channel;
pub(crate) mod pooling;
pub(crate) mod reduce;
pub(crate) mod row_wise;
