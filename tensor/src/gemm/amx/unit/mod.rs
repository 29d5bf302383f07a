//! The matrix unit of a CPU with AMX: eight registers, each a tile of 16 rows of 64 bytes, and an instruction that
//! multiplies two tiles of `bf16` numbers and adds up in `f32`.
//!
//! Rust has no stable functions for these instructions; so they stand here as assembly, which the CPU executes (`amx.rs`), or, in
//! tests on a CPU that has no such unit, an interpreter of the few instructions (`emulated`): it reads the same text.

/// The instructions of [`MatrixUnit::clear`].
macro_rules! clear {
    () => {
        "tilezero tmm0\ntilezero tmm1\ntilezero tmm2\ntilezero tmm3\n"
    };
}

/// The instructions of [`MatrixUnit::store`].
macro_rules! store {
    () => {
        "tilestored [{sums} + {row}], tmm0\n\
         tilestored [{sums} + {row} + 64], tmm1\n\
         tilestored [{below} + {row}], tmm2\n\
         tilestored [{below} + {row} + 64], tmm3\n"
    };
}

/// How far on a part is.
macro_rules! part {
    (0 $name:literal) => {
        ""
    };
    (1 $name:literal) => {
        concat!(" + {", $name, "_part}")
    };
    (2 $name:literal) => {
        concat!(" + 2 * {", $name, "_part}")
    };
}

/// The instructions for two tiles, or for the first only.
macro_rules! load {
    ($a:literal $b:literal $name:tt $part:tt, one) => { concat!(
        "lea {at}, [{", $name, "}", part!($part $name), "]\n",
        "tileloadd tmm", $a, ", [{at} + {", $name, "_row}]\n",
    ) };
    ($a:literal $b:literal $name:tt $part:tt, two) => { concat!(
        load!($a $b $name $part, one),
        "lea {at}, [{", $name, "_2}", part!($part $name), "]\n",
        "tileloadd tmm", $b, ", [{at} + {", $name, "_row}]\n",
    ) };
}

macro_rules! multiply {
    ($a:literal $b:literal $c:literal $d:literal, two two) => {
        concat!(
            "tdpbf16ps tmm",
            $a,
            ", tmm4, tmm6\ntdpbf16ps tmm",
            $b,
            ", tmm4, tmm7\n",
            "tdpbf16ps tmm",
            $c,
            ", tmm5, tmm6\ntdpbf16ps tmm",
            $d,
            ", tmm5, tmm7\n",
        )
    };
    ($a:literal $b:literal $c:literal $d:literal, two one) => {
        concat!("tdpbf16ps tmm", $a, ", tmm4, tmm6\ntdpbf16ps tmm", $c, ", tmm5, tmm6\n",)
    };
    ($a:literal $b:literal $c:literal $d:literal, one two) => {
        concat!("tdpbf16ps tmm", $a, ", tmm4, tmm6\ntdpbf16ps tmm", $b, ", tmm4, tmm7\n",)
    };
    ($a:literal $b:literal $c:literal $d:literal, one one) => {
        concat!("tdpbf16ps tmm", $a, ", tmm4, tmm6\n")
    };
}

/// All products of parts that count; which ones is a matter of which sums can be kept in which order with the fewest loads.
macro_rules! products {
    (2 $left:ident $right:ident $a:tt $b:tt $c:tt $d:tt) => { concat!(
        load!(6 7 "r" 0, $right), load!(4 5 "l" 1, $left), multiply!($a $b $c $d, $left $right),
        load!(4 5 "l" 0, $left), multiply!($a $b $c $d, $left $right),
        load!(6 7 "r" 1, $right), multiply!($a $b $c $d, $left $right),
    ) };
    (3 $left:ident $right:ident $a:tt $b:tt $c:tt $d:tt) => { concat!(
        load!(6 7 "r" 0, $right), load!(4 5 "l" 2, $left), multiply!($a $b $c $d, $left $right),
        load!(4 5 "l" 0, $left), multiply!($a $b $c $d, $left $right),
        load!(4 5 "l" 1, $left), multiply!($a $b $c $d, $left $right),
        load!(6 7 "r" 1, $right), multiply!($a $b $c $d, $left $right),
        load!(4 5 "l" 0, $left), multiply!($a $b $c $d, $left $right),
        load!(6 7 "r" 2, $right), multiply!($a $b $c $d, $left $right),
    ) };
}

