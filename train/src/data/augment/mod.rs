//! Pictures changed at random, and each in its own way in each epoch.
//!
//! | file | what is in it |
//! |---|---|
//! | `dataset` | [`Augmented`]: a data set whose pictures are changed |
//! | `settings` | [`Augment`]: what is changed, and how much |
//! | `change` | what becomes of one picture |
//! | `affine` | shift, rotation, scale, reflection and crop as one map |
//! | `elastic` | smooth displacements |

mod affine;
mod change;
mod dataset;
mod elastic;
mod settings;

pub use dataset::Augmented;
pub use settings::Augment;
