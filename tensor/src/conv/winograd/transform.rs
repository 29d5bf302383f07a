//! From tiles of an image to the points of Winograd's algorithm, and back.

#![expect(clippy::needless_range_loop, reason = "indices of several arrays of registers, unrolled")]

use super::matrices::{Known, Matrices};
use super::pixels::{Lines, Pixels, Points};
use crate::runtime::lanes::{Kernel, Lanes, opaque, unrolled};
use std::mem::MaybeUninit;

/// Which way to go.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Direction {
    /// `Bᵀ·d·B` of `N` by `N` pixels.
    Input,
    /// `A·y·Aᵀ` of `M` by `M` pixels: the adjoint of `Output`.
    Spread,
    /// `Aᵀ·m·A`: `M` by `M` pixels.
    Output,
}

/// Pixels of a tile that lie along one axis of an image: where its first one is, counted from the image's, and how many
/// the image has.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) first: isize,
    pub(super) size: usize,
}

/// The transform of one tile of an image.
///
/// All `phases` by `phases` neighbouring pixels count as one, which has `phases² · channels` entries. Pixels outside of
/// the image are 0, and not written.
pub(super) struct Transform<'a, const N: usize, const M: usize, const R: usize> {
    pub(super) direction: Direction,
    pub(super) axes: [Axis; 2],
    pub(super) phases: usize,
    pub(super) channels: usize,
    /// Numbers from one point to the next.
    pub(super) stride: usize,
    /// The image, or for `Output` the points.
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl<const N: usize, const M: usize, const R: usize> Kernel for Transform<'_, N, M, R>
where
    Matrices<N, M, R>: Known,
{
    /// Much code, and little gained where a register has four numbers.
    const BASELINE: bool = false;

    /// A register at a time of those entries of a pixel that are in one line.
    ///
    /// # Panics
    /// If there are too few pixels or points.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Transform { direction, axes: [vertical, horizontal], phases, channels, stride, from, to } = self;
        let (line, depth) = (horizontal.size * channels, phases * channels);
        let (pixels, points) =
            if direction == Direction::Output { (to.len(), from.len()) } else { (from.len(), to.len()) };
        assert!(vertical.size * line <= pixels, "too few pixels");
        assert!((N * N - 1) * stride + phases * depth <= points, "too few points");
        let matrices = const { &<Matrices<N, M, R> as Known>::MATRICES };
        for phase in 0..phases {
            for c in (0..depth).step_by(L::N) {
                let lines = Lines {
                    first: [
                        vertical.first + phase as isize,
                        horizontal.first * channels as isize + c as isize,
                    ],
                    step: [phases, depth],
                    size: [vertical.size, line],
                    n: L::N.min(depth - c),
                };
                let at = opaque(phase * depth + c);
                // SAFETY: the CPU has the instructions, and all pixels and points are inside, which was checked.
                unsafe {
                    match direction {
                        Direction::Input => {
                            let pixels = Pixels::<L, N>::of(lines);
                            points_of(&matrices.input, pixels, from, &mut to[at..], stride);
                        }
                        Direction::Spread => {
                            let pixels = Pixels::<L, M>::of(lines);
                            points_of(&matrices.output, pixels, from, &mut to[at..], stride);
                        }
                        Direction::Output => {
                            let pixels = Pixels::<L, M>::of(lines);
                            let points =
                                Points::<L, N>::new(from.as_ptr().add(at).cast_mut(), stride, lines.n);
                            square(
                                #[inline(always)]
                                |j| points.load(j),
                                #[inline(always)]
                                |x| transposed_times(&matrices.output, x),
                                #[inline(always)]
                                |i, x| pixels.store(i, x, to.as_mut_ptr()),
                            );
                        }
                    }
                }
            }
        }
    }
}

