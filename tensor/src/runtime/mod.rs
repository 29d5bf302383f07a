//! What kernels run on: instruction sets, vector registers, elementary functions, threads.

pub(crate) mod lanes;
pub(crate) mod loops;
pub(crate) mod math;
pub(crate) mod peak;
pub(crate) mod simd;
pub(crate) mod threads;
pub(crate) mod transpose;
