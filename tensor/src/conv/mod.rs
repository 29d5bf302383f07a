//! Two-dimensional convolution and its two adjoints.
//!
//! In `f32` without dilation and groups they are computed directly (`direct`), with many channels on the matrix unit, if
//! there is one (`amx.rs`), or by Winograd's algorithm (`winograd`); everything else as products of matrices
//! (`im2col.rs`).

mod amx;
pub(crate) mod batch_packing;
mod direct;
mod im2col;
pub(crate) mod kernel;
mod winograd;

use crate::array::shape::{OrPanic, Shape, ShapeError, image_dims};
use crate::array::spec::Spec;
use crate::array::tensor::Tensor;
use crate::fusion::{Epilogue, Prologue};
use crate::gemm::Prefetcher;
use crate::runtime::simd::vectorize;

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

    /// Refuses an output of another shape than this convolution gives.
    ///
    /// # Errors
    /// If `y` is one, in the name of `op`, or images and kernel break the rule [`shape`](Conv2d::shape).
    pub fn check_output(
        &self,
        op: &'static str,
        x: Shape,
        kernel: Shape,
        y: Shape,
    ) -> Result<(), ShapeError> {
        let expected = self.shape(x, kernel).map_err(|error| error.in_op(op))?;
        if y != expected {
            return Err(ShapeError::new(op, format!("{x} with kernel {kernel} gives {expected}, not {y}")));
        }
        Ok(())
    }

    /// The rule of the transposed convolution: an output `y` of this convolution and its kernel, to images of this shape.
    ///
    /// # Errors
    /// If such images give another output, or the types are not the same float.
    pub fn transpose_spec(&self, y: Spec, kernel: Spec, images: Shape) -> Result<Spec, ShapeError> {
        const OP: &str = "conv2d_transpose";
        self.check_output(OP, images, kernel.shape, y.shape)?;
        if y.dtype != kernel.dtype || !y.dtype.is_float() {
            let rule = format!(
                "{y} with a kernel of {kernel}: the element types must be the same float; convert with .to(…)"
            );
            return Err(ShapeError::new(OP, rule));
        }
        Ok(y.with_shape(images))
    }

    /// Whether images of `f32` are convolved one by one, without their windows being written out: it has no dilation and no
    /// groups.
    pub fn is_direct(&self) -> bool {
        self.dilation == [1, 1] && self.groups == 1
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
            windows.count(OP, x, padded)?
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

/// Images and outputs of so many numbers are not in a core's cache when their turn comes.
const FAR: usize = 1 << 20;

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
    fn is_empty(&self) -> bool {
        self.n * self.image_out() == 0
    }

    /// Room for what comes to the cache during a task's computations; none if that would be there anyway.
    fn prefetcher(&self, computations: usize) -> Prefetcher {
        match self.n * (self.image() + self.image_out()) {
            ..FAR => Prefetcher::nothing(),
            _ => Prefetcher::during(computations),
        }
    }
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
    /// # Accuracy
    /// Fast algorithms compute images of many channels in `f32`, with an error below `2·10⁻⁵` of the largest output. An image
    /// or a kernel whose range is such that they would lose the digits of its quiet parts is computed directly instead, so
    /// that the error of each output is below `512 ε Σ |x·kernel|` of its own terms, `ε = 2⁻²³`. That is decided for each
    /// image by itself: if a number is not finite, or larger than four times the sum of the magnitudes of some square of
    /// pixels, half as wide as the kernel, that is not all zeros; for the kernel likewise, if a number is larger than four
    /// times the sum of the magnitudes of all others of its output channel; and if the magnitudes or their products are beyond
    /// `2⁻⁸⁰ … 2⁸⁰`.
    ///
    /// What is not finite reaches the outputs whose sums it is a term of, and no others. Padding takes part as zeros, of which
    /// an infinite number of the kernel makes NaN.
    ///
    /// # Panics
    /// If the shapes break the rule [`Conv2d::shape`] or the types are not the same float.
    #[track_caller]
    pub fn conv2d(&self, kernel: &Tensor, conv: &Conv2d) -> Tensor {
        kernel::forward(conv, Prologue::None(self), kernel, Epilogue::NONE)
    }

    /// The transposed convolution: what a convolution makes `[n, out height, out width, out channels]` of, `images` being the shape of its
    /// images, spread back over these (PyTorch's `conv_transpose2d`; the gradient of [`conv2d`](Tensor::conv2d) in its images).
    ///
    /// ```
    /// # use tensor::{Conv2d, DType, Tensor};
    /// let y = Tensor::ones([1, 1, 1, 1], DType::F32);
    /// let kernel = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]).reshape([2, 2, 1, 1]);
    /// let conv = Conv2d { stride: [2, 2], ..Conv2d::default() };
    /// let images = y.conv2d_transpose(&kernel, [1, 2, 2, 1], &conv);
    /// assert_eq!(images.to_vec::<f32>(), [1.0, 2.0, 3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If images of that shape do not give an output of this one, or the types are not the same float.
    #[track_caller]
    pub fn conv2d_transpose(&self, kernel: &Tensor, images: impl Into<Shape>, conv: &Conv2d) -> Tensor {
        let spec = conv.transpose_spec(self.spec(), kernel.spec(), images.into()).or_panic();
        conv2d_input_grad(self, kernel, spec.shape, conv)
    }
}

#[track_caller]
fn expect_output(op: &str, found: Shape, expected: Shape) {
    if found != expected {
        panic!("{op}: the output's gradient is {found}, the output is {expected}");
    }
}

fn are_finite(numbers: &[f32]) -> bool {
    vectorize(
        #[inline(always)]
        || numbers.iter().fold(true, |all, x| all & x.is_finite()),
    )
}

fn row_major<T: crate::Element>(x: &Tensor) -> &[T] {
    match x.as_slice() {
        Some(slice) => slice,
        None => unreachable!("it was made contiguous and of this type"),
    }
}

/// The adjoint of [`conv2d`](Tensor::conv2d) in its images: `dy` is like the output, the result has the shape `images`. It is as
/// accurate as the convolution; padding has no part in it.
///
/// # Panics
/// If `dy` has not the shape that images of this shape give, or the types are not the same float.
#[track_caller]
pub fn conv2d_input_grad(dy: &Tensor, kernel: &Tensor, images: Shape, conv: &Conv2d) -> Tensor {
    kernel::input_grad(conv, images, Prologue::None(dy), kernel, Epilogue::NONE)
}

/// The adjoint of [`conv2d`](Tensor::conv2d) in its kernel: `x` is like the images, `dy` like the output, the
/// result has the shape `kernel`. It is as accurate as the convolution, and padding takes part as there.
///
/// # Panics
/// If `dy` has not the shape of the output, or the types are not the same float.
#[track_caller]
pub fn conv2d_kernel_grad(x: &Tensor, dy: &Tensor, kernel: Shape, conv: &Conv2d) -> Tensor {
    kernel::kernel_grad(conv, kernel, [Prologue::None(x), Prologue::None(dy)])
}

#[cfg(test)]
mod tests;
