//! Tiles of the result, computed in registers.

use super::packing::KRun;
use super::prefetch::Prefetcher;
use super::rows::Row;
use super::skip_zeros::{Stretch, Zeros};
use super::{GemmArgs, MASKED};
use crate::runtime::lanes::{LINE, Lanes, opaque, prefetch, unrolled};

/// Rows of a matrix that are farther apart than this are not together in the cache.
const FAR: usize = 4 * LINE;

/// Terms spread over so many numbers are not in the cache.
const SPREAD: usize = 1 << 18;

/// Rows of the largest tile.
pub(super) const ROWS: usize = 12;

/// Computes one tile: these rows, of which `left` are there, for one pass of a block.
pub(super) type Compute = unsafe fn(
    block: &MicroTile,
    rows: &[Row; ROWS],
    left: usize,
    zeros: &mut Zeros,
    prefetcher: &mut Prefetcher,
);

/// A size of tile.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) rows: usize,
    pub(super) compute: Compute,
}

/// The tiles for a number of registers of columns: as many rows as keep all sums in registers, and fewer for the rows
/// that are left over.
pub(super) struct Tiles {
    pub(super) large: Tile,
    pub(super) small: Tile,
}

/// One pass over some registers of columns, and the numbers of `b` for them.
pub(super) struct MicroTile<'a> {
    pub(super) job: &'a GemmArgs<'a>,
    /// The terms of the pass.
    pub(super) runs: &'a [KRun],
    /// The first column.
    pub(super) column: usize,
    /// Columns in the last register.
    pub(super) last: usize,
    /// Numbers of the last register that `b` has: those columns, or with zeros behind them a whole register.
    pub(super) loaded: usize,
    pub(super) b: *const f32,
    /// How far on in `b` the next term is.
    pub(super) step: usize,
    pub(super) add: bool,
}

impl MicroTile<'_> {
    /// What to prefetch during the run's terms, if the hardware would not guess it: where the first line is, how far on the
    /// next term's is, and after [`LINE`] terms the next first one.
    #[inline(always)]
    fn prefetched(&self, run: &KRun, rows: &[Row; ROWS], [tile, left]: [usize; 2]) -> Option<[usize; 3]> {
        let GemmArgs { sums, rows: all, .. } = self.job;
        let (row, first) = (all.a[2], rows[0].a + run.a);
        if sums.a_step == 1 && row >= FAR {
            // The next tile's rows. After the last tile the first one begins anew, with the terms that follow.
            let next = if left > tile { first + tile * row } else { all.a[0] + run.a + run.len };
            Some([next, row, LINE])
        } else if row == 1 && sums.a_step >= FAR && sums.len * sums.a_step >= SPREAD {
            // Of a transposed matrix every term is in a line of its own.
            Some([first + 2 * LINE, sums.a_step, LINE * sums.a_step])
        } else {
            None
        }
    }
}

/// One tile: up to `R` of the `left` rows; for those that are missing the last one is computed again, and not stored.
///
/// # Safety
/// The CPU has the instructions, all accesses of the job are inside, and there is a row.
#[inline(always)]
pub(super) unsafe fn compute<L: Lanes, const R: usize, const V: usize, const G: usize>(
    block: &MicroTile,
    rows: &[Row; ROWS],
    left: usize,
    zeros: &mut Zeros,
    prefetcher: &mut Prefetcher,
) {
    let &MicroTile {
        job: &GemmArgs { sums, rows: ref all, a, out, .. },
        column,
        last,
        loaded,
        b,
        step,
        add,
        ..
    } = block;
    // SAFETY: `a`, `b` and `out` are good at every offset formed here, which was checked when the job was made; the last
    // register touches its `loaded` and `last` columns only.
    unsafe {
        let mut first = [a; R];
        for r in 0..R {
            first[r] = a.add(rows[r].a);
        }
        let mut sum = Sum::<L, R, V> {
            a: first,
            at: 0,
            a_step: sums.a_step,
            b,
            b_step: step,
            loaded: L::mask(0..loaded),
            total: [[L::splat(0.0); V]; R],
        };
        for run in block.runs {
            prefetcher.fetch();
            (sum.at, sum.b) = (run.a, b.add(run.b));
            let mut terms = run.len;
            if const { G == 1 } {
                let (count, columns) = (left.min(R), (V - 1) * L::N + loaded);
                let b_terms = (b.add(run.b), Stretch { count: run.len, step }, columns);
                let few = zeros.terms([all.count - left, count], b_terms);
                if let Some(few) = few {
                    few.for_each(
                        #[inline(always)]
                        |t| {
                            (sum.at, sum.b) = (run.a + t * sums.a_step, b.add(run.b + t * step));
                            sum.term::<G>();
                        },
                    );
                    terms = 0;
                }
                if let Some([next, apart, jump]) = block.prefetched(run, rows, [R, left]) {
                    let mut next = a.wrapping_add(next);
                    while terms >= LINE {
                        let mut line = next;
                        for _ in 0..LINE {
                            sum.term::<G>();
                            prefetch(line);
                            line = line.wrapping_add(apart);
                        }
                        next = next.wrapping_add(jump);
                        terms -= LINE;
                    }
                }
            }
            for _ in 0..terms {
                sum.term::<G>();
            }
        }
        let (zero, whole, stored) = (L::splat(0.0), L::mask(0..L::N), L::mask(0..last));
        let none = L::mask(0..0);
        let (whole_before, stored_before) = if add { (whole, stored) } else { (none, none) };
        unrolled!(r < R, {
            if r < left {
                let to = out.add(rows[r].out + column);
                unrolled!(v < V, {
                    // With zeros left out or not: no -0 is left.
                    let total = sum.total[r][v].add_product(zero, zero);
                    let (n, mask, before) = match v + 1 < V {
                        true => (L::N, whole, whole_before),
                        false => (last, stored, stored_before),
                    };
                    total.add_into(to.add(v * L::N), n, mask, before);
                });
            }
        });
    }
}

/// The sums of a tile, and where their next term is.
struct Sum<L: Lanes, const R: usize, const V: usize> {
    a: [*const f32; R],
    /// How far on from these the next numbers are.
    at: usize,
    a_step: usize,
    b: *const f32,
    b_step: usize,
    /// The lanes of the last register that there are.
    loaded: L::Mask,
    total: [[L; V]; R],
}

impl<L: Lanes, const R: usize, const V: usize> Sum<L, R, V> {
    /// Adds a term.
    ///
    /// # Safety
    /// The CPU has the instructions, and both operands have this term.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]
    unsafe fn term<const G: usize>(&mut self) {
        // SAFETY: by this function's contract.
        unsafe {
            let mut columns = [L::splat(0.0); V];
            for v in 0..V {
                let from = self.b.add(v * L::N);
                let is_whole = v + 1 < V || L::N < MASKED;
                columns[v] = if is_whole { L::load(from) } else { L::load_masked(from, self.loaded) };
            }
            for r in 0..R {
                let x = L::repeat::<G>(self.a[r].add(self.at));
                for v in 0..V {
                    self.total[r][v] = self.total[r][v].add_product(x, columns[v]);
                }
                // A second register for numbers of `a` would be one too many.
                if const { R * V + V + 2 > L::REGISTERS } {
                    (self.total[r][V - 1], self.at) = self.total[r][V - 1].fence(self.at);
                }
            }
        }
        self.at = opaque(self.at + self.a_step);
        self.b = self.b.wrapping_add(self.b_step);
    }
}
