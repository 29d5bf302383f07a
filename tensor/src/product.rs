//! Sums of products of `f32` in tiles that stay in registers: what the matrix product and all passes of convolution are
//! made of.
//!
//! A tile is a few rows of the result by a few registers of neighbouring columns. For each step of the sum the kernel
//! loads those columns of `b` once, and multiplies them by one number of `a` for each row. Only `b` and the result need
//! neighbouring columns; where the numbers of `a` come from is free, so that a window sliding over an image is as good
//! as the row of a matrix, and no matrix of windows has to be written out.

use crate::lanes::{Lanes, opaque};
use crate::simd::{Level, simd_level};
use crate::transpose::transpose_into;
use std::mem::MaybeUninit;

/// A part of the sum whose terms are evenly spaced in both operands.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Number of terms.
    len: usize,
    /// Where the first number is in `a`, counted from the row's beginning.
    a: usize,
    /// Where the first row is in `b`.
    b: usize,
}

/// Where a row of the result begins: in `a`, and in the result.
#[derive(Clone, Copy)]
struct Row {
    a: usize,
    out: usize,
}

/// The rows of the result, line after line of a grid: the pixels of an image, or just the rows of a matrix in one line.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// How many there are.
    pub(crate) count: usize,
    /// How many in a line.
    pub(crate) width: usize,
    /// Where in `a` the first begins, and how far on the next line and the next in a line do.
    pub(crate) a: [usize; 3],
    /// The same in the result.
    pub(crate) out: [usize; 3],
}

impl Rows {
    /// The rows of a matrix, so far apart.
    pub(crate) fn of_matrix(count: usize, a: usize, out: usize) -> Rows {
        Rows { count, width: count.max(1), a: [0, 0, a], out: [0, 0, out] }
    }

    #[inline(always)]
    fn at(&self, line: usize, place: usize) -> Row {
        let of = |[first, by_line, by_place]: [usize; 3]| first + line * by_line + place * by_place;
        Row { a: of(self.a), out: of(self.out) }
    }

    /// `R` rows from place `place` of line `line` on; the last one again for those that are missing.
    #[inline(always)]
    fn tile<const R: usize>(&self, [line, place]: [usize; 2]) -> [Row; R] {
        let mut row = self.at(line, place);
        // As nearly always: all in one line.
        if place + R <= self.width && line * self.width + place + R <= self.count {
            return std::array::from_fn(|r| Row { a: row.a + r * self.a[2], out: row.out + r * self.out[2] });
        }
        let (mut line, mut place) = (line, place);
        let mut tile = [row; R];
        for to in &mut tile[1..] {
            if line * self.width + place + 1 < self.count {
                place += 1;
                if place == self.width {
                    (line, place) = (line + 1, 0);
                }
                row = self.at(line, place);
            }
            *to = row;
        }
        tile
    }

    /// The farthest beginnings: that of the last row, or of the last in the line before.
    fn farthest(&self) -> Row {
        let last = self.count.max(1) - 1;
        let (line, place) = (last / self.width, last % self.width);
        let end = self.at(line, place);
        let before = if line > 0 { self.at(line - 1, self.width - 1) } else { end };
        Row { a: end.a.max(before.a), out: end.out.max(before.out) }
    }
}

/// `out[row.out + c] = Σ r < runs, Σ i < len: a[row.a + r·a_run + i·a_step] · b[r·b_run + i·b_step + c·b_column]` for each row
/// and each column `c < columns`.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) runs: usize,
    pub(crate) len: usize,
    pub(crate) a_run: usize,
    pub(crate) a_step: usize,
    pub(crate) b_run: usize,
    pub(crate) b_step: usize,
    pub(crate) b_column: usize,
    pub(crate) columns: usize,
}

/// Numbers of `b` that are used for many tiles before the next: they are to stay in the first-level cache.
const CACHED: usize = 6 << 10;

