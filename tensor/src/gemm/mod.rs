//! Sums of products of `f32` in tiles that stay in registers: what the matrix product and all passes of convolution are
//! made of.
//!
//! A tile is a few rows of the result by a few registers of neighbouring columns. For each step of the sum the kernel
//! loads those columns of `b` once, and multiplies them by one number of `a` for each row. Only `b` and the result need
//! neighbouring columns; where the numbers of `a` come from is free, so that a window sliding over an image is as good
//! as the row of a matrix, and no matrix of windows has to be written out.

pub(crate) mod amx;
mod kernels;
mod microkernel;
mod packing;
mod prefetch;
mod rows;
mod skip_zeros;
mod small_n;

pub(crate) use prefetch::Prefetcher;
pub(crate) use rows::Rows;

#[allow(unused_imports, reason = "there may be only one level")]
use crate::runtime::simd::SimdLevel;
#[cfg(feature = "emulate")]
use crate::runtime::simd::is_emulated;
use crate::runtime::simd::simd_level;
use kernels::Kernels;
use microkernel::{MicroTile, ROWS, Tiles};
use packing::{KBlock, PackedB};
use rows::Row;
use skip_zeros::Zeros;

/// `out[row.out + c] = Σ r < runs, Σ i < len: a[row.a + r·a_run + i·a_step + c mod group] · b[r·b_run + i·b_step + c·b_column]`
/// for each row and each column `c < columns`.
///
/// Where the columns are fewer than a register holds, or leave much of the last one free, several problems can be
/// computed as one: the numbers of `group` of them stand side by side in `a`, in `b` and in the result.
#[derive(Clone, Copy)]
pub(crate) struct GemmSpec {
    pub(crate) runs: usize,
    pub(crate) len: usize,
    pub(crate) a_run: usize,
    pub(crate) a_step: usize,
    pub(crate) b_run: usize,
    pub(crate) b_step: usize,
    pub(crate) b_column: usize,
    pub(crate) columns: usize,
    /// 1, 2, 4 or 8, and no more than a register has lanes.
    pub(crate) group: usize,
    /// Whether registers hold terms instead of columns, as [`small_n`] has it. Other bits come out then: so it is decided
    /// for the whole result, and not again for a part that has few columns.
    pub(crate) small_n: bool,
}

/// Numbers of `b` that are used for many tiles before the next: they are to stay in the first-level cache.
const CACHED: usize = 8 << 10;

/// Strides of `b` that are multiples of this bring all its rows to the same few places of the first-level cache.
const SAME_PLACE: usize = 1 << 10;

/// Registers of so many lanes load some of them as fast as all, and have the mask elsewhere than in one of theirs.
const MASKED: usize = 16;

impl GemmSpec {
    /// The product of matrices: `terms` of them, `a_step` apart in a row of the first; the strides of the second; its columns.
    pub(crate) fn of_matrices(
        terms: usize,
        a_step: usize,
        [b_step, b_column]: [usize; 2],
        columns: usize,
    ) -> GemmSpec {
        // The columns are so few, and the terms so many, that registers are better filled with terms.
        let small_n = columns <= 12 && a_step == 1 && terms >= 64;
        GemmSpec {
            runs: 1,
            len: terms,
            a_run: 0,
            a_step,
            b_run: 0,
            b_step,
            b_column,
            columns,
            group: 1,
            small_n,
        }
    }

    /// Computes the rows; adds to what is in `out` if `add`. Meanwhile a share of what is read or written next comes to the
    /// cache.
    ///
    /// # Panics
    /// If a row, a run or a column reaches outside its slice.
    pub(crate) fn compute(
        &self,
        rows: Rows,
        a: &[f32],
        b: &[f32],
        out: &mut [f32],
        add: bool,
        prefetcher: &mut Prefetcher,
    ) {
        // SAFETY: `out` is borrowed mutably.
        unsafe { self.compute_raw(rows, [a, b], out.as_mut_ptr(), out.len(), add, prefetcher) }
    }

    /// As [`compute`](GemmSpec::compute), for a result that several threads write different parts of.
    ///
    /// # Safety
    /// `out` is good for reading and writing `len` elements, and nobody else touches the columns of these rows meanwhile.
    pub(crate) unsafe fn compute_raw(
        &self,
        rows: Rows,
        [a, b]: [&[f32]; 2],
        out: *mut f32,
        len: usize,
        add: bool,
        prefetcher: &mut Prefetcher,
    ) {
        if rows.count == 0 || self.columns == 0 {
            return;
        }
        self.check(rows, a.len(), b.len(), len);
        let job = GemmArgs { sums: self, rows, a: a.as_ptr(), b: b.as_ptr(), out };
        if self.small_n {
            // SAFETY: every access was just checked.
            return unsafe { small_n::compute(&job, add) };
        }
        match simd_level() {
            // SAFETY: every access was just checked, and every CPU has these instructions.
            #[cfg(feature = "emulate")]
            SimdLevel::Avx512 | SimdLevel::Amx if is_emulated() => unsafe {
                compute::<kernels::EmulatedAvx512>(&job, add, prefetcher)
            },
            // SAFETY: as above.
            #[cfg(feature = "emulate")]
            SimdLevel::Avx2 if is_emulated() => unsafe {
                compute::<kernels::EmulatedAvx2>(&job, add, prefetcher)
            },
            // SAFETY: the CPU has the level's instructions, and every access was just checked.
            #[cfg(all(target_arch = "x86_64", not(portable_only)))]
            SimdLevel::Avx512 | SimdLevel::Amx => unsafe {
                compute::<kernels::Avx512>(&job, add, prefetcher)
            },
            // SAFETY: as above.
            #[cfg(all(target_arch = "x86_64", not(portable_only)))]
            SimdLevel::Avx2 => unsafe { compute::<kernels::Avx2>(&job, add, prefetcher) },
            // SAFETY: as above; every CPU has these instructions.
            _ => unsafe { compute::<kernels::Portable>(&job, add, prefetcher) },
        }
    }