/// `matrix · pixels · matrixᵀ`, to points `stride` apart.
///
/// # Safety
/// The CPU has the instructions; `from` has the pixels, and `to` the points.
#[inline(always)]
unsafe fn points_of<L: Lanes, const K: usize, const N: usize>(
    matrix: &[[f32; K]; N],
    pixels: Pixels<L, K>,
    from: &[f32],
    to: &mut [f32],
    stride: usize,
) {
    let points = Points::<L, N>::new(to.as_mut_ptr(), stride, pixels.n());
    // SAFETY: by this function's contract.
    unsafe {
        square(
            #[inline(always)]
            |j| pixels.load(from.as_ptr(), j),
            #[inline(always)]
            |x| times(matrix, x),
            #[inline(always)]
            |i, x| points.store(i, x),
        )
    }
}

/// Transforms a square along both axes: its columns first, then the rows of what they give.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn square<L: Lanes, const I: usize, const O: usize>(
    column: impl Fn(usize) -> [L; I],
    along: impl Fn([L; I]) -> [L; O],
    mut row: impl FnMut(usize, [L; O]),
) {
    // SAFETY: by this function's contract.
    let zero = unsafe { L::splat(0.0) };
    let mut half = [const { MaybeUninit::<[L; O]>::uninit() }; I];
    for j in 0..I {
        half[j].write(along(column(j)));
    }
    for o in 0..O {
        let mut line = [zero; I];
        for j in 0..I {
            // SAFETY: all have been written.
            line[j] = unsafe { half[j].assume_init_ref()[o] };
        }
        row(o, along(line));
    }
}

/// Whether rows `o` and `o + 1` belong to a point and its negative: then they differ in the sign of the odd columns only,
/// and the sums over the even and the odd ones can be shared.
#[inline(always)]
fn mirrored<const O: usize, const I: usize>(matrix: &[[f32; I]; O], o: usize) -> bool {
    let mut same = o + 1 < O;
    unrolled!(i < I, {
        let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        same = same && matrix[o + 1][i] == sign * matrix[o][i];
    });
    same
}

/// `matrix · x`. The matrix is known when this is compiled, so that zeros and ones cost nothing.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn times<L: Lanes, const O: usize, const I: usize>(matrix: &[[f32; I]; O], x: [L; I]) -> [L; O] {
    // SAFETY: by this function's contract.
    unsafe {
        let mut sums = [L::splat(0.0); O];
        unrolled!(o < O, {
            if o == 0 || !mirrored(matrix, o - 1) {
                let (mut even, mut odd) = (None, None);
                unrolled!(i < I, {
                    let sum = if i.is_multiple_of(2) { &mut even } else { &mut odd };
                    *sum = plus(*sum, matrix[o][i], x[i]);
                });
                let [even, odd] = [even, odd].map(|sum| sum.unwrap_or(L::splat(0.0)));
                sums[o] = even.add_product(L::splat(1.0), odd);
                if mirrored(matrix, o) {
                    sums[o + 1] = even.add_product(L::splat(-1.0), odd);
                }
            }
        });
        sums
    }
}

/// `matrixᵀ · x`.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn transposed_times<L: Lanes, const O: usize, const I: usize>(
    matrix: &[[f32; O]; I],
    x: [L; I],
) -> [L; O] {
    // SAFETY: by this function's contract.
    unsafe {
        let mut sums = [None; O];
        unrolled!(i < I, {
            if i == 0 || !mirrored(matrix, i - 1) {
                let (mut even, mut odd) = (x[i], x[i]);
                if mirrored(matrix, i) {
                    even = x[i].add_product(L::splat(1.0), x[i + 1]);
                    odd = x[i].add_product(L::splat(-1.0), x[i + 1]);
                }
                unrolled!(o < O, {
                    sums[o] = plus(sums[o], matrix[i][o], if o.is_multiple_of(2) { even } else { odd });
                });
            }
        });
        let mut all = [L::splat(0.0); O];
        unrolled!(o < O, {
            if let Some(sum) = sums[o] {
                all[o] = sum;
            }
        });
        all
    }
}

/// `sum + weight · x`.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn plus<L: Lanes>(sum: Option<L>, weight: f32, x: L) -> Option<L> {
    // SAFETY: by this function's contract.
    unsafe {
        match sum {
            _ if weight == 0.0 => sum,
            None if weight == 1.0 => Some(x),
            None => Some(L::splat(0.0).add_product(L::splat(weight), x)),
            Some(sum) => Some(sum.add_product(L::splat(weight), x)),
        }
    }
}