/// Strides of `b` that are multiples of this bring all its rows to the same few places of the first-level cache.
const SAME_PLACE: usize = 1 << 10;

/// Runs of one pass at most.
const RUNS: usize = 32;

impl Sums {
    /// Computes the rows; adds to what is in `out` if `add`.
    ///
    /// # Panics
    /// If a row, a run or a column reaches outside its slice.
    pub(crate) fn compute(&self, rows: Rows, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        // SAFETY: `out` is borrowed mutably.
        unsafe { self.compute_raw(rows, a, b, out.as_mut_ptr(), out.len(), add) }
    }

    /// As [`compute`](Sums::compute), for a result that several threads write different parts of.
    ///
    /// # Safety
    /// `out` is good for reading and writing `len` elements, and nobody else touches the columns of these rows meanwhile.
    pub(crate) unsafe fn compute_raw(
        &self,
        rows: Rows,
        a: &[f32],
        b: &[f32],
        out: *mut f32,
        len: usize,
        add: bool,
    ) {
        if rows.count == 0 || self.columns == 0 {
            return;
        }
        self.check(rows, a.len(), b.len(), len);
        let job = Job { sums: self, rows, a: a.as_ptr(), b: b.as_ptr(), out };
        match simd_level() {
            // SAFETY: the CPU has the level's instructions, and every access was just checked.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512(&job, add) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2(&job, add) },
            // SAFETY: as above; every CPU has these instructions.
            _ => unsafe { portable(&job, add) },
        }
    }

    /// Refuses sums that reach outside of a slice.
    fn check(&self, rows: Rows, a: usize, b: usize, out: usize) {
        let far = |run: usize, step: usize| (self.runs.max(1) - 1) * run + (self.len.max(1) - 1) * step;
        let (farthest_a, farthest_b) = (far(self.a_run, self.a_step), far(self.b_run, self.b_step));
        let some = self.runs * self.len > 0;
        let last_row = rows.farthest();
        let last_column = (self.columns - 1) * self.b_column;
        assert!(!some || farthest_a + last_row.a < a, "a row reaches outside of the first operand");
        assert!(!some || farthest_b + last_column < b, "a run reaches outside of the second operand");
        assert!(last_row.out + self.columns <= out, "a row reaches outside of the result");
    }

    /// Whether the numbers of `b` are copied together before they are used; where they are read as they are, it is faster
    /// not to.
    fn is_packed(&self) -> bool {
        self.b_column != 1 || self.b_step.is_multiple_of(SAME_PLACE)
    }

    /// How many terms a pass takes if `most` fill the cache: about the same number in every pass. It depends on nothing
    /// else, so that a row of the result has the same bits whatever other rows and columns there are.
    fn terms(&self, most: usize) -> usize {
        let all = self.runs * self.len;
        all.div_ceil(all.div_ceil(most).max(1)).max(1)
    }
}

/// Everything that a pass needs, bounds checked.
struct Job<'a> {
    sums: &'a Sums,
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

/// The terms of the sum that are added up next.
struct Pass<'a> {
    sums: &'a Sums,
    /// Runs that are done, and terms of the next one.
    done: [usize; 2],
    runs: [Run; RUNS],
    count: usize,
}

