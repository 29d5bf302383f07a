//! Parameters, the models that hold them, and their gradients.

pub(crate) mod grads;
pub(crate) mod module;
pub(crate) mod param;
