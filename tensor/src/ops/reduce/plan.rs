//! A reduction as loops over memory.

use crate::array::dtype::Element;
use crate::array::map::GRAIN;
use crate::array::shape::MAX_RANK;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::ops::per_channel::rows_together;
use crate::runtime::simd::vectorize_for;
use crate::runtime::threads::for_each_chunk_mut;

/// Row-major data seen as `[outer, reduced, inner]`.
pub(super) struct Plan {
    data: Tensor,
    outer: usize,
    reduced: usize,
    inner: usize,
}

impl Plan {
    /// Brings the axes of `set` together, copying only where they are apart or the layout is not row-major.
    pub(super) fn new(x: &Tensor, set: &[bool; MAX_RANK]) -> Plan {
        let shape = x.shape();
        let size = |range: std::ops::Range<usize>| shape[range].iter().product::<usize>();
        let relevant = || (0..shape.len()).filter(|&i| shape[i] != 1);
        let mut reduced = relevant().filter(|&i| set[i]);
        let Some(first) = reduced.next() else {
            return Plan { data: x.contiguous(), outer: x.numel(), reduced: 1, inner: 1 };
        };
        let last = reduced.next_back().unwrap_or(first);
        if relevant().all(|i| set[i] == (first..=last).contains(&i)) {
            let (outer, inner) = (size(0..first), size(last + 1..shape.len()));
            return Plan { data: x.contiguous(), outer, reduced: size(first..last + 1), inner };
        }
        let order: Vec<isize> = (0..shape.len())
            .filter(|&i| !set[i])
            .chain((0..shape.len()).filter(|&i| set[i]))
            .map(|i| i as isize)
            .collect();
        let moved = x.permute(order).contiguous();
        let kept = (0..shape.len()).filter(|&i| !set[i]).map(|i| shape[i]).product();
        let reduced = (0..shape.len()).filter(|&i| set[i]).map(|i| shape[i]).product();
        Plan { data: moved, outer: kept, reduced, inner: 1 }
    }

    fn slice<T: Element>(&self) -> &[T] {
        match self.data.as_slice() {
            Some(slice) => slice,
            None => unreachable!("the plan made it contiguous"),
        }
    }

    /// Combines along the reduced axis with `op`, an associative operation with neutral element `init`.
    ///
    /// Blocks of fixed length are folded first and their results after, so that the result depends on the shape alone
    /// and rounding errors grow with the number of blocks rather than of elements. Short rows are folded several side by
    /// side: one after the other, each would wait for the one before.
    pub(super) fn fold<T: Element>(&self, init: T, op: impl Fn(T, T) -> T + Copy + Sync) -> Buffer<T> {
        let &Plan { outer, reduced, inner, .. } = self;
        let data = self.slice::<T>();
        // Of single numbers a run has its lanes in registers, and needs none in memory.
        let together = if inner == 1 { 32 } else { rows_together(inner) };
        let block = (16 * together).min(reduced.max(1));
        let blocks = reduced.div_ceil(block).max(1);
        let mut partial = Buffer::uninit(outer * blocks * inner);
        let cells_per_task = (GRAIN / (block * inner).max(1)).max(1);
        for_each_chunk_mut(&mut partial, cells_per_task * inner.max(1), |task, out| {
            let mut lanes = Buffer::uninit(if inner == 1 || together == 1 { 0 } else { together * inner });
            let mut spare = Buffer::uninit((lanes.len() / inner.max(1)).div_ceil(2) * inner);
            vectorize_for::<T>(
                #[inline(always)]
                || {
                    for (i, out) in out.chunks_mut(inner.max(1)).enumerate() {
                        let cell = task * cells_per_task + i;
                        let (o, start) = (cell / blocks, cell % blocks * block);
                        let len = block.min(reduced - start);
                        let from = (o * reduced + start) * inner;
                        let rows = &data[from..from + len * inner];
                        if inner == 1 {
                            out[0] = fold_run(rows, init, op);
                        } else if together == 1 {
                            fold_rows(rows, out, init, op);
                        } else {
                            fold_rows(rows, &mut lanes, init, op);
                            combine_pairs(&mut lanes, &mut spare, out, op);
                        }
                    }
                },
            );
        });
        if blocks == 1 || partial.is_empty() {
            return partial;
        }
        let mut total = Buffer::uninit(outer * inner);
        let mut spare = Buffer::uninit(blocks.div_ceil(2) * inner);
        for (total, partial) in total.chunks_mut(inner).zip(partial.chunks_mut(blocks * inner)) {
            combine_pairs(partial, &mut spare, total, op);
        }
        total
    }

