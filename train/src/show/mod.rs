//! Pictures of a run: the live page, and the server on this computer that it comes from (`live`), the six panels as a figure
//! (`figure`), and as a movie (`movie`).

pub(crate) mod figure;
pub(crate) mod live;
pub(crate) mod movie;
