//! How an operation lowers.

use std::sync::Arc;
use tensor::{ChannelSums, Kernel, Scalar};

/// How a [`Program`](crate::Program) computes an operation together with its neighbours. Nothing but speed depends on it.
#[derive(Clone)]
pub enum Lowering {
    /// By its `forward`, alone.
    Opaque,
    /// A function of numbers, applied to each element of its inputs. It is computed in one pass with its neighbours, in a register.
    Elementwise(Scalar),
    /// Sums for each channel of functions of numbers, the first of which has the channels as its last axis. Element-wise operations
    /// that it reads are computed in the same pass.
    ChannelReduce(ChannelSums),
    /// A kernel that takes a prologue for some operands and an epilogue for its result.
    Kernel(Arc<dyn Kernel>),
}

impl Lowering {
    /// By this kernel.
    pub fn kernel(kernel: impl Kernel + 'static) -> Lowering {
        Lowering::Kernel(Arc::new(kernel))
    }
}
