//! Whether the unit's sums are of a size that it computes them exactly enough.

use std::ops::BitOr;
use std::sync::atomic::{AtomicBool, Ordering};

/// The unit takes subnormal numbers for zeros, products among them. Beside a sum of this size what it loses so is nothing,
/// 2⁻⁴⁶ of it a term.
pub(super) const LOUD: f32 = 1.0 / (1u128 << 80) as f32;

/// What was seen of some sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// One that is not finite.
    pub(crate) endless: bool,
    /// A magnitude of 2⁻⁸⁰ or more.
    pub(crate) loud: bool,
}

impl BitOr for Seen {
    type Output = Seen;

    fn bitor(self, other: Seen) -> Seen {
        Seen { endless: self.endless | other.endless, loud: self.loud | other.loud }
    }
}

/// What several threads see of a result.
#[derive(Default)]
pub(crate) struct Watch {
    endless: AtomicBool,
    loud: AtomicBool,
}

impl Watch {
    pub(crate) fn note(&self, seen: Seen) {
        self.endless.fetch_or(seen.endless, Ordering::Relaxed);
        self.loud.fetch_or(seen.loud, Ordering::Relaxed);
    }

    /// The result, unless it has to be computed in another way: if a sum is not finite, or all are so small that they may be
    /// zeros for being products of what is smaller still.
    pub(crate) fn then<T>(self, result: T) -> Option<T> {
        (!self.endless.into_inner() && self.loud.into_inner()).then_some(result)
    }
}
