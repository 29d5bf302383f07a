//! The panels of digits: those of a training batch, the test digits, and one that is drawn.
//!
//! | file | what is in it |
//! |---|---|
//! | `read` | what digits were taken for |
//! | `source` | what the panels see of a training |
//! | `view` | how they are drawn: in figures, and on the page by `digits.js` and `drawing.js` |
//! | `sheet`, `png` | digits side by side, as shapes and as a picture |

mod png;
mod read;
mod sheet;
mod source;
mod view;

pub(crate) use source::{DigitSource, answer, panels};
pub(crate) use view::DigitView;
