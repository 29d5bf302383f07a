//! The training loop for any model.
//!
//! | file | what is in it |
//! |---|---|
//! | `settings`, `watching` | [`Trainer`]: a model, an optimizer, what a step computes, how it is trained; who watches |
//! | `fit`, `step`, `evaluate` | the loop, one step, evaluation |
//! | `progress`, `saving`, `resume` | what of it is saved, when, and going on from it |
//! | `average` | moving averages of the weights |
//! | `panels` | [`PanelSource`]: panels of one's own |
//! | `start` | what it tells before the first step, and after the last |
//! | `report`, `error` | what it ends with |

mod average;
mod error;
mod evaluate;
mod fit;
mod panels;
mod progress;
mod report;
mod resume;
mod saving;
mod settings;
mod start;
mod step;
mod watching;

pub use error::TrainError;
pub use panels::{ConfusionPanel, PanelSource, Seen};
pub use report::Report;
pub use settings::Trainer;