impl<'a> Pass<'a> {
    fn new(sums: &'a Sums) -> Pass<'a> {
        Pass { sums, done: [0; 2], runs: [Run::default(); RUNS], count: 0 }
    }

    /// Goes on to the next terms, so many if there are. Returns whether there are any.
    fn advance(&mut self, terms: usize) -> bool {
        let Sums { a_run, a_step, b_run, b_step, .. } = *self.sums;
        let [run, first] = &mut self.done;
        self.count = 0;
        let mut left = terms;
        while *run < self.sums.runs && self.sums.len > 0 && left > 0 && self.count < RUNS {
            let len = (self.sums.len - *first).min(left);
            self.runs[self.count] =
                Run { len, a: *run * a_run + *first * a_step, b: *run * b_run + *first * b_step };
            self.count += 1;
            left -= len;
            *first += len;
            if *first == self.sums.len {
                (*run, *first) = (*run + 1, 0);
            }
        }
        self.count > 0
    }

    fn runs(&self) -> &[Run] {
        &self.runs[..self.count]
    }
}

/// The numbers of `b` for one pass and one block of columns, one term after the other.
#[repr(align(64))]
struct Panel([MaybeUninit<f32>; CACHED]);

impl Panel {
    /// Copies `columns` numbers, `width` with zeros behind, for every term of the runs, and returns the same runs in the
    /// panel.
    ///
    /// # Safety
    /// The runs are inside `b` for these columns, and their terms times `width` not more than the panel holds.
    #[inline(always)]
    unsafe fn fill<L: Lanes>(&mut self, pass: &mut Pass, b: *const f32, columns: usize, width: usize) {
        let Sums { b_step, b_column, .. } = *pass.sums;
        let mut to = 0;
        for run in &mut pass.runs[..pass.count] {
            let panel = self.0.as_mut_ptr().cast::<f32>();
            // SAFETY: by this function's contract.
            unsafe {
                let from = b.add(run.b);
                if b_column == 1 {
                    for i in 0..run.len {
                        let (row, to) = (from.add(i * b_step), panel.add(to + i * width));
                        for c in (0..width).step_by(L::N) {
                            let x = match columns.saturating_sub(c) {
                                n if n >= L::N => L::load(row.add(c)),
                                n => L::load_first(row.add(c.min(columns)), n),
                            };
                            x.store(to.add(c));
                        }
                    }
                } else {
                    let strides = [b_step, b_column];
                    transpose_into(from, strides, [run.len, columns], panel.add(to), width);
                    for i in 0..run.len {
                        (columns..width).for_each(|c| panel.add(to + i * width + c).write(0.0));
                    }
                }
            }
            run.b = to;
            to += run.len * width;
        }
    }
}

/// Defines a function that computes a job with one kind of registers: for each number of registers that a block of columns
/// may have, the rows of a tile, and of the smaller tiles at the end.
macro_rules! level {
    ($(#[$attribute:meta])* $name:ident, $lanes:ty, $most:literal: $($registers:literal => $rows:literal, $half:literal;)*) => {
        /// # Safety
        /// The CPU has the instructions, and all accesses of the job are inside.
        $(#[$attribute])*
        unsafe fn $name(job: &Job, mut add: bool) {
            let (sums, lanes) = (job.sums, <$lanes>::N);
            let before = add;
            let mut panel = Panel([MaybeUninit::uninit(); CACHED]);
            for (first, end) in column_blocks(sums.columns, lanes, $most) {
                add = before;
                let width = (end - first) * lanes;
                let column = first * lanes;
                let columns = width.min(sums.columns - column);
                let mut pass = Pass::new(sums);
                let terms = sums.terms(CACHED / ($most * lanes));
                // Also when there is nothing to add up: the result is 0 then.
                while pass.advance(terms) || !add {
                    // SAFETY: by this function's contract; a pass has no more terms than fit into the panel.
                    unsafe {
                        let mut b = job.b.add(column * sums.b_column);
                        let (mut step, mut whole) = (sums.b_step, columns == width);
                        if sums.is_packed() {
                            panel.fill::<$lanes>(&mut pass, b, columns, width);
                            (b, step, whole) = (panel.0.as_ptr().cast(), width, true);
                        }
                        let block = Block { job, column, last: columns - (width - lanes), b, step, add };
                        match (end - first, whole) {
                            $(
                                ($registers, true) => block.rows::<$lanes, $rows, $half, $registers, true>(pass.runs()),
                                ($registers, false) => block.rows::<$lanes, $rows, $half, $registers, false>(pass.runs()),
                            )*
                            _ => unreachable!("a block has at most {} registers", $most),
                        }
                    }
                    add = true;
                }
            }
        }
    };
}

// Rows so many that all sums, the registers of `b` and one of `a` just fit.
level!(
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    avx512, std::arch::x86_64::__m512, 4:
    1 => 12, 4;
    2 => 12, 4;
    3 => 8, 4;
    4 => 6, 3;
);
level!(
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    avx2, std::arch::x86_64::__m256, 3:
    1 => 12, 4;
    2 => 6, 3;
    3 => 4, 2;
);
level!(
    portable, [f32; 4], 2:
    1 => 8, 4;
    2 => 4, 2;
);

/// Some registers of columns, and the numbers of `b` for them.
struct Block<'a> {
    job: &'a Job<'a>,
    /// The first column.
    column: usize,
    /// Columns in the last register.
    last: usize,
    b: *const f32,
    /// How far on in `b` the next term is.
    step: usize,
    add: bool,
}

impl Block<'_> {
    /// All rows of this block for one pass: tiles of `R` rows, then of `H`. If the loads of `b` are not `WHOLE`, the last
    /// register has `last` columns only.
    ///
    /// # Safety
    /// As for [`avx512`].
    #[inline(always)]
    unsafe fn rows<L: Lanes, const R: usize, const H: usize, const V: usize, const WHOLE: bool>(
        &self,
        runs: &[Run],
    ) {
        let Rows { count, width, .. } = self.job.rows;
        let (mut left, mut line, mut place) = (count, 0, 0);
        while left > 0 {
            let small = left <= H;
            // SAFETY: by this function's contract; there is a row here.
            unsafe {
                if small {
                    self.tile::<L, H, V, WHOLE>([line, place], left, runs);
                } else {
                    self.tile::<L, R, V, WHOLE>([line, place], left, runs);
                }
            }
            let done = if small { H } else { R };
            left = left.saturating_sub(done);
            place += done;
            while place >= width {
                (line, place) = (line + 1, place - width);
            }
        }
    }

    /// One tile: up to `R` of the `left` rows from `first` on; for those that are missing the last one is computed again, and
    /// not stored.
    ///
    /// # Safety
    /// As for [`avx512`], and there is a row `first`.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        first: [usize; 2],
        left: usize,
        runs: &[Run],
    ) {
        let &Block { job: &Job { sums, rows, a, out, .. }, column, last, b, step, add } = self;
        let tile = rows.tile::<R>(first);
        // SAFETY: `a`, `b` and `out` are good at every offset formed here, which was checked when the job was made; the
        // last register of a block that is not whole touches its first `last` columns only.
        unsafe {
            let a: [*const f32; R] = tile.map(|row| a.add(row.a));
            let mut total = [[L::splat(0.0); V]; R];
            for run in runs {
                let mut at = run.a;
                let mut row = b.add(run.b);
                for _ in 0..run.len {
                    let mut columns = [L::splat(0.0); V];
                    for v in 0..V {
                        let from = row.add(v * L::N);
                        columns[v] =
                            if WHOLE || v + 1 < V { L::load(from) } else { L::load_first(from, last) };
                    }
                    for r in 0..R {
                        let x = L::splat(*a[r].add(at));
                        for v in 0..V {
                            total[r][v] = total[r][v].add_product(x, columns[v]);
                        }
                    }
                    at = opaque(at + sums.a_step);
                    row = row.wrapping_add(step);
                }
            }
            let one = L::splat(1.0);
            for (r, total) in total.into_iter().enumerate() {
                if r >= left {
                    break;
                }
                let to = out.add(tile[r].out + column);
                for v in 0..V {
                    let to = to.add(v * L::N);
                    if v + 1 < V || last == L::N {
                        let x = if add { L::load(to).add_product(total[v], one) } else { total[v] };
                        x.store(to);
                    } else {
                        let before = if add { L::load_first(to, last) } else { L::splat(0.0) };
                        before.add_product(total[v], one).store_first(to, last);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
