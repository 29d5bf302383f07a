//! The kernels of each instruction set: one compiled function for each size of tile.

use super::microkernel::{self, MicroTile, ROWS, Tile, Tiles};
use super::packing::{KBlock, PackedB};
use super::prefetch::Prefetcher;
use super::rows::Row;
use super::skip_zeros::{self, Scan, Stretch, Zeros};
use crate::runtime::lanes::Lanes;

/// What is compiled for one instruction set.
pub(super) trait Kernels: Scan {
    /// Numbers of a register.
    const LANES: usize;
    /// Registers of columns that a tile has at most.
    const MOST: usize;

    /// The tiles for so many registers of columns and interleaved problems.
    fn tiles(registers: usize, group: usize) -> Tiles;

    /// See [`PackedB::fill`].
    ///
    /// # Safety
    /// As there, and the CPU has the instructions.
    unsafe fn pack(panel: &mut PackedB, pass: &mut KBlock, b: *const f32, columns: usize, width: usize);
}

/// The kernels of an instruction set: its registers, how many of them the columns of a tile may have, and for each number
/// the rows of the large and of the small tile.
macro_rules! kernels {
    ($(#[$doc:meta])* $name:ident, $features:meta, $lanes:ty, $most:literal: $($registers:literal => $rows:literal, $few:literal;)*) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Kernels for $name {
            const LANES: usize = <$lanes>::N;
            const MOST: usize = $most;

            fn tiles(registers: usize, group: usize) -> Tiles {
                #[$features]
                unsafe fn compute<const R: usize, const V: usize, const G: usize>(
                    block: &MicroTile,
                    rows: &[Row; ROWS],
                    left: usize,
                    zeros: &mut Zeros,
                    prefetcher: &mut Prefetcher,
                ) {
                    // SAFETY: the caller's, with the instructions that this is compiled for.
                    unsafe { microkernel::compute::<$lanes, R, V, G>(block, rows, left, zeros, prefetcher) }
                }
                fn sized<const R: usize, const F: usize, const V: usize, const G: usize>() -> Tiles {
                    Tiles {
                        large: Tile { rows: R, compute: compute::<R, V, G> },
                        small: Tile { rows: F, compute: compute::<F, V, G> },
                    }
                }
                match (registers, group) {
                    $(
                        ($registers, 1) => sized::<$rows, $few, $registers, 1>(),
                        ($registers, 2) => sized::<$rows, $few, $registers, 2>(),
                        ($registers, 4) => sized::<$rows, $few, $registers, 4>(),
                        ($registers, 8) if const { <$lanes>::N >= 8 } => sized::<$rows, $few, $registers, 8>(),
                    )*
                    _ => unreachable!("tiles of {registers} registers for groups of {group}"),
                }
            }

            unsafe fn pack(panel: &mut PackedB, pass: &mut KBlock, b: *const f32, columns: usize, width: usize) {
                #[$features]
                unsafe fn pack(panel: &mut PackedB, pass: &mut KBlock, b: *const f32, columns: usize, width: usize) {
                    // SAFETY: the caller's, with the instructions that this is compiled for.
                    unsafe { panel.fill::<$lanes>(pass, b, columns, width) }
                }
                // SAFETY: by this function's contract.
                unsafe { pack(panel, pass, b, columns, width) }
            }
        }

        impl Scan for $name {
            unsafe fn nonzero(a: *const f32, lines: Stretch, n: usize, words: usize, to: &mut [u64]) {
                #[$features]
                unsafe fn bits(a: *const f32, lines: Stretch, n: usize, words: usize, to: &mut [u64]) {
                    // SAFETY: the caller's, with the instructions that this is compiled for.
                    unsafe { skip_zeros::nonzero::<$lanes>(a, lines, n, words, to) }
                }
                // SAFETY: by this function's contract.
                unsafe { bits(a, lines, n, words, to) }
            }

            unsafe fn are_finite(b: *const f32, terms: Stretch, columns: usize) -> bool {
                #[$features]
                unsafe fn all(b: *const f32, terms: Stretch, columns: usize) -> bool {
                    // SAFETY: the caller's, with the instructions that this is compiled for.
                    unsafe { skip_zeros::are_finite::<$lanes>(b, terms, columns) }
                }
                // SAFETY: by this function's contract.
                unsafe { all(b, terms, columns) }
            }
        }
    };
}

// Rows so many that all sums, the registers of `b` and one of `a` just fit.

/// For 32 registers.
#[cfg(any(all(target_arch = "x86_64", not(portable_only)), feature = "emulate"))]
macro_rules! kernels_of_32 {
    ($($registers:tt)*) => { kernels!($($registers)*, 4: 1 => 12, 4; 2 => 12, 4; 3 => 8, 4; 4 => 6, 3;); };
}

/// For 16 registers.
#[cfg(any(all(target_arch = "x86_64", not(portable_only)), feature = "emulate"))]
macro_rules! kernels_of_16 {
    ($($registers:tt)*) => { kernels!($($registers)*, 3: 1 => 12, 4; 2 => 6, 3; 3 => 4, 2;); };
}

#[cfg(all(target_arch = "x86_64", not(portable_only)))]
kernels_of_32!(
    /// 32 registers of 16 numbers.
    Avx512, target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"), std::arch::x86_64::__m512
);
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
kernels_of_16!(
    /// 16 registers of 8 numbers.
    Avx2, target_feature(enable = "avx2,fma"), std::arch::x86_64::__m256
);
#[cfg(feature = "emulate")]
kernels_of_32!(
    /// As [`Avx512`], on any CPU.
    EmulatedAvx512, inline(never), crate::runtime::lanes::Emulated<16>
);
#[cfg(feature = "emulate")]
kernels_of_16!(
    /// As [`Avx2`], on any CPU.
    EmulatedAvx2, inline(never), crate::runtime::lanes::Emulated<8>
);
kernels!(
    /// 16 registers of 4 numbers, as the compiler makes them of arrays.
    Portable, inline(never), [f32; 4], 2:
    1 => 8, 4;
    2 => 4, 2;
);