    /// Where along the reduced axis the first element is that no other is `better` than; NaN is best of all.
    pub(super) fn arg<T: Element>(&self, better: impl Fn(T, T) -> bool + Copy + Sync) -> Buffer<i64> {
        let &Plan { outer, reduced, inner, .. } = self;
        let data = self.slice::<T>();
        let mut out = Buffer::uninit(outer * inner);
        #[allow(clippy::eq_op)]
        let is_nan = |x: T| x != x;
        let better = |x: T, champion: T| better(x, champion) || (is_nan(x) && !is_nan(champion));
        let cells_per_task = (GRAIN / 4 / reduced.max(1)).max(1);
        for_each_chunk_mut(&mut out, cells_per_task, |task, out| {
            for (i, out) in out.iter_mut().enumerate() {
                let cell = task * cells_per_task + i;
                let run = &data[cell / inner * reduced * inner + cell % inner..];
                let mut best = (0, run[0]);
                for (r, &x) in run.iter().step_by(inner).take(reduced).enumerate() {
                    // Without a branch, which no processor could predict.
                    let wins = better(x, best.1);
                    best = (if wins { r } else { best.0 }, if wins { x } else { best.1 });
                }
                *out = best.0 as i64;
            }
        });
        out
    }
}

/// Combines rows of `out.len()` elements two by two until one is left: rounding errors grow with the logarithm of their
/// number. Needs `spare` room for half as many rows.
#[inline(always)]
fn combine_pairs<T: Copy>(rows: &mut [T], spare: &mut [T], out: &mut [T], op: impl Fn(T, T) -> T + Copy) {
    let inner = out.len();
    let mut left = rows.len() / inner;
    let (mut from, mut to) = (rows, spare);
    while left > 1 {
        let rows = &from[..left * inner];
        // Usual numbers of channels have loops of their own, unrolled, in `f32`.
        match inner {
            4 if size_of::<T>() == 4 => combine_neighbours(rows, to, 4, op),
            8 if size_of::<T>() == 4 => combine_neighbours(rows, to, 8, op),
            12 if size_of::<T>() == 4 => combine_neighbours(rows, to, 12, op),
            _ => combine_neighbours(rows, to, inner, op),
        }
        (from, to) = (to, from);
        left = left.div_ceil(2);
    }
    out.copy_from_slice(&from[..inner]);
}

/// Combines the first row with the second, the third with the fourth, and so on; the last one may be alone.
#[inline(always)]
fn combine_neighbours<T: Copy>(rows: &[T], to: &mut [T], inner: usize, op: impl Fn(T, T) -> T) {
    let pairs = rows.chunks_exact(2 * inner);
    let alone = pairs.remainder();
    let mut to = to.chunks_exact_mut(inner);
    for (pair, to) in pairs.zip(to.by_ref()) {
        let (one, other) = pair.split_at(inner);
        for ((to, &x), &y) in to.iter_mut().zip(one).zip(other) {
            *to = op(x, y);
        }
    }
    if let Some(to) = to.next().filter(|_| !alone.is_empty()) {
        to.copy_from_slice(alone);
    }
}

/// Folds rows of as many elements as there are lanes, the last of which may be shorter.
#[inline(always)]
fn fold_rows<T: Copy>(rows: &[T], lanes: &mut [T], init: T, op: impl Fn(T, T) -> T + Copy) {
    lanes.fill(init);
    for row in rows.chunks(lanes.len()) {
        lanes.iter_mut().zip(row).for_each(|(lane, &x)| *lane = op(*lane, x));
    }
}

/// Folds a run in sixteen interleaved lanes, which the compiler keeps in vector registers.
#[inline(always)]
fn fold_run<T: Copy>(run: &[T], init: T, op: impl Fn(T, T) -> T + Copy) -> T {
    const LANES: usize = 16;
    let (chunks, rest) = run.as_chunks::<LANES>();
    let mut total = init;
    if !chunks.is_empty() {
        let mut lanes = [init; LANES];
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = op(*lane, x);
            }
        }
        total = lanes.into_iter().fold(total, op);
    }
    rest.iter().fold(total, |a, &x| op(a, x))
}
