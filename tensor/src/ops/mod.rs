//! The operations of tensors, one file for each family: its rule of shapes, its methods, its loops.

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
