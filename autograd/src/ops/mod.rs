//! The operations. Each stands in one file with its shape rule, its value, its gradient and its test cases; most of what
//! a user calls is composed of few primitives.

mod arithmetic;
mod batch_norm;
mod concat;
mod conv2d;
mod elementwise;
mod gather;
mod layout;
mod matmul;
mod pooling;
mod random;
mod reduce;
mod softmax;

#[cfg(test)]
pub(crate) mod tests;
