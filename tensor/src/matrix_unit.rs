//! The matrix unit of a CPU with AMX: eight registers, each a tile of 16 rows of 64 bytes, and an instruction that
//! multiplies two tiles of `bf16` numbers and adds up in `f32`.
//!
//! Rust has no stable functions for these instructions; so they stand here as assembly. No code that the compiler makes
//! touches the registers: what one of the functions leaves in them is there for the next one.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

/// Rows of a tile.
pub(crate) const ROWS: usize = 16;
/// Bytes of its rows.
pub(crate) const LINE: usize = 64;

/// Whether the CPU has the unit, and the system lets this process use it, for which it is asked here.
pub(crate) fn is_available() -> bool {
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    let highest = __cpuid_count(0, 0).eax;
    highest >= 7 && __cpuid_count(7, 0).edx & BF16_AND_TILES == BF16_AND_TILES && permission()
}

/// Linux gives a process the registers only when it asks, since they make what it saves of a thread larger.
#[cfg(target_os = "linux")]
fn permission() -> bool {
    const REQUEST_STATE: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the system call takes two numbers and no pointer.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn permission() -> bool {
    false
}

/// The unit, set up for whole tiles on this thread until it is dropped.
///
/// Four tiles are sums: of two tiles of rows by two tiles of columns. If there is one tile of rows or of columns only, the
/// other sums are those of every other step, since a sum is ready for the next term only after a while. Of the four other
/// registers two hold the left operand's rows and two the right one's columns.
pub(crate) struct MatrixUnit(());

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

macro_rules! step {
    ($left:ident $right:ident: $parts:tt $l:ident $r:ident, $a:tt $b:tt $c:tt $d:tt) => {
        asm!(
            "/* {l_2} {r_2} */",
            products!($parts $l $r $a $b $c $d),
            l = in(reg) $left.first[0], l_2 = in(reg) $left.first[1], l_row = in(reg) $left.row,
            l_part = in(reg) $left.part,
            r = in(reg) $right.first[0], r_2 = in(reg) $right.first[1], r_row = in(reg) $right.row,
            r_part = in(reg) $right.part,
            at = out(reg) _, options(nostack, readonly, preserves_flags),
        )
    };
}

impl MatrixUnit {
    /// # Safety
    /// The unit [is available](is_available), and there is no other of these on this thread.
    #[inline(always)]
    pub(crate) unsafe fn new() -> MatrixUnit {
        /// As the instruction reads it: the kind of shapes, and for each of eight registers the bytes of a row and the rows.
        #[repr(C, align(64))]
        struct Shapes {
            kind: u8,
            unused: [u8; 15],
            line: [u16; 16],
            rows: [u8; 16],
        }
        static SHAPES: Shapes = {
            let (mut line, mut rows, mut i) = ([0; 16], [0; 16], 0);
            while i < 8 {
                (line[i], rows[i]) = (LINE as u16, ROWS as u8);
                i += 1;
            }
            Shapes { kind: 1, unused: [0; 15], line, rows }
        };
        // SAFETY: by this function's contract; the shapes are such as the instruction takes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &SHAPES, options(nostack, readonly, preserves_flags)) };
        MatrixUnit(())
    }

    /// Begins all sums with 0.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        // SAFETY: the unit is set up.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                options(nomem, nostack, preserves_flags)
            );
        }
    }

    /// Writes the sums to memory, whose rows are `row` bytes apart.
    ///
    /// # Safety
    /// `sums` is good for writing two by two tiles.
    #[inline(always)]
    pub(crate) unsafe fn store(&mut self, sums: *mut f32, row: usize) {
        let below = sums.wrapping_byte_add(ROWS * row);
        // SAFETY: by this function's contract; the unit is set up.
        unsafe {
            asm!(
                "tilestored [{sums} + {row}], tmm0",
                "tilestored [{sums} + {row} + 64], tmm1",
                "tilestored [{below} + {row}], tmm2",
                "tilestored [{below} + {row} + 64], tmm3",
                sums = in(reg) sums, below = in(reg) below, row = in(reg) row, options(nostack, preserves_flags),
            );
        }
    }

    /// Adds the products of 32 terms for every row and column, each number being `P` parts, the largest first: of all pairs
    /// of parts those that are not too small to count.
    ///
    /// # Safety
    /// All tiles of the extent, of all parts, are good for reading.
    #[inline(always)]
    pub(crate) unsafe fn multiply<const P: usize>(
        &mut self,
        extent: Extent,
        odd: bool,
        left: Tiles,
        right: Tiles,
    ) {
        const { assert!(P == 2 || P == 3) };
        // SAFETY: by this function's contract; the unit is set up.
        unsafe {
            match (P, extent.tall, extent.wide, odd) {
                (2, true, true, _) => step!(left right: 2 two two, 0 1 2 3),
                (2, true, false, false) => step!(left right: 2 two one, 0 1 2 3),
                (2, true, false, true) => step!(left right: 2 two one, 1 0 3 2),
                (2, false, true, false) => step!(left right: 2 one two, 0 1 2 3),
                (2, false, true, true) => step!(left right: 2 one two, 2 3 0 1),
                (2, false, false, false) => step!(left right: 2 one one, 0 1 2 3),
                (2, false, false, true) => step!(left right: 2 one one, 1 0 2 3),
                (_, true, true, _) => step!(left right: 3 two two, 0 1 2 3),
                (_, true, false, false) => step!(left right: 3 two one, 0 1 2 3),
                (_, true, false, true) => step!(left right: 3 two one, 1 0 3 2),
                (_, false, true, false) => step!(left right: 3 one two, 0 1 2 3),
                (_, false, true, true) => step!(left right: 3 one two, 2 3 0 1),
                (_, false, false, false) => step!(left right: 3 one one, 0 1 2 3),
                (_, false, false, true) => step!(left right: 3 one one, 1 0 2 3),
            }
        }
    }
}

impl Drop for MatrixUnit {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the unit is set up; nothing is left in its registers that somebody needs.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}
