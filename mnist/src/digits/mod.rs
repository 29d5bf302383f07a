//! What is about digits: their files, digits that the program draws, the nine models, and what a digit is taken for.
//!
//! | file | what is in it |
//! |---|---|
//! | `data` | finding, downloading, checking and reading MNIST; batches |
//! | `synthetic` | digits drawn by the program where there is no network |
//! | `models`, `model_file` | the nine models; reading one, if it is the right one and whole |
//! | `panels` | the panels of digits in a run: what they see, how they are drawn |
//! | `contact_sheet` | digits with their labels in one picture |
//! | `preprocess`, `recognize` | from a picture of a digit to what it is |

mod contact_sheet;
pub mod data;
pub(crate) mod model_file;
pub mod models;
pub(crate) mod panels;
pub(crate) mod preprocess;
pub(crate) mod recognize;
pub mod synthetic;

pub use contact_sheet::contact_sheet;
