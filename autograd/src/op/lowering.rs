//! How an operation lowers.

use std::sync::Arc;
use tensor::{ChannelReduce, Kernel, ScalarExpr, ScalarVar};

/// How a [`Program`](crate::Program) computes an operation together with its neighbours. Nothing but speed depends on it.
#[derive(Clone)]
pub enum Lowering {
    /// By its `forward`, alone.
    Opaque,
    /// This expression of each element of its inputs. It is computed in one pass with its neighbours.
    Elementwise(ScalarExpr),
    /// Sums for each channel of functions of numbers, the first of which has the channels as its last axis. Element-wise operations
    /// that it reads are computed in the same pass.
    ChannelReduce(ChannelReduce),
    /// A kernel that takes a prologue for some operands and an epilogue for its result.
    Kernel(Arc<dyn Kernel>),
}

impl Lowering {
    /// By the expression that `f` writes down, see [`ScalarExpr::new`].
    pub fn elementwise<const N: usize>(
        f: impl for<'e> FnOnce([ScalarVar<'e>; N]) -> ScalarVar<'e>,
    ) -> Lowering {
        Lowering::Elementwise(ScalarExpr::new(f))
    }

    /// By this kernel.
    pub fn kernel(kernel: impl Kernel + 'static) -> Lowering {
        Lowering::Kernel(Arc::new(kernel))
    }
}
