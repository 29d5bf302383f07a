//! The panels as a figure: on paper, in a README, in a movie.
//!
//! | file | what is in it |
//! |---|---|
//! | `panels` | where things are in the figure |
//! | `plot` | a plot's grid, curves and bands |
//! | `own` | panels of one's own that every run may use |
//! | `comparison` | the figure of several runs |
//! | `raster`, `font` | shapes as pixels |

pub mod colours;
mod comparison;
mod font;
mod own;
mod panels;
mod plot;
mod raster;

pub(crate) use comparison::{Compared, comparison};
pub(crate) use panels::{Run, panels, size};
pub use plot::{number, plot};
pub(crate) use raster::raster;

use super::shape::{png, svg};
use super::view::Views;
use crate::watch::Event;
use std::sync::Arc;

/// The panels of a run that is over, or of as much of it as there is: an SVG file and a PNG file.
pub fn figure(events: &[Arc<Event>], views: &Views) -> (String, Vec<u8>) {
    let run = Run::until(events, u64::MAX);
    let (shapes, size) = (panels(&run, views), size(&run));
    (svg(&shapes, size), png(&raster(&shapes, size, 1.0), size.0))
}
