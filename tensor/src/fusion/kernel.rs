//! What a kernel is that can be fused with its neighbours.

use super::{Epilogue, Prologue};
use crate::array::tensor::Tensor;

/// A kernel that takes a prologue in place of some operands, which it reads piece by piece, and an epilogue, which it applies to
/// its result while a piece of that is in the cache (CUTLASS's words; oneDNN's are binary source and post-op).
///
/// The bits are those of the operands in memory, and of the epilogue applied to all of the result.
pub trait Kernel: Send + Sync {
    /// Whether it takes a prologue for operand `i`, which it then reads once.
    fn takes_prologue(&self, i: usize) -> bool;

    /// Whether it takes an epilogue.
    fn takes_epilogue(&self) -> bool;

    /// The result for these operands.
    ///
    /// # Panics
    /// As the operation does, and if a prologue's or the epilogue's inputs do not fit.
    #[track_caller]
    fn run(&self, x: &[Prologue<'_>], epilogue: Epilogue<'_>) -> Tensor;
}
