//! The right operand of products on the matrix unit.

use super::numbers::bits_of;
use super::{BLOCK, Parts, STEP, Split, Terms};
use crate::array::storage::Buffer;
use crate::gemm::amx::unit::{LINE, ROWS};
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
use crate::runtime::simd::{SimdLevel, native_level};
use crate::runtime::threads::for_each_chunk_mut;
use crate::runtime::transpose::transpose_into;
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
use std::arch::x86_64::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// A matrix in parts and in the unit's order: for every 16 columns one part after the other, in each a line for every two
/// terms, with these of one column side by side. So 16 lines from anywhere on are a tile.
pub(crate) struct Panels {
    parts: Parts,
    columns: usize,
    lines: usize,
    numbers: Buffer<f32>,
    /// As of [`Split`].
    pub(super) loud: bool,
}

/// Numbers of a line.
const NUMBERS: usize = LINE / size_of::<f32>();

impl Panels {
    /// A matrix of `columns` columns, with a term for each of `rows`: where in `b` its columns begin, counted from `from`, or
    /// [`NOTHING`] if it is 0 throughout.
    ///
    /// # Panics
    /// If a row reaches outside.
    pub(crate) fn new(b: &Split, columns: usize, rows: &[i64], from: usize) -> Panels {
        let parts = b.parts;
        let lines = rows.len() / 2;
        let panel = 2 * parts.count() * lines * NUMBERS;
        let mut numbers = Buffer::uninit(columns.div_ceil(BLOCK) * panel);
        for_each_chunk_mut(&mut numbers, panel.max(1), |i, panel: &mut [f32]| {
            let first = i * BLOCK;
            let columns = first..columns.min(first + BLOCK);
            lay_out(b, columns.len(), rows, from + first, panel);
        });
        Panels { parts, columns, lines, numbers, loud: b.loud }
    }

    /// The matrix whose rows, one for each term, are `step` apart in `b`.
    pub(crate) fn of_terms(b: &Split, terms: Terms, columns: usize, step: usize) -> Panels {
        let in_run = terms.steps_of_run() * STEP;
        let mut rows = Buffer::full(terms.runs.len() * in_run, NOTHING);
        for (run, rows) in rows.chunks_exact_mut(in_run.max(1)).enumerate() {
            rows[..terms.len]
                .iter_mut()
                .enumerate()
                .for_each(|(i, row)| *row = ((run * terms.len + i) * step) as i64);
        }
        Panels::new(b, columns, &rows, 0)
    }

    /// A matrix of `rows` rows with `columns` columns, which are so far apart: whole steps of rows, what there is not being 0.
    ///
    /// # Safety
    /// `from` is good for reading all of the matrix.
    pub(crate) unsafe fn of_matrix(
        parts: Parts,
        from: &[f32],
        strides @ [row, column]: [usize; 2],
        [rows, columns]: [usize; 2],
    ) -> Panels {
        let lines = rows.next_multiple_of(STEP) / 2;
        let mut begins = Buffer::full(2 * lines, NOTHING);
        let loud = AtomicBool::new(false);
        begins[..rows].iter_mut().enumerate().for_each(|(i, begin)| *begin = (i * BLOCK) as i64);
        let panel = 2 * parts.count() * lines * NUMBERS;
        let mut numbers = Buffer::uninit(columns.div_ceil(BLOCK) * panel);
        for_each_chunk_mut(&mut numbers, panel.max(1), |i, panel: &mut [f32]| {
            let count = BLOCK.min(columns - i * BLOCK);
            let mut copy = Buffer::uninit(rows * BLOCK);
            if column == 1 {
                for (r, copy) in copy.chunks_exact_mut(BLOCK).enumerate() {
                    copy[..count].copy_from_slice(&from[r * row + i * BLOCK..][..count]);
                }
            } else {
                let from = from[i * BLOCK * column..].as_ptr();
                // SAFETY: by this function's contract, and there is room for so many rows.
                unsafe { transpose_into(from, strides, [rows, count], copy.as_mut_ptr(), BLOCK) };
            }
            let copy = Split::of(parts, &copy);
            loud.fetch_or(copy.loud, Ordering::Relaxed);
            lay_out(&copy, count, &begins, 0, panel);
        });
        Panels { parts, columns, lines, numbers, loud: loud.into_inner() }
    }

