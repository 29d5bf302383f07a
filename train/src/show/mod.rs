//! What people see of a run: figures, the page, the movie.
//!
//! | file | what is in it |
//! |---|---|
//! | `shape` | what figures are made of, and writing them as SVG and PNG |
//! | `figure` | the panels as a picture |
//! | `view` | panels of one's own |
//! | `compare` | the curves of several runs over each other |
//! | `live` | the page: live, or with a whole run in it |
//! | `replay` | runs that are over, in the page again |
//! | `movie` | the panels as a movie |

mod compare;
mod figure;
#[cfg(feature = "page")]
mod live;
#[cfg(feature = "movie")]
mod movie;
#[cfg(feature = "page")]
mod replay;
mod shape;
mod view;

pub use compare::compare;
pub use figure::{colours, figure, number, plot};
#[cfg(feature = "page")]
pub use live::{Show, report, serve};
#[cfg(feature = "movie")]
pub use movie::{MovieError, can_write_movie, write_movie};
#[cfg(feature = "page")]
pub use replay::{ReplayError, replay};
pub use shape::{Anchor, Colour, Place, Shape};
pub use view::{Refusal, View, Views};
