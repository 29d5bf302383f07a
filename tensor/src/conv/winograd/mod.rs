//! Convolution in `f32` with many channels, by Winograd's algorithm.
//!
//! A square of `M` by `M` outputs costs `N²` multiplications for each pair of channels, `N = M + R − 1`, instead of
//! `M²·R²`: tiles of the images and the kernel are transformed to `N²` points, multiplied point by point, which is a
//! matrix product over the channels, and transformed back. A convolution with stride `s` is the sum of `s²` convolutions
//! without, each of every `s`-th pixel with every `s`-th entry of the kernel; so pixels count as `s²` times as many
//! channels.
//!
//! The price is rounding: the points are sums of several pixels, and results are differences of points. The error stays
//! below `2·10⁻⁵` of the largest output, twenty times that of the direct way. Images and kernels of such a range that the
//! error of a large number would drown small outputs beside it, or that hold numbers that are not finite, are computed
//! directly (`range.rs`). So is everything on an x86-64 CPU without AVX2, for which there are no transforms.

mod kernel_grad;
mod matrices;
mod pixels;
mod range;
mod transform;

use super::Geometry;
use super::direct;
use crate::array::storage::Buffer;
use crate::fusion::{Numbers, TileEpilogue};
use crate::gemm::{GemmSpec, Prefetcher, Rows};
use crate::runtime::lanes::{self, LINE};
use crate::runtime::simd::vectorize;
use crate::runtime::threads::for_each_chunk_mut;
use crate::runtime::transpose::transpose_into;
use matrices::{Known, Matrices};
use range::Range;
use std::sync::OnceLock;
use transform::{Axis, Direction, Transform};

/// Numbers that the points of the images at hand have, so that they stay in a core's second-level cache.
const CACHED: usize = 256 << 10;

/// Numbers that the points of a kernel's gradient may have: they are added to for every group of images.
const CACHED_KERNEL: usize = 320 << 10;

/// `F(M, R)` for one convolution.
struct Winograd<'a, const N: usize, const M: usize, const R: usize>(&'a Geometry);

/// Calls the pass for the algorithm that pays for this geometry, if any.
macro_rules! pass {
    ($name:ident($b:ty $(, $epilogue:ident)?) => $pass:ident, $most:expr) => {
        pub(super) fn $name(&self, a: &Numbers<'_>, b: $b $(, $epilogue: &mut TileEpilogue<'_>)?) -> Option<Buffer<f32>> {
            match self.winograd_taps()? {
                3 if self.points([7, 5]) < self.points([6, 4]) && self.pays([7, 5], $most) => {
                    Winograd::<7, 5, 3>(self).$pass(a, b $(, $epilogue)?)
                }
                3 if self.pays([6, 4], $most) => Winograd::<6, 4, 3>(self).$pass(a, b $(, $epilogue)?),
                2 if self.pays([5, 4], $most) => Winograd::<5, 4, 2>(self).$pass(a, b $(, $epilogue)?),
                _ => None,
            }
        }
    };
}

impl Geometry {
    /// Entries of the kernel that meet the pixels of one phase, if they are a square.
    fn winograd_taps(&self) -> Option<usize> {
        let ([height, width], [down, right]) = (self.kernel, self.conv.stride);
        let taps = height.div_ceil(down);
        let something = !self.is_empty() && self.image() > 0;
        (something && lanes::is_wide() && self.is_direct() && down == right && taps == width.div_ceil(right))
            .then_some(taps)
    }

    /// Points of an image in tiles of `m` by `m` outputs, each with `n` by `n`.
    fn points(&self, [n, m]: [usize; 2]) -> usize {
        self.out.iter().map(|out| out.div_ceil(m) * n).product()
    }

    /// Whether there are channels enough to fill registers, enough multiplications are saved, tiles that reach outside of the
    /// image counted whole, and the kernel has at most `most` points. Measured; it does not depend on the batch, whose
    /// images so have the same bits as each alone.
    fn pays(&self, [n, m]: [usize; 2], most: usize) -> bool {
        let phases = self.conv.stride[0] * self.conv.stride[1];
        let multiplications = self.points([n, m]) * phases;
        let direct = self.positions() * self.kernel[0] * self.kernel[1];
        let kernel = n * n * phases * self.channels * self.channels_out;
        self.channels.min(self.channels_out) >= 16 && kernel <= most && multiplications * 5 < direct * 3
    }

