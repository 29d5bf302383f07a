//! Pooling, composed of padding, windows and a reduction.

use crate::tape::graph::Var;
use tensor::{OrPanic, Pool2d};

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
    /// If the rank is not 4, a window does not fit, or would hold padding only, or the elements are not floats.
    #[track_caller]
    pub fn max_pool2d(self, pool: Pool2d) -> Var<'g> {
        self.floats("max_pool2d").pooled("max_pool2d", pool, f64::NEG_INFINITY).max([3, 4])
    }

    /// The mean of each window of images `[n, h, w, c]`, of the elements that are not padding.
    ///
    /// # Panics
    /// If the rank is not 4, a window does not fit, or would hold padding only, or the elements are not floats.
    #[track_caller]
    pub fn avg_pool2d(self, pool: Pool2d) -> Var<'g> {
        let sum = self.floats("avg_pool2d").pooled("avg_pool2d", pool, 0.0).sum([3, 4]);
        let shape = self.shape();
        let ones = self.full([1, shape[1], shape[2], 1], 1.0);
        sum / ones.pooled("avg_pool2d", pool, 0.0).sum([3, 4])
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    use tensor::Padding;
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