    /// Refuses sums that reach outside of a slice.
    fn check(&self, rows: Rows, a: usize, b: usize, out: usize) {
        let far = |run: usize, step: usize| (self.runs.max(1) - 1) * run + (self.len.max(1) - 1) * step;
        let (farthest_a, farthest_b) =
            (far(self.a_run, self.a_step) + self.group - 1, far(self.b_run, self.b_step));
        let side_by_side = self.runs == 1 && self.a_step == 1 && self.group == 1;
        assert!(!self.small_n || side_by_side, "registers hold terms that are not side by side");
        let some = self.runs * self.len > 0;
        let last_row = rows.farthest();
        let last_column = (self.columns - 1) * self.b_column;
        assert!(!some || farthest_a + last_row.a < a, "a row reaches outside of the first operand");
        assert!(!some || farthest_b + last_column < b, "a run reaches outside of the second operand");
        assert!(last_row.out + self.columns <= out, "a row reaches outside of the result");
    }

    /// Whether the numbers of `b` are copied together before they are used, for a block whose last register has so many
    /// columns; where they are read as they are, it is faster not to.
    fn is_packed(&self, lanes: usize, last: usize) -> bool {
        self.b_column != 1
            || self.b_step.is_multiple_of(SAME_PLACE)
            || !self.columns.is_multiple_of(lanes) && self.group > 1
            || last < lanes && lanes < MASKED
    }

    /// How many terms a pass takes if `most` fill the cache: about the same number in every pass. It depends on nothing
    /// else, so that a row of the result has the same bits whatever other rows and columns there are.
    fn terms(&self, most: usize) -> usize {
        let all = self.runs * self.len;
        all.div_ceil(all.div_ceil(most).max(1)).next_multiple_of(16).min(most)
    }
}

/// Everything that a pass needs, bounds checked.
struct GemmArgs<'a> {
    sums: &'a GemmSpec,
    rows: Rows,
    a: *const f32,
    b: *const f32,
    out: *mut f32,
}

/// How the columns are cut: into blocks of as equal a number of registers as can be, at most `most`.
fn column_blocks(columns: usize, lanes: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let registers = columns.div_ceil(lanes);
    let blocks = registers.div_ceil(most);
    (0..blocks).map(move |i| (i * registers / blocks, (i + 1) * registers / blocks))
}

/// Computes a job with the kernels of one instruction set.
///
/// # Safety
/// The CPU has the instructions, and all accesses of the job are inside.
unsafe fn compute<K: Kernels>(job: &GemmArgs, add: bool, prefetcher: &mut Prefetcher) {
    let sums = job.sums;
    let most_terms = CACHED / (K::MOST * K::LANES);
    assert!(most_terms <= skip_zeros::MOST, "a pass has more terms than there are bits");
    let terms = sums.terms(most_terms);
    prefetcher.spread(|| {
        let passes = (sums.runs * sums.len).div_ceil(terms.max(1));
        let tiles = |(first, end): (usize, usize)| {
            job.rows.count.div_ceil(K::tiles(end - first, sums.group).large.rows)
        };
        passes.max(sums.runs) * column_blocks(sums.columns, K::LANES, K::MOST).map(tiles).sum::<usize>()
    });
    let mut panel = PackedB::new();
    // SAFETY: by this function's contract.
    let mut zeros = unsafe { Zeros::find::<K>(job, terms) };
    for (first, end) in column_blocks(sums.columns, K::LANES, K::MOST) {
        let tiles = K::tiles(end - first, sums.group);
        let (width, column) = ((end - first) * K::LANES, first * K::LANES);
        let columns = width.min(sums.columns - column);
        let last = columns - (width - K::LANES);
        let mut pass = KBlock::new(sums);
        let (mut add, mut number) = (add, 0);
        // Also when there is nothing to add up: the result is 0 then.
        while pass.advance(terms) || !add {
            // SAFETY: by this function's contract; a pass has no more terms than fit into the panel.
            unsafe {
                let mut b = job.b.add(column * sums.b_column);
                let (mut step, mut loaded) = (sums.b_step, last);
                if sums.is_packed(K::LANES, last) {
                    K::pack(&mut panel, &mut pass, b, columns, width);
                    (b, step, loaded) = (panel.numbers(), width, K::LANES);
                }
                zeros.begin(number);
                let block = MicroTile { job, runs: pass.runs(), column, last, loaded, b, step, add };
                compute_rows(&block, &tiles, &mut zeros, prefetcher);
            }
            (add, number) = (true, number + 1);
        }
    }
}

/// All rows of a block: large tiles, then small ones.
///
/// # Safety
/// As for [`compute`].
unsafe fn compute_rows(block: &MicroTile, tiles: &Tiles, zeros: &mut Zeros, prefetcher: &mut Prefetcher) {
    let rows = &block.job.rows;
    let (mut left, mut line, mut place) = (rows.count, 0, 0);
    let mut of_tile = [Row::default(); ROWS];
    while left > 0 {
        let tile = if left <= tiles.small.rows { tiles.small } else { tiles.large };
        rows.tile([line, place], &mut of_tile[..tile.rows]);
        // SAFETY: by this function's contract; there is a row here.
        unsafe { (tile.compute)(block, &of_tile, left, zeros, prefetcher) };
        left = left.saturating_sub(tile.rows);
        place += tile.rows;
        while place >= rows.width {
            (line, place) = (line + 1, place - rows.width);
        }
    }
}

#[cfg(test)]
mod tests;
