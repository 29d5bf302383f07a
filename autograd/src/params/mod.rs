//! Parameters, the models that hold them, and their gradients.
//!
//! | file | what is in it |
//! |---|---|
//! | `param.rs` | [`Param`](crate::Param) |
//! | `module.rs` | the walk over the parameters of a model |
//! | `grads.rs` | what a step computes, and when a model may be changed by it |

pub(crate) mod grads;
pub(crate) mod module;
pub(crate) mod param;
