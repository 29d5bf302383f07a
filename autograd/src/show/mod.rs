//! What is to be seen of a graph: its nodes, a picture, what the parts of a model give.
//!
//! | file | what is in it |
//! |---|---|
//! | `kind.rs` | what a node is, as data |
//! | `inspect.rs` | the list of nodes, the picture |
//! | `outputs.rs` | what the parts of a model give |

pub(crate) mod inspect;
pub(crate) mod kind;
pub(crate) mod outputs;

use tensor::Tensor;

/// The indices of element number `i`.
pub(crate) fn indices(x: &Tensor, mut i: usize) -> Vec<usize> {
    let mut entry: Vec<usize> = x.shape().iter().rev().map(|&size| (i % size, i /= size).0).collect();
    entry.reverse();
    entry
}
