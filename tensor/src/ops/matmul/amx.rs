//! The matrix product on the matrix unit, in three parts (see [`amx`](crate::gemm::amx)).

use super::split_k::Operands;
use crate::gemm::GemmSpec;
use crate::gemm::amx::{BLOCK, Grid, Panels, Parts, Product, STEP, Split, Terms, Watch};
use crate::runtime::simd::{SimdLevel, simd_level};
use crate::runtime::threads::for_each_chunk_mut;

/// Rows that there are at least, so that making the second operand ready is worth its while, …
const MANY: usize = 256;
/// … terms and columns, …
const LEAST: usize = 64;
/// … and numbers of the second operand.
const SMALL: usize = 1 << 14;
/// Terms that are added up at once, so that what is needed for them stays in the second-level cache.
const TERMS: usize = 16 * STEP;
/// Rows of a task.
const ROWS: usize = 4 * BLOCK;

impl Operands<'_> {
    /// Whether the unit is faster.
    pub(super) fn are_for_amx(&self, [m, k, n]: [usize; 3]) -> bool {
        simd_level() >= SimdLevel::Amx && m >= MANY && k.min(n) >= LEAST && k * n >= SMALL
    }

    /// `None` if the result has to be computed in another way.
    pub(super) fn multiply_amx(&self, out: &mut [f32]) -> Option<()> {
        let GemmSpec { len: k, columns: n, a_step, b_step, b_column, .. } = self.sums;
        // SAFETY: the matrix is inside, which was checked when it was taken as an operand.
        let b = unsafe { Panels::of_matrix(Parts::Three, self.b, [b_step, b_column], [k, n]) };
        let watch = Watch::default();
        for_each_chunk_mut(out, ROWS * n, |task, out| {
            let rows = out.len() / n;
            for term in (0..k).step_by(TERMS) {
                let terms = TERMS.min(k - term);
                let a = &self.a[task * ROWS * self.a_row + term * a_step..];
                // SAFETY: as above.
                let (a, pitch) =
                    unsafe { Split::of_matrix(Parts::Three, a, [self.a_row, a_step], [rows, terms]) };
                let grid = Grid { whole: true, ..Grid::of_matrix(rows, pitch, n) };
                let terms = Terms { len: terms, runs: &[0] };
                let product = Product { grid, terms, a: &a, b: &b, lines: [term / 2, 0] };
                watch.note(product.compute(0..n, out, term > 0));
            }
        });
        watch.then(())
    }
}
