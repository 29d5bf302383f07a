//! The parts of a model that nodes belong to.

/// A part of the model that nodes belong to; scope 0 is the whole.
pub(crate) struct Scope {
    pub(crate) label: Label,
    pub(crate) parent: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Label {
    /// A layer of this kind.
    Kind(&'static str),
    /// An element of a list of layers. It shows in messages only: pictures and summaries have the layer itself.
    Index(usize),
}

impl Scope {
    pub(crate) const WHOLE: Scope = Scope { label: Label::Kind(""), parent: 0 };
}
