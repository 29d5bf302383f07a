//! Pooling, composed of padding, windows and a reduction.

use crate::graph::Var;
use tensor::{OrPanic, Padding, Shape, ShapeError, Windows, image_dims};

/// Windows that images are pooled over.
///
/// ```
/// use autograd::Pool2d;
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

    /// The windows, and `[before, after]` for each axis of an image batch.
    fn plan(&self, op: &'static str, x: Shape) -> Result<(Windows, [[usize; 2]; 4]), ShapeError> {
        let [_, height, width, _] = image_dims(op, x)?;
        let [vertical, horizontal] = self.padding.resolve([height, width], self.kernel, self.stride);
        for (padding, kernel) in [vertical, horizontal].into_iter().zip(self.kernel) {
            if padding[0].max(padding[1]) >= kernel.max(1) {
                return Err(ShapeError::new(
                    op,
                    format!(
                        "padding {padding:?} reaches the kernel's size {kernel}: a window would hold padding only"
                    ),
                ));
            }
        }
        let windows = Windows { kernel: self.kernel, stride: self.stride, dilation: [1, 1] };
        windows.count(op, [height + vertical[0] + vertical[1], width + horizontal[0] + horizontal[1]])?;
        Ok((windows, [[0, 0], vertical, horizontal, [0, 0]]))
    }
}

impl<'g> Var<'g> {
    #[track_caller]
    fn pooled(self, op: &'static str, pool: Pool2d, padded_with: f64) -> Var<'g> {
        let (windows, padding) = pool.plan(op, self.shape()).or_panic();
        let padded = if padding == [[0; 2]; 4] { self } else { self.pad(&padding, padded_with) };
        padded.windows(windows)
    }

    /// The largest element of each window of images `[n, h, w, c]`; of equals the first has the gradient.
    ///
    /// ```
    /// # use autograd::{Graph, Pool2d, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 5.0, 2.0, 3.0]).reshape([1, 2, 2, 1]));
    /// assert_eq!(x.max_pool2d(Pool2d::new(2)).item(), 5.0);
    /// ```
    ///
    /// # Panics
    /// If the rank is not 4, a window does not fit, or would hold padding only.
    #[track_caller]
    pub fn max_pool2d(self, pool: Pool2d) -> Var<'g> {
        self.pooled("max_pool2d", pool, f64::NEG_INFINITY).max([3, 4])
    }

    /// The mean of each window of images `[n, h, w, c]`, of the elements that are not padding.
    ///
    /// # Panics
    /// If the rank is not 4, a window does not fit, or would hold padding only.
    #[track_caller]
    pub fn avg_pool2d(self, pool: Pool2d) -> Var<'g> {
        let sum = self.pooled("avg_pool2d", pool, 0.0).sum([3, 4]);
        let shape = self.shape();
        let ones = self.full([1, shape[1], shape[2], 1], 1.0);
        sum / ones.pooled("avg_pool2d", pool, 0.0).sum([3, 4])
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<super::table::Case> {
    use super::table::Case;
    let mut cases = vec![];
    for (kernel, stride, padding) in [
        ([2, 2], [2, 2], Padding::Valid),
        ([3, 2], [1, 2], Padding::Same),
        ([2, 3], [3, 1], Padding::Same),
        ([3, 3], [2, 2], Padding::Explicit([[1, 2], [0, 1]])),
        ([1, 2], [2, 3], Padding::Valid),
    ] {
        let pool = Pool2d { kernel, stride, padding };
        let x = || [Case::normal(&[2, 5, 6, 3], 1)];
        cases.push(Case::new("max_pool2d", x(), move |_, x| x[0].max_pool2d(pool)));
        cases.push(Case::new("avg_pool2d", x(), move |_, x| x[0].avg_pool2d(pool)));
    }
    cases
}
