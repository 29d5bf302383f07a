//! Sums of products on the matrix unit, of numbers cut into parts.
//!
//! The unit multiplies numbers of eight bits (`bf16`, with the exponents of `f32`) and adds them up in `f32`, sixteen times
//! as fast as registers of `f32` do. An `f32` has 24 bits: it is the sum of three such parts, exactly, and nearly that of two.
//! Of the products of parts only those are computed that are not too small to count:
//!
//! - with three parts the six largest of nine; what is left out is below `2⁻²¹` of a product, hardly more than rounding;
//! - with two parts the three largest of four; what is left out is below `2⁻¹⁵` of a product, too much as often as too
//!   little.
//!
//! The way is that of Henry, Tang and Heinecke, *Leveraging the bfloat16 artificial intelligence datatype for
//! higher-precision computations* (2019).
//!
//! An infinity has no such parts. So sums that come out infinite or NaN are the caller's to compute in another way. Parts and
//! products below `10⁻³⁸` count as 0. Beside numbers and sums of `2⁻⁸⁰` that is nothing; where there are none, the caller
//! computes the result in another way too (`seen.rs`).
//!
//! A tile of the left operand is 16 rows of 32 neighbouring numbers, wherever they are, if only the rows are evenly spaced: the
//! windows of an image are read where they lie.

mod finished;
mod numbers;
mod panels;
mod seen;
pub(crate) mod unit;

pub(crate) use numbers::Split;
pub(crate) use panels::{NOTHING, Panels};
pub(crate) use seen::{Seen, Watch};

use super::Rows;
#[cfg(any(feature = "emulate", not(all(target_arch = "x86_64", not(portable_only)))))]
use crate::runtime::simd::is_emulated;
use finished::{Finished, Total};
use std::ops::Range;
use unit::{Extent, LINE, MatrixUnit, ROWS, Tiles};

/// How many parts a number is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    Two,
    Three,
}

impl Parts {
    fn count(self) -> usize {
        match self {
            Parts::Two => 2,
            Parts::Three => 3,
        }
    }
}

/// Terms that are added up at once.
pub(crate) const STEP: usize = LINE / size_of::<u16>();
/// Rows, and columns, of two tiles.
pub(crate) const BLOCK: usize = 2 * ROWS;

/// The rows of a result, and where their numbers are in the left operand. In that all places of all lines are evenly spaced,
/// and a line has `pitch` of them; the first `width` are rows of the result.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) lines: usize,
    pub(crate) width: usize,
    pub(crate) pitch: usize,
    /// Where the first row's numbers begin in the left operand, and how far on the next one's do.
    pub(crate) a: [usize; 2],
    /// Where the first row is in the result, and how far on the next line, and the next row of the line.
    pub(crate) out: [usize; 3],
    /// Computes no single tiles of rows, even if there are no more: so a row has the same bits however many there are.
    pub(crate) whole: bool,
}

impl Grid {
    /// The rows of a matrix.
    pub(crate) fn of_matrix(rows: usize, a: usize, out: usize) -> Grid {
        Grid { lines: 1, width: rows, pitch: rows, a: [0, a], out: [0, 0, out], whole: false }
    }

    /// Rows whose lines are a multiple of their distance apart.
    pub(crate) fn of_lines(&Rows { count, width, a: [first, line, place], out }: &Rows) -> Grid {
        assert!(line % place == 0 && count % width == 0, "places that are not evenly spaced");
        Grid { lines: count / width, width, pitch: line / place, a: [first, place], out, whole: false }
    }

    /// Places up to the last row's.
    fn places(&self) -> usize {
        (self.lines.max(1) - 1) * self.pitch + self.width
    }

    /// How many numbers behind the left operand's last term are read.
    pub(crate) fn slack(&self) -> usize {
        BLOCK * self.a[1] + STEP
    }
}

/// Where the terms are in the left operand: in each run `len` of them side by side, and the runs where these say, counted
/// from where the row's numbers begin.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) len: usize,
    pub(crate) runs: &'a [usize],
}

impl Terms<'_> {
    /// As those of a phase that no entry of a kernel meets.
    fn is_empty(&self) -> bool {
        self.len == 0 || self.runs.is_empty()
    }

    fn steps_of_run(&self) -> usize {
        self.len.div_ceil(STEP)
    }

    /// Lines that a run has in panels.
    pub(crate) fn lines_of_run(&self) -> usize {
        self.steps_of_run() * ROWS
    }
}

/// The result's rows, and what they are multiplied with.
pub(crate) struct Product<'a> {
    pub(crate) grid: Grid,
    pub(crate) terms: Terms<'a>,
    pub(crate) a: &'a Split,
    pub(crate) b: &'a Panels,
    /// Where in the panels the first run's lines begin, and how far on the next run's do.
    pub(crate) lines: [usize; 2],
}

