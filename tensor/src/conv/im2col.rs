//! Convolution of any kind, as products of matrices.
//!
//! Each image is unfolded into a matrix with a row per output position and a column per kernel entry ("im2col"), which
//! turns convolution into a matrix product. A few images at a time, so that the matrix stays in the cache.

use super::Geometry;
use crate::Conv2d;
use crate::array::storage::Buffer;
use crate::ops::matmul::{Gemm, Matrix};
use crate::runtime::threads::for_each_chunk_mut;

/// Elements of an unfolded matrix: a quarter of a core's second-level cache.
const UNFOLDED: usize = 32 << 10;

impl Geometry {
    /// Images unfolded at a time.
    fn images_per_block(&self) -> usize {
        (UNFOLDED / (self.positions() * self.taps()).max(1)).clamp(1, self.n.max(1))
    }
    /// Calls `f(row of the unfolded matrix, where in it, where in the images, length)` for every run of entries that
    /// lie side by side in both, for channel group `group` of `images` images. Entries in the padding are passed over.
    #[inline(always)]
    fn runs(&self, images: usize, group: usize, mut f: impl FnMut(usize, usize, usize)) {
        let ([height, width], [kh, kw]) = (self.size, self.kernel);
        let Conv2d { stride, dilation, groups, .. } = self.conv;
        let taps = self.taps();
        let one_run_per_row = dilation[1] == 1 && groups == 1;
        for image in 0..images {
            for oy in 0..self.out[0] {
                for ox in 0..self.out[1] {
                    let row = ((image * self.out[0] + oy) * self.out[1] + ox) * taps;
                    for ky in 0..kh {
                        let y = (oy * stride[0] + ky * dilation[0]).wrapping_sub(self.before[0]);
                        if y >= height {
                            continue;
                        }
                        let line = (image * height + y) * width;
                        let left = ox * stride[1];
                        if one_run_per_row {
                            let first = self.before[1].saturating_sub(left).min(kw);
                            let last = (width + self.before[1]).saturating_sub(left).clamp(first, kw);
                            if first < last {
                                let column = (ky * kw + first) * self.per_group;
                                let from = (line + left + first - self.before[1]) * self.channels;
                                f(row + column, from, (last - first) * self.channels);
                            }
                        } else {
                            for kx in 0..kw {
                                let x = (left + kx * dilation[1]).wrapping_sub(self.before[1]);
                                if x < width {
                                    let column = (ky * kw + kx) * self.per_group;
                                    let from = (line + x) * self.channels + group * self.per_group;
                                    f(row + column, from, self.per_group);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The unfolded matrix of `count` images.
    fn unfold<T: Gemm>(&self, images: &[T], count: usize, group: usize, matrix: &mut [T]) {
        // Runs come in the order of the matrix; what lies between them is padding.
        let mut done = 0;
        self.runs(count, group, |to, from, len| {
            matrix[done..to].fill(T::default());
            matrix[to..to + len].copy_from_slice(&images[from..from + len]);
            done = to + len;
        });
        matrix[done..].fill(T::default());
    }

    fn fold_add<T: Gemm + std::ops::AddAssign>(&self, matrix: &[T], group: usize, images: &mut [T]) {
        self.runs(images.len() / self.image(), group, |at, to, len| {
            images[to..to + len].iter_mut().zip(&matrix[at..at + len]).for_each(|(x, &m)| *x += m);
        });
    }

    fn kernel_matrix<'a, T>(&self, kernel: &'a [T], group: usize) -> Matrix<'a, T> {
        let offset = (group * self.out_per_group()) as isize;
        Matrix { data: kernel, offset, rows: self.channels_out as isize, columns: 1 }
    }

    pub(super) fn forward_im2col<T: Gemm>(&self, x: &[T], kernel: &[T]) -> Buffer<T> {
        let mut out = Buffer::uninit(self.n * self.image_out());
        if self.is_empty() {
            return out;
        }
        let (block, taps, per_group) = (self.images_per_block(), self.taps(), self.out_per_group());
        for_each_chunk_mut(&mut out, block * self.image_out(), |task, out| {
            let images = out.len() / self.image_out();
            let x = &x[task * block * self.image()..][..images * self.image()];
            let rows = images * self.positions();
            let mut matrix = Buffer::uninit(rows * taps);
            for group in 0..self.conv.groups {
                self.unfold(x, images, group, &mut matrix);
                // Transposed, with positions as columns: matrixmultiply's tiles are filled by columns, and the
                // channels are few.
                T::gemm(
                    [per_group, taps, rows],
                    transposed(self.kernel_matrix(kernel, group)),
                    Matrix { data: &matrix, offset: 0, rows: 1, columns: taps as isize },
                    T::default(),
                    &mut out[group * per_group..],
                    [1, self.channels_out],
                );
            }
        });
        out
    }

    pub(super) fn input_grad_im2col<T: Gemm + std::ops::AddAssign>(
        &self,
        dy: &[T],
        kernel: &[T],
    ) -> Buffer<T> {
        if self.is_empty() || self.image() == 0 {
            return Buffer::full(self.n * self.image(), T::default());
        }
        let mut out = Buffer::uninit(self.n * self.image());
        let (block, taps, per_group) = (self.images_per_block(), self.taps(), self.out_per_group());
        for_each_chunk_mut(&mut out, block * self.image(), |task, out| {
            let images = out.len() / self.image();
            let dy = &dy[task * block * self.image_out()..][..images * self.image_out()];
            let rows = images * self.positions();
            let mut matrix = Buffer::uninit(rows * taps);
            out.fill(T::default());
            for group in 0..self.conv.groups {
                T::gemm(
                    [rows, per_group, taps],
                    self.out_matrix(dy, group),
                    transposed(self.kernel_matrix(kernel, group)),
                    T::default(),
                    &mut matrix,
                    [taps, 1],
                );
                self.fold_add(&matrix, group, out);
            }
        });
        out
    }

    fn out_matrix<'a, T>(&self, y: &'a [T], group: usize) -> Matrix<'a, T> {
        let offset = (group * self.out_per_group()) as isize;
        Matrix { data: y, offset, rows: self.channels_out as isize, columns: 1 }
    }

    pub(super) fn kernel_grad_im2col<T: Gemm + std::ops::AddAssign>(&self, x: &[T], dy: &[T]) -> Buffer<T> {
        let count = self.kernel_count();
        let mut total = Buffer::full(count, T::default());
        if self.is_empty() || count == 0 {
            return total;
        }
        let (block, taps, per_group) = (self.images_per_block(), self.taps(), self.out_per_group());
        let blocks = self.n.div_ceil(block);
        // Each slice of the batch has a sum of its own; the slices depend on the shape alone, and so do the bits.
        let slices = blocks.min(8).min(((4 << 20) / count).max(2));
        let per_slice = blocks.div_ceil(slices);
        let mut partial = Buffer::uninit(slices * count);
        for_each_chunk_mut(&mut partial, count, |slice, sum| {
            sum.fill(T::default());
            let end = ((slice + 1) * per_slice * block).min(self.n);
            let mut start = slice * per_slice * block;
            while start < end {
                let images = block.min(end - start);
                let rows = images * self.positions();
                let mut matrix = Buffer::uninit(rows * taps);
                let dy = &dy[start * self.image_out()..][..images * self.image_out()];
                for group in 0..self.conv.groups {
                    let x = &x[start * self.image()..][..images * self.image()];
                    self.unfold(x, images, group, &mut matrix);
                    let one = <T as crate::array::dtype::Stored>::cast(true);
                    T::gemm(
                        [per_group, rows, taps],
                        transposed(self.out_matrix(dy, group)),
                        Matrix { data: &matrix, offset: 0, rows: taps as isize, columns: 1 },
                        one,
                        &mut sum[group * per_group..],
                        [1, self.channels_out],
                    );
                }
                start += images;
            }
        });
        for partial in partial.chunks_exact(count) {
            total.iter_mut().zip(partial).for_each(|(t, &p)| *t += p);
        }
        total
    }
}

fn transposed<T>(m: Matrix<'_, T>) -> Matrix<'_, T> {
    Matrix { rows: m.columns, columns: m.rows, ..m }
}
