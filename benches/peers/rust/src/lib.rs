//! What the Rust peers share: the command line, the nine models as our own program exports them, timing, the line of
//! results. `../common.py` is the same for the Python peers.

mod measure;
mod start;

pub use measure::{main, Peer};
pub use start::{Array, Data, Layer, Model};

pub const BATCH: usize = 100;
pub const LOSS_SCALE: f64 = 100.0;
pub const EPS: f64 = 1e-5;
