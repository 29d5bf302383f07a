//! What a training emits, and those who watch it.
//!
//! | file | what is in it |
//! |---|---|
//! | `event`, `record`, `panel` | what the loop emits: settings, numbers, distributions, what panels of one's own show |
//! | `broadcast` | from the loop to those who watch, each in a thread of its own |
//! | `folder`, [`files`] | the run's files |
//! | `recorded` | runs that are over, read back from their folders |
//! | `tensorboard` | event files for TensorBoard, with the feature `tensorboard` |
//! | `history` | all that was told so far, for a page |
//! | `control` | what those who watch may ask of the loop |
//! | `activations`, `percentiles` | inner values of a model, and their distributions |
//! | `dataflow` | the graph of a training step, drawn |

mod activations;
mod broadcast;
mod control;
mod dataflow;
mod event;
pub mod files;
mod folder;
mod history;
mod panel;
mod percentiles;
mod record;
mod recorded;
#[cfg(feature = "tensorboard")]
mod tensorboard;

pub use activations::{ActivationReader, Activations};
pub use broadcast::broadcast;
pub use control::{Command, Control, Question, Request};
pub use dataflow::dataflow;
pub use event::{Ending, Event, Histograms, ModelView, Observer, Saved, Start, Summary, Watched};
pub use folder::{FolderError, RunFiles, RunFolder};
pub(crate) use history::stride;
pub use history::{Events, History};
pub use panel::{Content, Curve, Panel, Shown};
pub use percentiles::percentile_edges;
pub use record::{Record, Values, csv};
pub use recorded::{RecordedError, recorded};
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
