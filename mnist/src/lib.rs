//! The nine models of Martin Görner's tutorial "TensorFlow and deep learning, without a PhD", from a softmax layer to a
//! convolutional network with batch normalisation, trained on MNIST.
//!
//! ```no_run
//! use mnist::{Plan, models, train};
//! use optim::{Adam, ExponentialDecay};
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     let plan = Plan { name: "convolutional", steps: 10_000, test_every: 100, record_every: 20 };
//!     train(&plan, models::convolutional, Adam::new(), ExponentialDecay::new(0.003, 0.0001, 2000.0))
//! }
//! ```
//!
//! # The tour
//!
//! | folder | what is in it |
//! |---|---|
//! | `digits` | MNIST's files, digits drawn by the program, the nine models, recognising a digit |
//! | `run` | an example from its flags to its results, by the trainer of the crate `train` |
#![forbid(unsafe_code)]

mod digits;
mod run;

pub use digits::contact_sheet;
pub use digits::model_file::{ModelError, NotFinite};
pub use digits::recognize::{RecognizeError, recognize};
pub use digits::{data, models, synthetic};
pub use run::engine::{Engine, LOSS_SCALE, Score, Trained, evaluate};
pub use run::mode::Mode;
pub use run::options::Options;
pub use run::replay::replay;
pub use run::settings::Settings;
pub use run::train::{Plan, train};
pub use run::trainer::trainer;
pub use train::show::ReplayError;