/// What [`MatrixUnit::multiply`] does, each case by `$step!` of its [`products`].
macro_rules! steps {
    ($step:ident: $parts:expr, $extent:expr, $odd:expr, $unit:ident, $left:ident, $right:ident) => {
        match ($parts, $extent.tall, $extent.wide, $odd) {
            (2, true, true, _) => $step!($unit $left $right: 2 two two, 0 1 2 3),
            (2, true, false, false) => $step!($unit $left $right: 2 two one, 0 1 2 3),
            (2, true, false, true) => $step!($unit $left $right: 2 two one, 1 0 3 2),
            (2, false, true, false) => $step!($unit $left $right: 2 one two, 0 1 2 3),
            (2, false, true, true) => $step!($unit $left $right: 2 one two, 2 3 0 1),
            (2, false, false, false) => $step!($unit $left $right: 2 one one, 0 1 2 3),
            (2, false, false, true) => $step!($unit $left $right: 2 one one, 1 0 2 3),
            (_, true, true, _) => $step!($unit $left $right: 3 two two, 0 1 2 3),
            (_, true, false, false) => $step!($unit $left $right: 3 two one, 0 1 2 3),
            (_, true, false, true) => $step!($unit $left $right: 3 two one, 1 0 3 2),
            (_, false, true, false) => $step!($unit $left $right: 3 one two, 0 1 2 3),
            (_, false, true, true) => $step!($unit $left $right: 3 one two, 2 3 0 1),
            (_, false, false, false) => $step!($unit $left $right: 3 one one, 0 1 2 3),
            (_, false, false, true) => $step!($unit $left $right: 3 one one, 1 0 2 3),
        }
    };
}

// Behind the macros, which they use.
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
mod amx;
#[cfg(any(feature = "emulate", not(all(target_arch = "x86_64", not(portable_only)))))]
mod emulated;

#[cfg(all(target_arch = "x86_64", not(portable_only)))]
pub(crate) use amx::{Amx, is_available};
#[cfg(any(feature = "emulate", not(all(target_arch = "x86_64", not(portable_only)))))]
pub(crate) use emulated::Emulated;

/// Rows of a tile.
pub(crate) const ROWS: usize = 16;
/// Bytes of its rows.
pub(crate) const LINE: usize = 64;

/// The unit, set up for whole tiles on this thread until it is dropped.
///
/// Four tiles are sums: of two tiles of rows by two tiles of columns. If there is one tile of rows or of columns only, the
/// other sums are those of every other step, since a sum is ready for the next term only after a while. Of the four other
/// registers two hold the left operand's rows and two the right one's columns.
pub(crate) trait MatrixUnit: Sized {
    /// Whether the CPU is one that has the unit, and therefore AVX-512.
    const NATIVE: bool;

    /// # Safety
    /// The unit is available, and there is no other of these on this thread.
    unsafe fn new() -> Self;

    /// Begins all sums with 0.
    fn clear(&mut self);

    /// Writes the sums to memory, whose rows are `row` bytes apart.
    ///
    /// # Safety
    /// `sums` is good for writing two by two tiles.
    unsafe fn store(&mut self, sums: *mut f32, row: usize);

    /// Adds the products of 32 terms for every row and column, each number being `P` parts, the largest first: of all pairs
    /// of parts those that are not too small to count.
    ///
    /// # Safety
    /// All tiles of the extent, of all parts, are good for reading.
    unsafe fn multiply<const P: usize>(&mut self, extent: Extent, odd: bool, left: Tiles, right: Tiles);
}

/// How many tiles of rows and of columns there are, one or two of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) tall: bool,
    pub(crate) wide: bool,
}

/// One operand's tiles of a step.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    /// The first and the second tile; the latter is not touched if there is one only.
    pub(crate) first: [*const u8; 2],
    /// Bytes from one row to the next.
    pub(crate) row: usize,
    /// Bytes from one part to the next.
    pub(crate) part: usize,
}
