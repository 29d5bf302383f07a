//! The tape: nodes in the order in which they were computed, and the way back along it.

mod backward;
pub(crate) mod debug_nans;
pub(crate) mod graph;
pub(crate) mod layer_path;
pub(crate) mod scope;
pub(crate) mod watch;
