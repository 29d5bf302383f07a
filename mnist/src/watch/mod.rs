//! What the loop emits, and who watches it.
//!
//! | file | what is in it |
//! |---|---|
//! | `event`, `broadcast` | what the loop emits to those who watch, each in a thread of its own |
//! | `console`, `status_line` | the terminal, and its progress line, which nothing that is printed can tear |
//! | `run_folder` | the run's files |
//! | `history` | what the page remembers |
//! | `recorded`, `replay`, `compare` | runs that are over |
//! | `dataflow` | the graph of a training step, drawn |

pub(crate) mod broadcast;
pub(crate) mod compare;
pub(crate) mod console;
pub(crate) mod dataflow;
pub(crate) mod event;
pub(crate) mod history;
pub(crate) mod recorded;
pub(crate) mod replay;
pub(crate) mod run_folder;
pub(crate) mod status_line;
