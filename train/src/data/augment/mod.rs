//! Pictures changed at random, and each in its own way in each epoch.
//!
//! | file | what is in it |
//! |---|---|
//! | `dataset` | [`Augmented`]: a data set whose pictures are changed |
//! | `settings` | [`Augment`]: what is changed, and how much |
//! | `apply` | what is drawn for a picture, and done to it |
//! | `change` | one picture, resampled |
//! | `affine` | shift, rotation, scale, reflection and crop as one map |
//! | `elastic` | smooth displacements |

mod affine;
mod apply;
mod change;
mod dataset;
mod elastic;
mod settings;

pub use dataset::Augmented;
pub use settings::Augment;