    pub(crate) fn parts(&self) -> Parts {
        self.parts
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Bytes from one part to the next.
    pub(super) fn part(&self) -> usize {
        self.lines * LINE
    }

    /// The first part's tiles for 16 columns, from a line on.
    pub(super) fn tiles(&self, column: usize, line: usize) -> *const u8 {
        let first = column / ROWS * self.parts.count() * self.lines + line;
        self.numbers.as_ptr().wrapping_add(first * NUMBERS).cast()
    }
}

/// Where the columns begin of a term that is 0.
pub(crate) const NOTHING: i64 = -1;

/// Lays out up to 32 columns.
fn lay_out(b: &Split, columns: usize, rows: &[i64], from: usize, panel: &mut [f32]) {
    assert_eq!(panel.len(), b.parts.count() * rows.len() * NUMBERS, "a panel of another size");
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    if native_level() >= SimdLevel::Avx512 {
        let to = panel.as_mut_ptr().cast();
        // SAFETY: the CPU has the instructions, and the panel two lines for every two rows and part.
        return unsafe {
            match b.parts {
                Parts::Two => fill::<2>(b, columns, rows, from, to),
                Parts::Three => fill::<3>(b, columns, rows, from, to),
            }
        };
    }
    fill_portable(b, columns, rows, from, panel);
}

/// As [`fill`], on any CPU.
fn fill_portable(b: &Split, columns: usize, rows: &[i64], from: usize, panel: &mut [f32]) {
    let (parts, part) = (b.parts.count(), rows.len() / 2 * BLOCK);
    let panel = bits_of(panel);
    panel.fill(0);
    for (p, plane) in b.planes().enumerate() {
        for (term, &row) in rows.iter().enumerate() {
            let Ok(row) = usize::try_from(row) else { continue };
            let first = from + row;
            assert!(first + columns <= b.len(), "a row reaches outside of the second operand");
            for (column, &x) in plane[first..][..columns].iter().enumerate() {
                let (tile, column) = (column / ROWS, column % ROWS);
                panel[(p + tile * parts) * part + term / 2 * BLOCK + 2 * column + term % 2] = x;
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions, and `to` is good for writing a line for every two rows, in two columns of tiles.
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn fill<const P: usize>(b: &Split, columns: usize, rows: &[i64], from: usize, to: *mut u8) {
    /// Where the entries of a line of the first tile come from, and of the second: one register after the other.
    static ORDER: [[u16; 32]; 2] = {
        let (mut order, mut i) = ([[0; 32]; 2], 0);
        while i < 64 {
            order[i / 32][i % 32] = (i / 2 + i % 2 * 32) as u16;
            i += 1;
        }
        order
    };
    let all = ((1_u64 << columns) - 1) as __mmask32;
    let part = rows.len() / 2 * LINE;
    // SAFETY: rows are inside of `b`, as is checked, and there is room for the lines.
    unsafe {
        let order =
            [_mm512_loadu_si512(ORDER[0].as_ptr().cast()), _mm512_loadu_si512(ORDER[1].as_ptr().cast())];
        let bits = b.bits();
        for (line, pair) in rows.chunks_exact(2).enumerate() {
            let (in_x, in_y) = (if pair[0] >= 0 { all } else { 0 }, if pair[1] >= 0 { all } else { 0 });
            let (x, y) = (from + pair[0].max(0) as usize, from + pair[1].max(0) as usize);
            assert!(
                x.max(y) + columns <= b.len() || in_x | in_y == 0,
                "a row reaches outside of the second operand"
            );
            let to = to.add(line * LINE);
            for p in 0..P {
                let plane = bits.wrapping_add(p * b.part);
                let x = _mm512_maskz_loadu_epi16(in_x, plane.wrapping_add(x).cast());
                let y = _mm512_maskz_loadu_epi16(in_y, plane.wrapping_add(y).cast());
                _mm512_store_si512(to.add(p * part).cast(), _mm512_permutex2var_epi16(x, order[0], y));
                _mm512_store_si512(to.add((p + P) * part).cast(), _mm512_permutex2var_epi16(x, order[1], y));
            }
        }
    }
}

#[cfg(all(test, all(target_arch = "x86_64", not(portable_only))))]
mod tests;
