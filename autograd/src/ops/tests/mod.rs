//! Tests that every operation passes.

mod public;
pub(crate) mod table;
