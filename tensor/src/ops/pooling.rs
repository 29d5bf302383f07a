//! Pooling: windows over padded images, reduced.

use crate::array::layout::Windows;
use crate::array::shape::{OrPanic, Shape, ShapeError, image_dims};
use crate::array::tensor::Tensor;
use crate::array::tensor::wrong_type;
use crate::conv::Padding;

/// Windows that images are pooled over.
///
/// ```
/// use tensor::Pool2d;
/// let halved = Pool2d::new(2); // windows of 2 × 2, side by side
/// let smooth = Pool2d { stride: [1, 1], ..Pool2d::new(3) };
/// assert_eq!(halved.stride, [2, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Distance between the starts of neighbouring windows.
    pub stride: [usize; 2],
    /// What is put around the image; padded positions are never the largest and do not count in an average.
    pub padding: Padding,
}

impl Pool2d {
    /// Square windows of `size` side by side, without padding.
    pub fn new(size: usize) -> Pool2d {
        Pool2d { kernel: [size; 2], stride: [size; 2], padding: Padding::Valid }
    }

    /// The windows, and `[before, after]` for each axis of a batch of images.
    ///
    /// # Errors
    /// If the rank is not 4, a window does not fit, or could hold padding only.
    pub fn plan(&self, op: &'static str, x: Shape) -> Result<(Windows, [[usize; 2]; 4]), ShapeError> {
        let [n, height, width, channels] = image_dims(op, x)?;
        let [vertical, horizontal] = self.padding.resolve([height, width], self.kernel, self.stride);
        for (padding, kernel) in [vertical, horizontal].into_iter().zip(self.kernel) {
            if padding[0].max(padding[1]) >= kernel.max(1) {
                return Err(ShapeError::new(
                    op,
                    format!(
                        "padding {padding:?} of {x} reaches the kernel's size {kernel}: a window would hold padding only"
                    ),
                ));
            }
        }
        let windows = Windows { kernel: self.kernel, stride: self.stride, dilation: [1, 1] };
        let padded =
            |size: usize, [before, after]: [usize; 2]| size.saturating_add(before).saturating_add(after);
        let size = [padded(height, vertical), padded(width, horizontal)];
        let out = windows.count(op, x, size)?;
        // Both that are made on the way must be possible, and be refused by this operation's name if not.
        Shape::of(&[n, size[0], size[1], channels], op)?;
        Shape::of(&[n, out[0], out[1], self.kernel[0], self.kernel[1], channels], op)?;
        Ok((windows, [[0, 0], vertical, horizontal, [0, 0]]))
    }
}

impl Tensor {
    #[track_caller]
    fn pooled(&self, op: &'static str, pool: &Pool2d, padded_with: f64) -> Tensor {
        let (windows, padding) = pool.plan(op, self.shape()).or_panic();
        if padding == [[0; 2]; 4] {
            return self.windows(windows);
        }
        self.pad(&padding, padded_with).windows(windows)
    }

    /// The largest element of each window of images `[n, h, w, c]`.
    ///
    /// ```
    /// # use tensor::{Pool2d, Tensor};
    /// let x = Tensor::from([1.0_f32, 5.0, 2.0, 3.0]).reshape([1, 2, 2, 1]);
    /// assert_eq!(x.max_pool2d(&Pool2d::new(2)).item(), 5.0);
    /// ```
    ///
    /// # Panics
    /// If the rank is not 4, a window does not fit or could hold padding only, or the elements are not floats.
    #[track_caller]
    pub fn max_pool2d(&self, pool: &Pool2d) -> Tensor {
        if !self.dtype().is_float() {
            panic!("{}", wrong_type("max_pool2d", self, "floats"));
        }
        self.pooled("max_pool2d", pool, f64::NEG_INFINITY).max([3, 4])
    }

    /// The mean of each window of images `[n, h, w, c]`, of the elements that are not padding.
    ///
    /// # Panics
    /// If the rank is not 4, a window does not fit or could hold padding only, or the elements are not floats.
    #[track_caller]
    pub fn avg_pool2d(&self, pool: &Pool2d) -> Tensor {
        if !self.dtype().is_float() {
            panic!("{}", wrong_type("avg_pool2d", self, "floats"));
        }
        let sum = self.pooled("avg_pool2d", pool, 0.0).sum([3, 4]);
        let shape = self.shape();
        let ones = Tensor::ones([1, shape[1], shape[2], 1], self.dtype());
        sum / ones.pooled("avg_pool2d", pool, 0.0).sum([3, 4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Rng};

    #[test]
    fn every_kernel_stride_and_padding_against_plain_loops() {
        let x = Tensor::normal([1, 6, 5, 2], 0.0, 1.0, DType::F64, &mut Rng::new(1));
        let values = x.to_vec::<f64>();
        for kernel in [[1, 1], [2, 3], [3, 2]] {
            for stride in [[1, 1], [2, 3], [3, 1]] {
                let explicit = Padding::Explicit([[kernel[0] - 1, 0], [0, kernel[1] - 1]]);
                for padding in [Padding::Valid, Padding::Same, explicit] {
                    let pool = Pool2d { kernel, stride, padding };
                    let (max, avg) = (x.max_pool2d(&pool), x.avg_pool2d(&pool));
                    let before = padding.resolve([6, 5], kernel, stride).map(|p| p[0]);
                    let [_, oh, ow, _] = image_dims("", max.shape()).unwrap();
                    for cell in 0..oh * ow * 2 {
                        let (i, j, c) = (cell / (ow * 2), cell / 2 % ow, cell % 2);
                        let mut inside = vec![];
                        for u in 0..kernel[0] {
                            for v in 0..kernel[1] {
                                let row = (i * stride[0] + u).wrapping_sub(before[0]);
                                let column = (j * stride[1] + v).wrapping_sub(before[1]);
                                if row < 6 && column < 5 {
                                    inside.push(values[(row * 5 + column) * 2 + c]);
                                }
                            }
                        }
                        let largest = inside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
                        assert_eq!(max.to_vec::<f64>()[cell], largest, "{pool:?}");
                        assert!((avg.to_vec::<f64>()[cell] - mean).abs() < 1e-12, "{pool:?}");
                    }
                }
            }
        }
    }
}
