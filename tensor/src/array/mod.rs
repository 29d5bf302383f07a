//! What a tensor is: shape, layout, element type, storage; making, viewing and printing one.

pub(crate) mod create;
pub(crate) mod display;
pub(crate) mod dtype;
pub(crate) mod layout;
pub(crate) mod map;
pub(crate) mod random;
pub(crate) mod shape;
pub(crate) mod storage;
pub(crate) mod tensor;
pub(crate) mod view;