    pass!(forward_winograd(&[f32], epilogue) => forward, usize::MAX);
    pass!(input_grad_winograd(&[f32], epilogue) => input_grad, usize::MAX);
    pass!(kernel_grad_winograd(&Numbers<'_>) => kernel_grad, CACHED_KERNEL);
}

/// Images on one side of the convolution: the inputs, whose pixels of all `phases` by `phases` phases count as the
/// entries of one, or the outputs, which have one phase.
struct Side {
    size: [usize; 2],
    channels: usize,
    phases: usize,
    /// Pixels of the first tiles before the image, along height and width.
    before: [usize; 2],
    /// Lines and pixels of a cell, of which every window has one (see [`range`]).
    cell: usize,
}

impl Side {
    fn image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// The range of an image.
    fn range(&self, image: &[f32]) -> Range {
        Range::of_image(image, self.size[1] * self.channels, self.channels, self.cell)
    }

    fn entries(&self) -> usize {
        self.phases * self.phases * self.channels
    }

    /// Where the tile of `M` by `M` pixels with this number is, and all pixels of the image.
    fn axes<const M: usize>(&self, tile: usize, tiles: [usize; 2]) -> [Axis; 2] {
        let tile = [tile / tiles[1], tile % tiles[1]];
        [0, 1].map(|axis| {
            let first = (tile[axis] * M * self.phases) as isize - self.before[axis] as isize;
            Axis { first, size: self.size[axis] }
        })
    }
}

/// Numbers from one point's matrix to the next one's. A line more than it has: matrices a multiple of the cache's ways
/// apart would share a few places in it.
fn point_stride(rows: usize, columns: usize) -> usize {
    (rows * columns).next_multiple_of(LINE) + LINE
}

impl<const N: usize, const M: usize, const R: usize> Winograd<'_, N, M, R>
where
    Matrices<N, M, R>: Known,
{
    fn stride(&self) -> usize {
        self.0.conv.stride[0]
    }

    fn inputs(&self) -> Side {
        let g = self.0;
        let cell = g.kernel[0].min(g.kernel[1]).div_ceil(2);
        Side { size: g.size, channels: g.channels, phases: self.stride(), before: g.before, cell }
    }

    /// The outputs with `before` pixels before. Pixels of some phases take from a row and a column less of them than others.
    fn outputs(&self, before: usize) -> Side {
        let g = self.0;
        let cell = (g.kernel[0].min(g.kernel[1]) / self.stride()).div_ceil(2);
        Side { size: g.out, channels: g.channels_out, phases: 1, before: [before; 2], cell }
    }

    /// `None` if the kernel's range does not suit the algorithm; images whose range does not are computed directly.
    fn forward(
        &self,
        x: &Numbers<'_>,
        kernel: &[f32],
        epilogue: &mut TileEpilogue<'_>,
    ) -> Option<Buffer<f32>> {
        let (g, tiles) = (self.0, self.0.out.map(|out| out.div_ceil(M)));
        let size = [g.channels, g.channels_out];
        let range = Range::of_kernel(kernel, size);
        if !range.suits(range) {
            return None;
        }
        let directly = OnceLock::new();
        let directly = |x: &[f32], y: &mut [f32]| {
            let forward = directly.get_or_init(|| direct::Forward::new(g, kernel, 1));
            forward.compute(x, y, &mut Prefetcher::nothing());
        };
        let phase = |phase: usize| phase * g.channels * g.channels_out;
        let points = self.points_of_kernel(kernel, size, g.channels_out, phase, false);
        Some(self.convolve(
            x,
            (&points, range),
            tiles,
            [&self.inputs(), &self.outputs(0)],
            epilogue,
            directly,
        ))
    }

    /// As [`forward`](Winograd::forward): a pixel of a phase takes from the outputs before it, which is again a convolution, with
    /// the kernel reversed.
    fn input_grad(
        &self,
        dy: &Numbers<'_>,
        kernel: &[f32],
        epilogue: &mut TileEpilogue<'_>,
    ) -> Option<Buffer<f32>> {
        let g = self.0;
        let last = [0, 1].map(|i| (g.size[i] - 1 + g.before[i]) / self.stride());
        let tiles = last.map(|last| (last + 1).div_ceil(M));
        let (mut swapped, entry) = (Buffer::uninit(kernel.len()), g.channels * g.channels_out);
        for (to, from) in swapped.chunks_exact_mut(entry).zip(kernel.chunks_exact(entry)) {
            // SAFETY: both have an entry of the kernel, `channels` by `channels_out`.
            unsafe {
                let strides = [1, g.channels_out];
                let size = [g.channels_out, g.channels];
                transpose_into(from.as_ptr(), strides, size, to.as_mut_ptr(), g.channels);
            }
        }
        let size = [g.channels_out, g.channels];
        let range = Range::of_kernel(&swapped, size);
        if !range.suits(range) {
            return None;
        }
        let directly = OnceLock::new();
        let directly = |dy: &[f32], dx: &mut [f32]| {
            let input_grad = directly.get_or_init(|| direct::InputGrad::new(g, kernel, 1));
            input_grad.compute(dy, dx, &mut Prefetcher::nothing());
        };
        let row = self.stride() * self.stride() * g.channels;
        let points = self.points_of_kernel(&swapped, size, row, |phase| phase * g.channels, true);
        let sides = [&self.outputs(R - 1), &self.inputs()];
        Some(self.convolve(dy, (&points, range), tiles, sides, epilogue, directly))
    }

    /// The kernel's points `G·g·Gᵀ`, a matrix for each. `kernel` holds a matrix for each of its entries, of which those of
    /// phase `i` go to where `phase(i)` says, with rows `row` apart.
    fn points_of_kernel(
        &self,
        kernel: &[f32],
        [rows, columns]: [usize; 2],
        row: usize,
        phase: impl Fn(usize) -> usize + Sync,
        reversed: bool,
    ) -> Buffer<f32> {
        let ([_, width], stride) = (self.0.kernel, self.stride());
        let matrix = stride * stride * rows * columns;
        let g = &<Matrices<N, M, R> as Known>::MATRICES.kernel;
        let mut out = Buffer::uninit(N * N * matrix);
        for_each_chunk_mut(&mut out, matrix, |point, out| {
            out.fill(0.0);
            for (entry, kernel) in kernel.chunks_exact(rows * columns).enumerate() {
                let [u, v] = [entry / width, entry % width];
                let tap = |u: usize| if reversed { R - 1 - u / stride } else { u / stride };
                let weight = g[point / N][tap(u)] * g[point % N][tap(v)];
                let to = &mut out[phase(u % stride * stride + v % stride)..];
                vectorize(
                    #[inline(always)]
                    || {
                        for (to, kernel) in to.chunks_mut(row).zip(kernel.chunks_exact(columns)) {
                            to[..columns].iter_mut().zip(kernel).for_each(|(to, &k)| *to += weight * k);
                        }
                    },
                );
            }
        });
        out
    }

    /// How many images are computed together.
    fn images(&self, tiles: [usize; 2]) -> usize {
        let entries = self.stride() * self.stride() * self.0.channels + self.0.channels_out;
        (CACHED / (N * N * tiles[0] * tiles[1] * entries)).max(1)
    }

    /// The points of the tiles of some images: for each point a matrix with a row for each tile.
    fn points_of(&self, images: &[f32], side: &Side, tiles: [usize; 2], direction: Direction) -> Buffer<f32> {
        let (entries, per_image) = (side.entries(), tiles[0] * tiles[1]);
        let &Side { phases, channels, .. } = side;
        let rows = images.len() / side.image() * per_image;
        let stride = point_stride(rows, entries);
        let mut points = Buffer::uninit(N * N * stride);
        for i in 0..rows {
            let from = &images[i / per_image * side.image()..][..side.image()];
            let (axes, to) = (side.axes::<M>(i % per_image, tiles), &mut points[i * entries..]);
            lanes::run(Transform::<N, M, R> { direction, axes, phases, channels, stride, from, to });
        }
        points
    }

    /// The images with these points.
    fn images_of(&self, points: &[f32], side: &Side, tiles: [usize; 2], images: &mut [f32]) {
        let (entries, per_image) = (side.entries(), tiles[0] * tiles[1]);
        let (direction, &Side { phases, channels, .. }) = (Direction::Output, side);
        let rows = images.len() / side.image() * per_image;
        let stride = point_stride(rows, entries);
        for i in 0..rows {
            let to = &mut images[i / per_image * side.image()..][..side.image()];
            let (axes, from) = (side.axes::<M>(i % per_image, tiles), &points[i * entries..]);
            lanes::run(Transform::<N, M, R> { direction, axes, phases, channels, stride, from, to });
        }
    }

    /// The convolution with a kernel of these points and range, and `directly` of images that do not suit it.
    fn convolve(
        &self,
        x: &Numbers<'_>,
        (kernel, range): (&[f32], Range),
        tiles: [usize; 2],
        [from, to]: [&Side; 2],
        epilogue: &mut TileEpilogue<'_>,
        directly: impl Fn(&[f32], &mut [f32]) + Sync,
    ) -> Buffer<f32> {
        let (inputs, outputs, images) = (from.entries(), to.entries(), self.images(tiles));
        let prefetcher = || self.0.prefetcher(N * N);
        epilogue.for_each_tile(
            self.0.n * to.image(),
            images * to.image(),
            prefetcher,
            |i, out, prefetcher| {
                let present = out.len() / to.image();
                x.add_to(prefetcher, (i + 1) * images * from.image(), images * from.image());
                let mut x = x.reader();
                let x = x.read(i * images * from.image(), present * from.image());
                let suits = |x: &[f32]| from.range(x).suits(range);
                let unsuited: Vec<usize> =
                    (0..present).filter(|i| !suits(&x[i * from.image()..][..from.image()])).collect();
                let points = self.points_of(x, from, tiles, Direction::Input);
                let rows = present * tiles[0] * tiles[1];
                let stride = [inputs, outputs].map(|entries| point_stride(rows, entries));
                let mut products = Buffer::uninit(N * N * stride[1]);
                let sums = GemmSpec::of_matrices(inputs, 1, [outputs, 1], outputs);
                for (p, out) in products.chunks_exact_mut(stride[1]).enumerate() {
                    let rows = Rows::of_matrix(rows, inputs, outputs);
                    let (points, kernel) = (&points[p * stride[0]..], &kernel[p * inputs * outputs..]);
                    sums.compute(rows, points, kernel, out, false, prefetcher);
                }
                self.images_of(&products, to, tiles, out);
                for i in unsuited {
                    directly(
                        &x[i * from.image()..][..from.image()],
                        &mut out[i * to.image()..][..to.image()],
                    );
                }
            },
        )
    }
}
