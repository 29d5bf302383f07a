//! What kernels run on: instruction sets, vector registers, elementary functions, threads.
//!
//! | file | what is in it |
//! |---|---|
//! | `simd.rs` | the instruction sets, and compiling a loop for each |
//! | `lanes` | vector registers of any width |
//! | `loops.rs` | loops over slices |
//! | `math` | `exp`, `ln`, `tanh` … of one number |
//! | `threads` | the thread pool |
//! | `transpose.rs` | transposed copies |
//! | `peak.rs` | what the machine could do at most |

pub(crate) mod lanes;
pub(crate) mod loops;
pub(crate) mod math;
pub(crate) mod peak;
pub(crate) mod simd;
pub(crate) mod threads;
pub(crate) mod transpose;
