//! Training a model: an example from its flags to its results.
//!
//! | file | what is in it |
//! |---|---|
//! | `train`, `options` | an example's main function; the flags that all examples share |
//! | `session` | the one training loop |
//! | `engine`, `mode` | what the loop computes, from compiled graphs or eagerly; accuracy and loss on the test digits |
//! | `activations`, `percentiles` | inner values of a model, and their distributions |
//! | `checkpoint`, `progress`, `resume` | saving the run as it goes on; going on with one that was ended |
//! | `control`, `signals` | what those who watch may ask of the loop; being asked to end |
//! | `profile` | the time of each operation |

pub(crate) mod activations;
pub(crate) mod checkpoint;
pub(crate) mod control;
pub(crate) mod engine;
pub(crate) mod mode;
pub(crate) mod options;
pub(crate) mod percentiles;
mod profile;
pub(crate) mod progress;
pub(crate) mod resume;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod train;
