//! The operations. Each stands in one file with its shape rule, its value, its gradient and its test cases; most of what
//! a user calls is composed of few primitives.

mod arithmetic;
mod conv;
mod cross_entropy;
mod elementwise;
mod index;
mod join;
mod layout;
mod matmul;
mod norm;
mod pool;
mod random;
mod reduce;
mod softmax;
mod variance;

#[cfg(test)]
mod public;
#[cfg(test)]
mod table;
