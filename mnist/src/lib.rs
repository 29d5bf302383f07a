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
//! | `run` | the training loop, from an example's flags to its results |
//! | `watch` | what the loop emits, and who watches: the terminal, the run's files, the page's memory; runs that are over |
//! | `show` | the live page, the figure of six panels, the movie |
#![forbid(unsafe_code)]

mod digits;
mod run;
mod show;
mod watch;

pub use digits::contact_sheet;
pub use digits::model_file::{ModelError, NotFinite};
pub use digits::recognize::{RecognizeError, recognize};
pub use digits::{data, models, synthetic};
pub use run::activations::Activations;
pub use run::checkpoint::Checkpoints;
pub use run::control::{Control, Drawing, Request};
pub use run::engine::{Engine, LOSS_SCALE, Trained, evaluate};
pub use run::mode::Mode;
pub use run::options::Options;
pub use run::percentiles::percentile_edges;
pub use run::progress::{Outcome, Progress};
pub use run::session::Session;
pub use run::signals::stop_on_signals;
pub use run::train::{Plan, train};
pub use watch::compare::compare;
pub use watch::console::{print_error, print_line};
pub use watch::event::{
    Checkpoint, Digits, Ending, Event, Histograms, ModelView, Observer, Score, Start, StepRecord, Summary,
};
pub use watch::recorded::RecordedError;
pub use watch::replay::{ReplayError, replay};
