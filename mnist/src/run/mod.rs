//! Training a model: an example from its flags to its results.
//!
//! | file | what is in it |
//! |---|---|
//! | `train`, `options`, `settings` | an example's main function; the flags that all examples share; what a run notes of them |
//! | `trainer`, `mode` | the trainer of a model of digits |
//! | `engine` | training steps and tests without a trainer |
//! | `resume`, `replay` | runs that were ended, and those that are over |
//! | `profile` | the time of each operation |

pub(crate) mod engine;
pub(crate) mod mode;
pub(crate) mod options;
mod profile;
pub(crate) mod replay;
mod resume;
pub(crate) mod settings;
pub(crate) mod train;
pub(crate) mod trainer;
