//! Element-wise operations in one pass over memory, also with sums behind them, or as prologue and epilogue of a convolution.
//!
//! | file | what is in it |
//! |---|---|
//! | `scalar_op.rs`, `scalar_var.rs`, `scalar_expr.rs` | what an element-wise operation computes, as data |
//! | `eval.rs` | its value by definition |
//! | `scalar_loops.rs` | its compiled loops |
//! | `program.rs`, `merge.rs` | several expressions in one pass; those that are one |
//! | `operands.rs` | where the numbers of an input are |
//! | `kernel.rs`, `prologue.rs`, `epilogue.rs` | a kernel that takes the same before it and behind it, as a convolution does |
//! | `channel_reduce.rs` | the same with sums for each channel behind |

mod channel_reduce;
mod epilogue;
mod eval;
mod kernel;
mod merge;
mod operands;
mod program;
mod prologue;
mod scalar_expr;
mod scalar_loops;
mod scalar_op;
mod scalar_var;

pub use channel_reduce::{ChannelReduce, ChannelReduceProgram};
pub use epilogue::Epilogue;
pub(crate) use epilogue::TileEpilogue;
pub use kernel::Kernel;
pub use program::ElementwiseProgram;
use program::{LONGEST_PATTERN, Sources, Workspace};
pub use prologue::Prologue;
pub(crate) use prologue::{Numbers, Reader};
pub use scalar_expr::ScalarExpr;
pub use scalar_op::{Operand, ScalarOp};
pub use scalar_var::{ScalarOperand, ScalarVar};
