//! Whether a result of the unit is finite, and clear of what it flushes to zero.

use std::ops::BitOr;
use std::sync::atomic::{AtomicBool, Ordering};

/// AMX flushes subnormal numbers to zero, in its operands (DAZ) and in its sums (FTZ). Beside a number of this magnitude
/// that costs at most 2⁻⁴⁶ of it a term.
pub(super) const LOUD: f32 = 1.0 / (1u128 << 80) as f32;

/// What was seen of some sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// One that is not finite.
    pub(crate) non_finite: bool,
    /// A magnitude of 2⁻⁸⁰ or more.
    pub(crate) loud: bool,
}

impl BitOr for Seen {
    type Output = Seen;

    fn bitor(self, other: Seen) -> Seen {
        Seen { non_finite: self.non_finite | other.non_finite, loud: self.loud | other.loud }
    }
}

/// What several threads see of a result.
#[derive(Default)]
pub(crate) struct Watch {
    non_finite: AtomicBool,
    loud: AtomicBool,
}

impl Watch {
    pub(crate) fn note(&self, seen: Seen) {
        self.non_finite.fetch_or(seen.non_finite, Ordering::Relaxed);
        self.loud.fetch_or(seen.loud, Ordering::Relaxed);
    }

    /// The result, unless it has to be computed in another way: if a sum is not finite, or all are so small that they may be
    /// zeros for being products of what is smaller still.
    pub(crate) fn then<T>(self, result: T) -> Option<T> {
        (!self.non_finite.into_inner() && self.loud.into_inner()).then_some(result)
    }
}
