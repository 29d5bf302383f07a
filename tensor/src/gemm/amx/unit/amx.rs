//! The unit of the CPU at hand. No code that the compiler makes touches its registers: what one of the functions leaves in
//! them is there for the next one.

use super::{Extent, LINE, MatrixUnit, ROWS, Tiles};
use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

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

/// The instructions of a step, for operands of the names that they have in the text.
macro_rules! step {
    ($unit:ident $left:ident $right:ident: $parts:tt $l:ident $r:ident, $a:tt $b:tt $c:tt $d:tt) => {
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

/// See [`MatrixUnit`].
pub(crate) struct Amx(());

impl MatrixUnit for Amx {
    const NATIVE: bool = true;

    #[inline(always)]
    unsafe fn new() -> Amx {
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
        Amx(())
    }

    #[inline(always)]
    fn clear(&mut self) {
        // SAFETY: the unit is set up.
        unsafe { asm!(clear!(), options(nomem, nostack, preserves_flags)) };
    }

    #[inline(always)]
    unsafe fn store(&mut self, sums: *mut f32, row: usize) {
        let below = sums.wrapping_byte_add(ROWS * row);
        // SAFETY: by this function's contract; the unit is set up.
        unsafe {
            asm!(
                store!(),
                sums = in(reg) sums, below = in(reg) below, row = in(reg) row, options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn multiply<const P: usize>(&mut self, extent: Extent, odd: bool, left: Tiles, right: Tiles) {
        const { assert!(P == 2 || P == 3) };
        // SAFETY: by this function's contract; the unit is set up.
        unsafe { steps!(step: P, extent, odd, self, left, right) }
    }
}

impl Drop for Amx {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the unit is set up; nothing is left in its registers that somebody needs.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}
