//! The tape: nodes in the order in which they were computed, and the way back along it.
//!
//! | file | what is in it |
//! |---|---|
//! | `graph.rs` | [`Graph`](crate::Graph), its nodes, [`Var`](crate::Var) |
//! | `backward.rs` | from a loss back to everything it depends on |
//! | `scope.rs`, `layer_path.rs` | the parts of a model that nodes belong to, and what they are called |
//! | `watch.rs`, `debug_nans.rs` | finding the operation that made a NaN |

mod backward;
pub(crate) mod debug_nans;
pub(crate) mod graph;
pub(crate) mod layer_path;
pub(crate) mod scope;
pub(crate) mod watch;
