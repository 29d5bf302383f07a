//! Tiles of the result, computed in registers.

use super::Job;
use super::ahead::Ahead;
use super::pass::Run;
use super::rows::Rows;
use super::zeros::{Search, are_finite};
use crate::lanes::{LINE, Lanes, opaque, prefetch};

/// Rows of a matrix that are farther apart than this are not together in the cache.
const FAR: usize = 4 * LINE;

/// Terms spread over so many numbers are not in the cache.
const SPREAD: usize = 1 << 18;

/// Some registers of columns, and the numbers of `b` for them.
pub(super) struct Block<'a> {
    pub(super) job: &'a Job<'a>,
    /// The first column.
    pub(super) column: usize,
    /// Columns in the last register.
    pub(super) last: usize,
    pub(super) b: *const f32,
    /// How far on in `b` the next term is.
    pub(super) step: usize,
    pub(super) add: bool,
}

impl Block<'_> {
    /// [`rows`](Block::rows) for groups of any size, when all loads of `b` are whole.
    ///
    /// # Safety
    /// As for [`rows`](Block::rows).
    #[inline(always)]
    pub(super) unsafe fn whole_rows<L: Lanes, const R: usize, const H: usize, const V: usize>(
        &self,
        runs: &[Run],
        search: &mut Search,
        ahead: &mut Ahead,
    ) {
        // SAFETY: by this function's contract.
        unsafe {
            match self.job.sums.group {
                1 => self.rows::<L, R, H, V, 1, true>(runs, search, ahead),
                2 => self.rows::<L, R, H, V, 2, true>(runs, search, ahead),
                4 => self.rows::<L, R, H, V, 4, true>(runs, search, ahead),
                8 if L::N >= 8 => self.rows::<L, R, H, V, 8, true>(runs, search, ahead),
                other => unreachable!("groups of {other} in registers of {}", L::N),
            }
        }
    }

    /// All rows of this block for one pass: tiles of `R` rows, then of `H`. If the loads of `b` are not `WHOLE`, the last
    /// register has `last` columns only.
    ///
    /// # Safety
    /// The CPU has the instructions, and all accesses of the job are inside.
    #[inline(always)]
    pub(super) unsafe fn rows<
        L: Lanes,
        const R: usize,
        const H: usize,
        const V: usize,
        const G: usize,
        const WHOLE: bool,
    >(
        &self,
        runs: &[Run],
        search: &mut Search,
        ahead: &mut Ahead,
    ) {
        let Rows { count, width, .. } = self.job.rows;
        let (mut left, mut line, mut place) = (count, 0, 0);
        while left > 0 {
            let small = left <= H;
            // SAFETY: by this function's contract; there is a row here.
            unsafe {
                if small {
                    self.tile::<L, H, V, G, WHOLE>([line, place], left, runs, search, ahead);
                } else {
                    self.tile::<L, R, V, G, WHOLE>([line, place], left, runs, search, ahead);
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
    /// The CPU has the instructions, and all accesses of the job are inside, and there is a row `first`.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize, const G: usize, const WHOLE: bool>(
        &self,
        first: [usize; 2],
        left: usize,
        runs: &[Run],
        search: &mut Search,
        ahead: &mut Ahead,
    ) {
        let &Block { job: &Job { sums, rows, a, out, .. }, column, last, b, step, add } = self;
        let tile = rows.tile::<R>(first);
        let fetches = G == 1 && sums.a_step == 1 && rows.a[2] >= FAR;
        let fetches_columns =
            G == 1 && rows.a[2] == 1 && sums.a_step >= FAR && sums.len * sums.a_step >= SPREAD;
        // SAFETY: `a`, `b` and `out` are good at every offset formed here, which was checked when the job was made; the
        // last register of a block that is not whole touches its first `last` columns only.
        unsafe {
            let mut sum = Sum::<L, R, V> {
                a: tile.map(|row| a.add(row.a)),
                at: 0,
                a_step: sums.a_step,
                b,
                b_step: step,
                last,
                total: [[L::splat(0.0); V]; R],
            };
            for run in runs {
                ahead.fetch();
                (sum.at, sum.b) = (run.a, b.add(run.b));
                let mut terms = run.len;
                if G == 1 {
                    let (a, rows) = (a.add(tile[0].a + run.a), [left.min(R), rows.a[2]]);
                    let finite = || are_finite::<L, V>(b, run, step, last);
                    if let Some(few) = search.terms::<L, R>(a, rows, [terms, sums.a_step], finite) {
                        few.for_each(|t| {
                            (sum.at, sum.b) = (run.a + t * sums.a_step, b.add(run.b + t * step));
                            sum.term::<G, WHOLE>();
                        });
                        terms = 0;
                    }
                }
                if fetches {
                    // The next tile's numbers come to the cache meanwhile: so far apart, nobody else would guess them. After the
                    // last tile the first one begins anew, with the terms that follow.
                    let next = if left > R { tile[0].a + R * rows.a[2] } else { rows.a[0] + run.len };
                    let mut next = a.wrapping_add(next + run.a);
                    while terms >= LINE {
                        let mut line = next;
                        for _ in 0..LINE / 2 {
                            sum.term::<G, WHOLE>();
                            sum.term::<G, WHOLE>();
                            prefetch(line);
                            line = line.wrapping_add(rows.a[2]);
                        }
                        next = next.wrapping_add(LINE);
                        terms -= LINE;
                    }
                }
                if fetches_columns {
                    // Of a matrix turned over every term is in a line of its own, so far from the last that nobody would guess the next.
                    let mut next = a.wrapping_add(tile[0].a + run.a + 2 * LINE);
                    for _ in 0..terms {
                        sum.term::<G, WHOLE>();
                        prefetch(next);
                        next = next.wrapping_add(sums.a_step);
                    }
                    terms = 0;
                }
                for _ in 0..terms {
                    sum.term::<G, WHOLE>();
                }
            }
            let (zero, one) = (L::splat(0.0), L::splat(1.0));
            for (r, total) in sum.total.into_iter().enumerate() {
                if r >= left {
                    break;
                }
                let to = out.add(tile[r].out + column);
                for (v, total) in total.into_iter().enumerate() {
                    let to = to.add(v * L::N);
                    // With zeros left out or not: no -0 is left.
                    let total = total.add_product(zero, zero);
                    if v + 1 < V || last == L::N {
                        let x = if add { L::load(to).add_product(total, one) } else { total };
                        x.store(to);
                    } else {
                        let before = if add { L::load_first(to, last) } else { zero };
                        before.add_product(total, one).store_first(to, last);
                    }
                }
            }
        }
    }
}

/// The sums of a tile, and where their next term is.
struct Sum<L, const R: usize, const V: usize> {
    a: [*const f32; R],
    /// How far on from these the next numbers are.
    at: usize,
    a_step: usize,
    b: *const f32,
    b_step: usize,
    last: usize,
    total: [[L; V]; R],
}

impl<L: Lanes, const R: usize, const V: usize> Sum<L, R, V> {
    /// Adds a term.
    ///
    /// # Safety
    /// The CPU has the instructions, and both operands have this term.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]
    unsafe fn term<const G: usize, const WHOLE: bool>(&mut self) {
        // SAFETY: by this function's contract.
        unsafe {
            let mut columns = [L::splat(0.0); V];
            for v in 0..V {
                let from = self.b.add(v * L::N);
                columns[v] = if WHOLE || v + 1 < V { L::load(from) } else { L::load_first(from, self.last) };
            }
            for r in 0..R {
                let x = L::repeat::<G>(self.a[r].add(self.at));
                for v in 0..V {
                    self.total[r][v] = self.total[r][v].add_product(x, columns[v]);
                }
            }
        }
        self.at = opaque(self.at + self.a_step);
        self.b = self.b.wrapping_add(self.b_step);
    }
}
