//! Two-dimensional convolution and its two adjoints.
//!
//! Each image is unfolded into a matrix with a row per output position and a column per kernel entry ("im2col"), which
//! turns convolution into a matrix product. A few images at a time, so that the matrix stays in the cache.

use crate::buffer::Buffer;
use crate::dtype::for_float;
use crate::matmul::{Gemm, Matrix};
use crate::parallel::for_each_chunk_mut;
use crate::shape::{OrPanic, Shape, ShapeError, image_dims};
use crate::tensor::Tensor;

/// How much is put around an image before windows slide over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Padding {
    /// As much as makes the output `⌈size / stride⌉`, the odd one after (TensorFlow's `SAME`).
    #[default]
    Same,
    /// None.
    Valid,
    /// `[before, after]` along height, then along width.
    Explicit([[usize; 2]; 2]),
}

impl Padding {
    /// Before and after along height and width for images of `size` and windows spanning `span`.
    pub fn resolve(self, size: [usize; 2], span: [usize; 2], stride: [usize; 2]) -> [[usize; 2]; 2] {
        match self {
            Padding::Valid => [[0; 2]; 2],
            Padding::Explicit(padding) => padding,
            Padding::Same => [0, 1].map(|i| {
                let out = size[i].div_ceil(stride[i].max(1));
                let needed = out.saturating_sub(1).saturating_mul(stride[i]).saturating_add(span[i]);
                let total = needed.saturating_sub(size[i]);
                [total / 2, total - total / 2]
            }),
        }
    }
}

/// What a convolution is besides its images and kernel.
///
/// ```
/// use tensor::{Conv2d, Padding};
/// let same = Conv2d { stride: [2, 2], ..Conv2d::default() };
/// assert_eq!(same.padding, Padding::Same);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Distance between neighbouring windows along height and width.
    pub stride: [usize; 2],
    /// Distance between neighbouring entries of the kernel on the image.
    pub dilation: [usize; 2],
    /// Channels are cut into so many groups, each convolved by itself.
    pub groups: usize,
    /// What is put around the image: zeros.
    pub padding: Padding,
}

impl Default for Conv2d {
    fn default() -> Conv2d {
        Conv2d { stride: [1, 1], dilation: [1, 1], groups: 1, padding: Padding::Same }
    }
}

impl Conv2d {
    /// The rule of convolution: `[n, h, w, c] × [kh, kw, c / groups, out] → [n, oh, ow, out]`, where
    /// `oh = (h + before + after − dilation·(kh − 1) − 1) / stride + 1`.
    ///
    /// # Errors
    /// If the ranks are not 4, channels and groups do not fit, or the kernel is larger than the padded image.
    pub fn shape(&self, x: Shape, kernel: Shape) -> Result<Shape, ShapeError> {
        let g = self.geometry(x, kernel)?;
        Shape::of(&[g.n, g.out[0], g.out[1], g.channels_out], "conv2d")
    }

    fn geometry(&self, x: Shape, kernel: Shape) -> Result<Geometry, ShapeError> {
        const OP: &str = "conv2d";
        let refuse = |rule: String| Err(ShapeError::new(OP, format!("{x} with kernel {kernel}: {rule}")));
        let [n, height, width, channels] = image_dims(OP, x)?;
        let Ok([kh, kw, per_group, channels_out]): Result<[usize; 4], _> = (*kernel).try_into() else {
            return refuse("the kernel must be [height, width, channels in, channels out]".into());
        };
        let groups = self.groups;
        if groups == 0 || channels_out % groups.max(1) != 0 {
            return refuse(format!("{channels_out} channels out do not divide into {groups} groups"));
        }
        if per_group.checked_mul(groups) != Some(channels) {
            return refuse(match groups {
                1 => format!("the image has {channels} channels, the kernel takes {per_group}"),
                _ => format!("{groups} groups of {per_group} channels are not the image's {channels}"),
            });
        }
        let span =
            [0, 1].map(|i| self.dilation[i].saturating_mul([kh, kw][i].saturating_sub(1)).saturating_add(1));
        let padding = self.padding.resolve([height, width], span, self.stride);
        let padded =
            [0, 1].map(|i| [height, width][i].saturating_add(padding[i][0]).saturating_add(padding[i][1]));
        if padded.iter().any(|&size| size > isize::MAX as usize) {
            return refuse(format!("padded with {padding:?} the image has more rows or columns than can be"));
        }
        let windows = crate::Windows { kernel: [kh, kw], stride: self.stride, dilation: self.dilation };
        let empty = n == 0 || height == 0 || width == 0;
        let out = if empty && self.padding == Padding::Same && self.stride.iter().all(|&s| s > 0) {
            [0, 1].map(|i| [height, width][i].div_ceil(self.stride[i]))
        } else {
            windows.count(OP, padded)?
        };
        Ok(Geometry {
            n,
            size: [height, width],
            channels,
            kernel: [kh, kw],
            per_group,
            channels_out,
            out,
            before: [padding[0][0], padding[1][0]],
            conv: *self,
        })
    }
}

/// All sizes of one convolution.
struct Geometry {
    n: usize,
    size: [usize; 2],
    channels: usize,
    kernel: [usize; 2],
    per_group: usize,
    channels_out: usize,
    out: [usize; 2],
    before: [usize; 2],
    conv: Conv2d,
}

