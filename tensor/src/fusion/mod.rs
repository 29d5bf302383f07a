//! Several element-wise functions in one pass over memory, also with sums behind them, or as prologue and epilogue of a convolution.

mod channel_reduce;
mod epilogue;
mod merge;
mod operands;
mod program;
mod prologue;
pub(crate) mod scalar_expr;

pub use channel_reduce::FusedSums;
pub use epilogue::Finish;
pub(crate) use epilogue::Finisher;
pub use program::{Fused, Operand};
use program::{LONGEST_PATTERN, REGISTERS, Sources, Workspace};
pub use prologue::Lazy;
pub(crate) use prologue::{Numbers, Reader};
