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
//! | file | what is in it |
//! |---|---|
//! | `data` | finding, downloading, checking and reading MNIST; batches |
//! | `synthetic`, `sheet` | digits drawn by the program where there is no network; pictures of digits |
//! | `models` | the nine models |
//! | `options` | the flags that all examples share |
//! | `train`, `session` | an example from its flags to its results; the one training loop in it |
//! | `engine` | what the loop computes, from compiled graphs or eagerly |
//! | `evaluate` | accuracy and loss on the test digits |
//! | `capture`, `bands`, `dataflow` | what is to be seen of a model: inner values, their distributions, its graph |
//! | `event`, `broadcast` | what the loop tells those who watch, each in a thread of its own |
//! | `checkpoint`, `model_file` | saving the model as it learns; reading it, if it is the right one and whole |
//! | `visitors` | what those who watch may ask of the loop |
//! | `console`, `run_folder`, `history` | who watches: the terminal, the run's files, the page's memory |
//! | `signals` | being asked to end |
//! | `status_line` | the terminal's progress line, which nothing that is printed can tear |
//! | `live` | the page, and the server on this computer that it comes from |
//! | `digits_png`, `figure`, `movie` | pictures of digits, and of the six panels |
//! | `recorded`, `replay`, `compare` | runs that are over |
//! | `picture`, `recognize` | from a picture of a digit to what it is |
#![forbid(unsafe_code)]

mod bands;
mod broadcast;
mod capture;
mod checkpoint;
mod compare;
mod console;
pub mod data;
mod dataflow;
mod digits_png;
mod engine;
mod evaluate;
mod event;
mod figure;
mod history;
mod live;
mod mode;
mod model_file;
pub mod models;
mod movie;
mod options;
mod picture;
mod profile;
mod recognize;
mod recorded;
mod replay;
mod run_folder;
mod session;
mod sheet;
mod signals;
mod status_line;
pub mod synthetic;
mod train;
mod visitors;

pub use bands::percentile_edges;
pub use capture::Captured;
pub use checkpoint::Checkpoints;
pub use compare::compare;
pub use console::{print_error, print_line};
pub use engine::{Engine, LOSS_SCALE, Trained};
pub use evaluate::evaluate;
pub use event::{
    Checkpoint, Digits, Ending, Event, Histograms, ModelView, Observer, Score, Start, StepRecord, Summary,
};
pub use mode::Mode;
pub use model_file::{ModelError, NotFinite};
pub use options::Options;
pub use recognize::{RecognizeError, recognize};
pub use recorded::RecordedError;
pub use replay::{ReplayError, replay};
pub use session::Session;
pub use sheet::contact_sheet;
pub use signals::stop_on_signals;
pub use train::{Plan, train};
pub use visitors::{Drawing, Request, Visitors};
