//! The training loop for any model.
//!
//! | file | what is in it |
//! |---|---|
//! | `settings` | [`Trainer`]: a model, an optimizer, what a step computes, and how it is trained |
//! | `fit` | the loop |
//! | `progress`, `state` | what of it is saved, and resuming |
//! | `average` | moving averages of the weights |
//! | `record`, `error` | what it has to tell |

mod average;
mod error;
mod fit;
mod progress;
mod record;
mod settings;
mod state;

pub use error::TrainError;
pub use record::{Record, Report, Stop};
pub use settings::Trainer;
