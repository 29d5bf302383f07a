//! Sums that the unit has left in memory, on their way to the result.

use super::seen::LOUD;
use super::{BLOCK, Grid, Seen};
use crate::gemm::amx::unit::{Extent, MatrixUnit, ROWS};
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// The sums of a block.
#[repr(align(64))]
pub(super) struct Total([[MaybeUninit<f32>; BLOCK]; BLOCK]);

impl Total {
    pub(super) const fn uninit() -> Total {
        Total([[MaybeUninit::uninit(); BLOCK]; BLOCK])
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }
}

/// A block's sums as the unit has left them, and where they belong.
#[derive(Clone, Copy)]
pub(super) struct Finished {
    pub(super) total: *const f32,
    pub(super) extent: Extent,
    pub(super) place: usize,
    pub(super) columns: usize,
    pub(super) out: *mut f32,
}

impl Finished {
    /// Writes them to the result.
    ///
    /// # Safety
    /// The CPU has the unit or it is emulated, `total` has the sums, and `out` is good for the rows from place `place` on.
    #[inline(always)]
    pub(super) unsafe fn write<U: MatrixUnit>(&self, grid: &Grid, add: bool) -> Seen {
        // SAFETY: by this function's contract; a CPU with the unit has AVX-512.
        unsafe {
            if U::NATIVE {
                #[cfg(all(target_arch = "x86_64", not(portable_only)))]
                return self.write_avx512(grid, add);
            }
            self.write_portable(grid, add)
        }
    }

    /// # Safety
    /// As [`write`](Finished::write), and the CPU has AVX-512.
    #[inline(always)]
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    unsafe fn write_avx512(&self, grid: &Grid, add: bool) -> Seen {
        let &Finished { total, extent: Extent { tall, wide }, place, columns, out } = self;
        let masks = [ones(columns), ones(columns.saturating_sub(ROWS))];
        let (mut line, mut at) = (place / grid.pitch, place % grid.pitch);
        let rows = if tall { BLOCK } else { ROWS };
        // SAFETY: by this function's contract; what a mask leaves out is not touched.
        unsafe {
            let largest = _mm512_set1_ps(f32::MAX);
            let quiet = _mm512_set1_ps(LOUD);
            let (mut finite, mut loud) = (0xffff, 0);
            for row in 0..rows {
                if line == grid.lines {
                    break;
                }
                if at < grid.width {
                    let sums = total.add(row * BLOCK);
                    let (mut x, mut y) = (_mm512_load_ps(sums), _mm512_load_ps(sums.add(ROWS)));
                    // The sums of every other step.
                    if !tall && wide {
                        let sums = sums.add(ROWS * BLOCK);
                        x = _mm512_add_ps(x, _mm512_load_ps(sums));
                        y = _mm512_add_ps(y, _mm512_load_ps(sums.add(ROWS)));
                    }
                    if !wide {
                        (x, y) = (_mm512_add_ps(x, y), _mm512_setzero_ps());
                    }
                    for magnitude in [_mm512_abs_ps(x), _mm512_abs_ps(y)] {
                        finite &= _mm512_cmp_ps_mask::<_CMP_LE_OQ>(magnitude, largest);
                        loud |= _mm512_cmp_ps_mask::<_CMP_GE_OQ>(magnitude, quiet);
                    }
                    let to = out.add(grid.out[0] + line * grid.out[1] + at * grid.out[2]);
                    let next = to.wrapping_add(ROWS);
                    if add {
                        x = _mm512_add_ps(_mm512_maskz_loadu_ps(masks[0], to), x);
                        y = _mm512_add_ps(_mm512_maskz_loadu_ps(masks[1], next), y);
                    }
                    _mm512_mask_storeu_ps(to, masks[0], x);
                    _mm512_mask_storeu_ps(next, masks[1], y);
                }
                at += 1;
                if at == grid.pitch {
                    (line, at) = (line + 1, 0);
                }
            }
            Seen { non_finite: finite != 0xffff, loud: loud != 0 }
        }
    }

    /// The same bits, on any CPU.
    ///
    /// # Safety
    /// As [`write`](Finished::write).
    unsafe fn write_portable(&self, grid: &Grid, add: bool) -> Seen {
        let &Finished { total, extent: Extent { tall, wide }, place, columns, out } = self;
        let rows = if tall { BLOCK } else { ROWS };
        let mut seen = Seen::default();
        for row in 0..rows {
            let (line, at) = ((place + row) / grid.pitch, (place + row) % grid.pitch);
            if line >= grid.lines || at >= grid.width {
                continue;
            }
            let to = out.wrapping_add(grid.out[0] + line * grid.out[1] + at * grid.out[2]);
            for column in 0..if wide { BLOCK } else { ROWS } {
                // SAFETY: there are two tiles by two of sums.
                let sum = |row: usize, column: usize| unsafe { *total.add(row * BLOCK + column) };
                let mut x = sum(row, column);
                // The sums of every other step.
                if !tall && wide {
                    x += sum(row + ROWS, column);
                }
                if !wide {
                    x += sum(row, column + ROWS);
                }
                seen = seen | Seen { non_finite: !x.is_finite(), loud: x.abs() >= LOUD };
                if column < columns {
                    // SAFETY: by this function's contract.
                    unsafe { *to.add(column) = if add { *to.add(column) + x } else { x } }
                }
            }
        }
        seen
    }
}

/// The first lanes, at most all of them.
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
fn ones(lanes: usize) -> __mmask16 {
    ((1_u32 << lanes.min(16)) - 1) as __mmask16
}

#[cfg(all(test, all(target_arch = "x86_64", not(portable_only))))]
mod tests;