/// Elements of an unfolded matrix: a quarter of a core's second-level cache.
const UNFOLDED: usize = 32 << 10;

impl Geometry {
    fn positions(&self) -> usize {
        self.out[0] * self.out[1]
    }
    fn image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }
    fn image_out(&self) -> usize {
        self.positions() * self.channels_out
    }
    /// Entries of the kernel that one output depends on.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.per_group
    }
    fn out_per_group(&self) -> usize {
        self.channels_out / self.conv.groups
    }
    fn kernel_count(&self) -> usize {
        self.taps() * self.channels_out
    }
    /// Images unfolded at a time.
    fn images_per_block(&self) -> usize {
        (UNFOLDED / (self.positions() * self.taps()).max(1)).clamp(1, self.n.max(1))
    }
    fn is_empty(&self) -> bool {
        self.n * self.image_out() == 0
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

    fn forward<T: Gemm>(&self, x: &[T], kernel: &[T]) -> Buffer<T> {
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

    fn input_grad<T: Gemm + std::ops::AddAssign>(&self, dy: &[T], kernel: &[T]) -> Buffer<T> {
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

    fn kernel_grad<T: Gemm + std::ops::AddAssign>(&self, x: &[T], dy: &[T]) -> Buffer<T> {
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
                    let one = <T as crate::dtype::Stored>::cast(true);
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

impl Tensor {
    /// The convolution of images `[n, h, w, c]` with a kernel `[kh, kw, c / groups, out]` (cross-correlation, as in all
    /// frameworks): `y[n,i,j,o] = Σ x[n, i·s + u·d − before, j·s + v·d − before, c] · kernel[u, v, c, o]`.
    ///
    /// ```
    /// # use tensor::{Conv2d, DType, Padding, Tensor};
    /// let image = Tensor::ones([1, 3, 3, 1], DType::F32);
    /// let kernel = Tensor::ones([3, 3, 1, 1], DType::F32);
    /// let y = image.conv2d(&kernel, &Conv2d::default());
    /// assert_eq!(y.to_vec::<f32>(), [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes break the rule [`Conv2d::shape`] or the types are not the same float.
    #[track_caller]
    pub fn conv2d(&self, kernel: &Tensor, conv: &Conv2d) -> Tensor {
        kernel.expect_dtype("conv2d", self.dtype()).or_panic();
        let g = conv.geometry(self.shape(), kernel.shape()).or_panic();
        let shape = conv.shape(self.shape(), kernel.shape()).or_panic();
        for_float!(self.dtype(), T => {
            Tensor::from_buffer(g.forward(row_major::<T>(&self.contiguous()), row_major(&kernel.contiguous())), shape)
        }, else panic!("conv2d: images of {} cannot be convolved; convert with .to(…)", self.dtype()))
    }

    /// The adjoint of [`conv2d`](Tensor::conv2d) in its images: `self` is like the output, the result has the
    /// shape `images`. Also known as transposed convolution.
    ///
    /// # Panics
    /// If `self` has not the shape that images of this shape give, or the types are not the same float.
    #[track_caller]
    pub fn conv2d_input_grad(&self, kernel: &Tensor, images: Shape, conv: &Conv2d) -> Tensor {
        kernel.expect_dtype("conv2d_input_grad", self.dtype()).or_panic();
        let g = conv.geometry(images, kernel.shape()).or_panic();
        expect_output("conv2d_input_grad", self.shape(), conv.shape(images, kernel.shape()).or_panic());
        for_float!(self.dtype(), T => {
            let out = g.input_grad(row_major::<T>(&self.contiguous()), row_major(&kernel.contiguous()));
            Tensor::from_buffer(out, images)
        }, else panic!("conv2d_input_grad: images of {} cannot be convolved", self.dtype()))
    }

    /// The adjoint of [`conv2d`](Tensor::conv2d) in its kernel: `self` is like the images, `dy` like the output, the
    /// result has the shape `kernel`.
    ///
    /// # Panics
    /// If `dy` has not the shape of the output, or the types are not the same float.
    #[track_caller]
    pub fn conv2d_kernel_grad(&self, dy: &Tensor, kernel: Shape, conv: &Conv2d) -> Tensor {
        dy.expect_dtype("conv2d_kernel_grad", self.dtype()).or_panic();
        let g = conv.geometry(self.shape(), kernel).or_panic();
        expect_output("conv2d_kernel_grad", dy.shape(), conv.shape(self.shape(), kernel).or_panic());
        for_float!(self.dtype(), T => {
            let out = g.kernel_grad(row_major::<T>(&self.contiguous()), row_major(&dy.contiguous()));
            Tensor::from_buffer(out, kernel)
        }, else panic!("conv2d_kernel_grad: images of {} cannot be convolved", self.dtype()))
    }
}

#[track_caller]
fn expect_output(op: &str, found: Shape, expected: Shape) {
    if found != expected {
        panic!("{op}: the output's gradient is {found}, the output is {expected}");
    }
}

fn row_major<T: crate::Element>(x: &Tensor) -> &[T] {
    match x.as_slice() {
        Some(slice) => slice,
        None => unreachable!("it was made contiguous and of this type"),
    }
}

#[cfg(test)]
mod tests;