impl Product<'_> {
    /// Computes these columns, of which the first is a multiple of [`BLOCK`]; adds to what is in `out` if `add`. Returns what
    /// there is to be seen of the sums.
    ///
    /// # Panics
    /// If a row, a run or a column reaches outside.
    pub(crate) fn compute(&self, columns: Range<usize>, out: &mut [f32], add: bool) -> Seen {
        // SAFETY: `out` is borrowed mutably.
        unsafe { self.compute_raw(columns, out.as_mut_ptr(), out.len(), add) }
    }

    /// As [`compute`](Product::compute), for a result that several threads write different parts of.
    ///
    /// # Safety
    /// `out` is good for reading and writing `len` elements, and nobody else touches these columns of the rows meanwhile.
    pub(crate) unsafe fn compute_raw(
        &self,
        columns: Range<usize>,
        out: *mut f32,
        len: usize,
        add: bool,
    ) -> Seen {
        let &Product { grid, terms, a, b, lines: [line, apart] } = self;
        if grid.lines * grid.width == 0 || columns.is_empty() {
            return Seen::default();
        }
        // Without terms nothing is read, and the result is 0.
        if !terms.is_empty() {
            let far = terms.runs.iter().max().map_or(0, |run| run + terms.steps_of_run() * STEP);
            let last = grid.a[0] + grid.places().next_multiple_of(BLOCK) * grid.a[1];
            assert!(last + far <= a.len() + grid.a[1], "a row reaches outside of the first operand");
            let end = line + (terms.runs.len() - 1) * apart + terms.lines_of_run();
            assert!(end <= b.lines(), "a run reaches outside of the second operand");
        }
        let last = grid.out[0] + (grid.lines - 1) * grid.out[1] + (grid.width - 1) * grid.out[2];
        assert!(last + columns.end <= len, "a row reaches outside of the result");
        assert!(columns.end <= b.columns() && columns.start.is_multiple_of(BLOCK), "no such columns");
        assert!(a.parts == b.parts(), "the operands have different parts");
        // Another architecture has no unit, and never comes here unless that is emulated.
        #[cfg(any(feature = "emulate", not(all(target_arch = "x86_64", not(portable_only)))))]
        if cfg!(not(all(target_arch = "x86_64", not(portable_only)))) || is_emulated() {
            // SAFETY: any CPU can emulate the unit, and all is inside, as was just checked.
            return unsafe {
                match a.parts {
                    Parts::Two => self.blocks::<unit::Emulated, 2>(columns, out, add),
                    Parts::Three => self.blocks::<unit::Emulated, 3>(columns, out, add),
                }
            };
        }
        // SAFETY: the level says that the CPU has the instructions, and all is inside, as was just checked.
        #[cfg(all(target_arch = "x86_64", not(portable_only)))]
        return unsafe {
            match a.parts {
                Parts::Two => self.native_blocks::<2>(columns, out, add),
                Parts::Three => self.native_blocks::<3>(columns, out, add),
            }
        };
        #[cfg(not(all(target_arch = "x86_64", not(portable_only))))]
        unreachable!("the unit is emulated")
    }

    /// # Safety
    /// The CPU has the instructions, and all terms and sums are inside.
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn native_blocks<const P: usize>(&self, columns: Range<usize>, out: *mut f32, add: bool) -> Seen {
        // SAFETY: by this function's contract.
        unsafe { self.blocks::<unit::Amx, P>(columns, out, add) }
    }

    /// # Safety
    /// The unit is available, and all terms and sums are inside.
    #[inline(always)]
    unsafe fn blocks<U: MatrixUnit, const P: usize>(
        &self,
        columns: Range<usize>,
        out: *mut f32,
        add: bool,
    ) -> Seen {
        // A block is written while the unit is at the next one.
        let mut totals = [const { Total::uninit() }; 2];
        let mut totals = totals.each_mut().map(Total::as_mut_ptr);
        let mut done: Option<Finished> = None;
        let mut seen = Seen::default();
        // SAFETY: by this function's contract.
        unsafe {
            let mut unit = U::new();
            for column in columns.clone().step_by(BLOCK) {
                for place in (0..self.grid.places()).step_by(BLOCK) {
                    let count = BLOCK.min(columns.end - column);
                    let tall = self.grid.whole || self.grid.places() - place > ROWS;
                    let extent = Extent { tall, wide: count > ROWS };
                    self.block::<U, P>(&mut unit, extent, place, column);
                    if let Some(done) = done {
                        seen = seen | done.write::<U>(&self.grid, add);
                    }
                    unit.store(totals[0], BLOCK * size_of::<f32>());
                    let out = out.wrapping_add(column);
                    done = Some(Finished { total: totals[0], extent, place, columns: count, out });
                    totals.swap(0, 1);
                }
            }
            if let Some(done) = done {
                seen = seen | done.write::<U>(&self.grid, add);
            }
        }
        Seen { loud: seen.loud && self.a.loud && self.b.loud, ..seen }
    }

    /// # Safety
    /// All terms are inside.
    #[inline(always)]
    unsafe fn block<U: MatrixUnit, const P: usize>(
        &self,
        unit: &mut U,
        extent: Extent,
        place: usize,
        column: usize,
    ) {
        let row = size_of::<u16>() * self.grid.a[1];
        let first = self.a.bits().wrapping_add(self.grid.a[0] + place * self.grid.a[1]).cast::<u8>();
        unit.clear();
        let mut odd = false;
        for (i, run) in self.terms.runs.iter().enumerate() {
            let line = self.lines[0] + i * self.lines[1];
            let tiles = [column, column + ROWS].map(|column| self.b.tiles(column, line));
            let mut right = Tiles { first: tiles, row: LINE, part: self.b.part() };
            let from = first.wrapping_add(size_of::<u16>() * run);
            let first = [from, from.wrapping_add(ROWS * row)];
            let mut left = Tiles { first, row, part: size_of::<u16>() * self.a.part };
            for _ in 0..self.terms.steps_of_run() {
                // SAFETY: by this function's contract.
                unsafe { unit.multiply::<P>(extent, odd, left, right) };
                left.first = left.first.map(|tile| tile.wrapping_add(LINE));
                right.first = right.first.map(|tile| tile.wrapping_add(LINE * ROWS));
                odd = !odd;
            }
        }
    }
}

#[cfg(test)]
mod tests;
