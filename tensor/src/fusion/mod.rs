//! Several element-wise functions in one pass over memory, also with sums behind them, or as prologue and epilogue of a convolution.
//!
//! | file | what is in it |
//! |---|---|
//! | `scalar_expr.rs` | functions of single numbers |
//! | `program.rs`, `merge.rs` | several of them in one pass; those that are one |
//! | `operands.rs` | where the numbers of an input are |
//! | `kernel.rs`, `prologue.rs`, `epilogue.rs` | a kernel that takes the same before it and behind it, as a convolution does |
//! | `channel_reduce.rs` | the same with sums for each channel behind |

mod channel_reduce;
mod epilogue;
mod kernel;
mod merge;
mod operands;
mod program;
mod prologue;
pub(crate) mod scalar_expr;

pub use channel_reduce::FusedSums;
pub use epilogue::Epilogue;
pub(crate) use epilogue::TileEpilogue;
pub use kernel::Kernel;
pub use program::{Fused, Operand};
use program::{LONGEST_PATTERN, REGISTERS, Sources, Workspace};
pub use prologue::Prologue;
pub(crate) use prologue::{Numbers, Reader};
