//! Loops over rows of channels: sums of each channel over all rows, and functions with parameters of each channel.
//!
//! Everything is cut by shape alone, and so are the sums; who computes the rows tile by tile ([`ChannelReduceProgram`](crate::ChannelReduceProgram))
//! adds them up in the same order as who has them in memory, and gets the same bits.

use crate::array::dtype::Element;
use crate::array::map::GRAIN;
use crate::array::storage::Buffer;
use crate::runtime::math::Float;
use crate::runtime::simd::vectorize;
use crate::runtime::threads::for_each_chunk_mut;
use std::ops::Range;

/// Rows a task takes; fixed by the shape, so that sums are too.
pub(crate) fn rows_per_task(channels: usize) -> usize {
    (GRAIN / channels.max(1)).max(1)
}

/// Numbers handled together: so many channels of one row, or of several rows if the channels are few. What is added up
/// for each of them stays in the first-level cache.
const TOGETHER: usize = 256;

/// Rows whose channels are handled together.
pub(crate) fn rows_together(channels: usize) -> usize {
    (TOGETHER / channels.max(1)).max(1)
}

/// The numbers that are handled together.
pub(crate) fn width(channels: usize) -> usize {
    channels * rows_together(channels)
}

/// What belongs to each channel, side by side for the rows that are handled together.
pub(crate) fn laid_out<T: Element>(param: &[T]) -> Buffer<T> {
    let mut out = Buffer::uninit(width(param.len()));
    out.chunks_exact_mut(param.len()).for_each(|row| row.copy_from_slice(param));
    out
}

/// Numbers that are read together before anything is written.
const BLOCK: usize = 16;

#[inline(always)]
fn block<T>(x: &[T], first: usize) -> &[T; BLOCK] {
    match x[first..].first_chunk() {
        Some(block) => block,
        None => unreachable!("it ends within a block"),
    }
}

/// Adds to each of the `S` rows of [`width`] totals one of the numbers that `f(a, b, parameters of the channel)` gives. The
/// parameters are laid out.
#[inline(always)]
pub(crate) fn add_terms<T: Float + Element, const P: usize, const S: usize>(
    (a, b): (&[T], &[T]),
    params: [&[T]; P],
    totals: &mut [T],
    f: impl Fn(T, T, [T; P]) -> [T; S] + Copy,
) {
    let width = totals.len() / S;
    vectorize(
        #[inline(always)]
        || {
            for (a, b) in a.chunks(width).zip(b.chunks(width)) {
                let n = a.len();
                let (a, b, params) = (&a[..n], &b[..n], params.map(|p| &p[..n]));
                let mut rows = totals.chunks_exact_mut(width);
                let totals: [&mut [T]; S] = std::array::from_fn(|_| match rows.next() {
                    Some(row) => &mut row[..n],
                    None => unreachable!("there are {S} rows of totals"),
                });
                // Blocks are read before they are written, so that the compiler need not fear that the slices overlap.
                let (blocks, rest) = (n / BLOCK, n / BLOCK * BLOCK..n);
                for first in (0..blocks).map(|b| b * BLOCK) {
                    let (a, b): (&[T; BLOCK], &[T; BLOCK]) = (block(a, first), block(b, first));
                    let params: [&[T; BLOCK]; P] = params.map(|p| block(p, first));
                    let mut sums: [[T; BLOCK]; S] = std::array::from_fn(|s| *block(totals[s], first));
                    for i in 0..BLOCK {
                        let terms = f(a[i], b[i], params.map(|p| p[i]));
                        for s in 0..S {
                            sums[s][i] += terms[s];
                        }
                    }
                    for s in 0..S {
                        totals[s][first..first + BLOCK].copy_from_slice(&sums[s]);
                    }
                }
                for i in rest {
                    let terms = f(a[i], b[i], params.map(|p| p[i]));
                    for s in 0..S {
                        totals[s][i] += terms[s];
                    }
                }
            }
        },
    );
}

/// Writes to the rows of channels in `sums` what `add` adds to so many rows of [`width`] totals, which begin at 0.
pub(crate) fn total<T: Float + Element>(channels: usize, sums: &mut [T], add: impl FnOnce(&mut [T])) {
    let width = width(channels);
    let mut totals = Buffer::full(sums.len() / channels * width, T::default());
    add(&mut totals);
    for (sums, totals) in sums.chunks_exact_mut(channels).zip(totals.chunks_exact(width)) {
        let (first, rest) = totals.split_at(channels);
        sums.copy_from_slice(first);
        for row in rest.chunks_exact(channels) {
            sums.iter_mut().zip(row).for_each(|(s, &x)| *s += x);
        }
    }
}

/// `rows` rows of sums over the channels of `len` numbers: `add(range, totals)` adds the numbers of a range, which begins
/// with the first channel, to as many rows of [`width`] totals.
pub(crate) fn sum_channels<T: Float + Element>(
    (len, channels, rows): (usize, usize, usize),
    add: impl Fn(Range<usize>, &mut [T]) + Sync,
) -> Buffer<T> {
    let part = rows_per_task(channels) * channels;
    let mut partial = Buffer::uninit(len.div_ceil(part) * rows * channels);
    for_each_chunk_mut(&mut partial, rows * channels, |task, sums| {
        let range = task * part..((task + 1) * part).min(len);
        total(channels, sums, |totals| add(range, totals));
    });
    let mut sums = Buffer::full(rows * channels, T::default());
    for partial in partial.chunks_exact(rows * channels) {
        sums.iter_mut().zip(partial).for_each(|(s, &x)| *s += x);
    }
    sums
}

/// `out = f(a, b, parameters of the channel)`.
pub(crate) fn map_channels<T: Float + Element, const P: usize>(
    (a, b): (&[T], &[T]),
    channels: usize,
    params: [&[T]; P],
    f: impl Fn(T, T, [T; P]) -> T + Copy + Sync,
) -> Buffer<T> {
    let mut out = Buffer::uninit(a.len());
    let len = rows_per_task(channels) * channels;
    let width = width(channels);
    let params = params.map(laid_out);
    for_each_chunk_mut(&mut out, len, |task, out| {
        let (a, b) = (&a[task * len..][..out.len()], &b[task * len..][..out.len()]);
        vectorize(
            #[inline(always)]
            || {
                for (out, (a, b)) in out.chunks_mut(width).zip(a.chunks(width).zip(b.chunks(width))) {
                    let n = out.len();
                    let (a, b, params) = (&a[..n], &b[..n], params.each_ref().map(|p| &p[..n]));
                    for i in 0..n {
                        out[i] = f(a[i], b[i], params.map(|p| p[i]));
                    }
                }
            },
        );
    });
    out
}
