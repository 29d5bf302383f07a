//! How steps are computed.

/// Whether graphs are compiled. The numbers are the same, to the bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A graph is recorded once for each size of batch, and then replayed.
    #[default]
    Compiled,
    /// Every step records a graph of its own, as in a model under development.
    Eager,
}
