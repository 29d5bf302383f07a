//! What a tensor is: shape, layout, element type, storage; making, viewing and printing one.
//!
//! | file | what is in it |
//! |---|---|
//! | `tensor.rs` | [`Tensor`](crate::Tensor): access, conversion |
//! | `shape.rs` | sizes of axes, broadcasting, `ShapeError` |
//! | `layout.rs` | where the elements lie, and the views that change only that |
//! | `view.rs` | reshape, permute, slice, broadcast, windows |
//! | `spec.rs` | shape and element type of what is not computed yet |
//! | `dtype.rs` | the element types, and the buffer of one of them that a tensor holds |
//! | `storage.rs` | shared buffers whose memory is used again |
//! | `create.rs`, `random.rs` | making tensors from numbers, and from a generator |
//! | `map` | the loops of all element-wise kernels over any layouts |
//! | `display.rs` | printing |

pub(crate) mod create;
pub(crate) mod display;
pub(crate) mod dtype;
pub(crate) mod layout;
pub(crate) mod map;
pub(crate) mod random;
pub(crate) mod shape;
pub(crate) mod spec;
pub(crate) mod storage;
pub(crate) mod tensor;
pub(crate) mod view;
