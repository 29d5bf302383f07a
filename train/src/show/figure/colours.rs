//! Colours of figures.

use crate::show::shape::Colour;

/// Text.
pub const TEXT: Colour = [32, 36, 42];
/// Text that is not so important.
pub const MUTED: Colour = [115, 122, 132];
/// Lines of a grid.
pub const GRID: Colour = [220, 223, 227];
/// The background.
pub const PAPER: Colour = [255; 3];
/// What belongs to the batches that are trained on.
pub const TRAIN: Colour = [63, 127, 193];
/// What belongs to the first set that is evaluated.
pub const TEST: Colour = [208, 86, 27];
/// What wrong answers lie on, and what marks them.
pub const WRONG: Colour = [255, 157, 148];
/// See [`WRONG`].
pub const WRONG_MARK: Colour = [179, 38, 30];
/// Colours that are told apart without red and green, for any number of curves.
pub const CURVES: [Colour; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [230, 159, 0],
    [90, 90, 90],
    [120, 60, 20],
];
/// The size of small letters.
pub const SMALL: f64 = 11.0;
