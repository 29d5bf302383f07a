//! Batch normalisation. Composed of means and squares it would read and write its input a dozen times; with the moments, the
//! sums that its gradients have in common, and two formulas for single numbers as primitives it does so twice each way.

use crate::op::{Lowering, MultiOp, Op};
use crate::tape::graph::Var;
use tensor::{ChannelReduce, OrPanic, Shape, ShapeError, Spec, Tensor, kernels, rules};

/// Mean and biased variance of each channel.
struct Moments;

impl MultiOp<1, 2> for Moments {
    fn infer(&self, [x]: [Spec; 1]) -> Result<[Spec; 2], ShapeError> {
        let channels = x.with_shape(rules::moments_shape(x.shape)?);
        Ok([channels, channels])
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> [Tensor; 2] {
        x.moments()
    }
    fn vjp<'g>(
        &self,
        [x]: [Var<'g>; 1],
        [mean, _]: [Var<'g>; 2],
        [dmean, dvariance]: [Option<Var<'g>>; 2],
        _: [bool; 1],
    ) -> [Option<Var<'g>>; 1] {
        let of_variance = dvariance.map(|dvariance| (x - mean) * dvariance * 2.0);
        let sum = match (dmean, of_variance) {
            (Some(dmean), Some(of_variance)) => Some(dmean + of_variance),
            (Some(dmean), None) => Some(dmean.broadcast_to(x.shape())),
            (None, of_variance) => of_variance,
        };
        [sum.map(|sum| sum / examples(x))]
    }
    fn flops(&self, [x]: [Shape; 1], _: Shape) -> u64 {
        4 * x.numel() as u64
    }
}

/// A row of `[rows, channels]`.
fn row(v: Var<'_>, i: usize) -> Var<'_> {
    v.narrow(0, i, 1).reshape([v.shape()[1]])
}

/// How many numbers of each channel there are; at least 1, to be divided by.
fn examples(x: Var<'_>) -> f64 {
    let shape = x.shape();
    (shape.numel() / shape.last().map_or(1, |&channels| channels.max(1))).max(1) as f64
}

/// `(x − mean) · inv_std · scale + offset` where mean and inverse deviation are those of the channels of `x` itself. The
/// gradient with respect to `x` is the one through these two as well, so none flows to them.
struct Normalize;

impl Op<5> for Normalize {
    fn infer(&self, specs: [Spec; 5]) -> Result<Spec, ShapeError> {
        let dtype = rules::same_dtype("batch_norm", &specs)?;
        let [x, params @ ..] = specs.map(|spec| spec.shape);
        Ok(Spec { shape: rules::normalize_shape("batch_norm", x, &params, None)?, dtype })
    }
    #[track_caller]
    fn forward(&self, [x, mean, inv_std, scale, offset]: [&Tensor; 5]) -> Tensor {
        kernels::normalize(x, mean, inv_std, scale, offset)
    }
    fn vjp<'g>(
        &self,
        [x, mean, inv_std, scale, _]: [Var<'g>; 5],
        _: Var<'g>,
        dy: Var<'g>,
        need: [bool; 5],
    ) -> [Option<Var<'g>>; 5] {
        let sums = x.graph().apply(NormalizeSums, [x, mean, inv_std, dy]);
        let dx = || {
            let means = sums / examples(x);
            let slope = row(means, 1) * inv_std;
            x.graph().apply(NormalizeGrad, [x, mean, inv_std * scale, row(means, 0), slope, dy])
        };
        [need[0].then(dx), None, None, need[3].then(|| row(sums, 1)), need[4].then(|| row(sums, 0))]
    }
    fn differentiable(&self, i: usize) -> bool {
        [0, 3, 4].contains(&i)
    }
    fn lower(&self) -> Lowering {
        Lowering::elementwise(|[x, mean, inv_std, scale, offset]| (x - mean) * inv_std * scale + offset)
    }
    fn flops(&self, _: [Shape; 5], y: Shape) -> u64 {
        4 * y.numel() as u64
    }
}

/// For each channel the sums of `dy` and of `dy · (x − mean) · inv_std`.
struct NormalizeSums;

impl Op<4> for NormalizeSums {
    fn infer(&self, specs: [Spec; 4]) -> Result<Spec, ShapeError> {
        let dtype = rules::same_dtype("normalize_sums", &specs)?;
        Ok(Spec { shape: rules::normalize_sums_shape(specs.map(|spec| spec.shape))?, dtype })
    }
    #[track_caller]
    fn forward(&self, [x, mean, inv_std, dy]: [&Tensor; 4]) -> Tensor {
        kernels::normalize_sums(x, mean, inv_std, dy)
    }
    fn vjp<'g>(
        &self,
        [x, mean, inv_std, dy]: [Var<'g>; 4],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 4],
    ) -> [Option<Var<'g>>; 4] {
        let along = row(dz, 1);
        let dx = (need[0] || need[1]).then(|| dy * inv_std * along);
        [
            dx,
            dx.map(|dx| -dx),
            need[2].then(|| (x - mean) * dy * along),
            need[3].then(|| (x - mean) * inv_std * along + row(dz, 0)),
        ]
    }
    fn lower(&self) -> Lowering {
        Lowering::ChannelReduce(ChannelReduce::normalize())
    }
    fn flops(&self, [x, ..]: [Shape; 4], _: Shape) -> u64 {
        5 * x.numel() as u64
    }
}

/// `factor · (dy − shift − (x − mean) · slope)`.
struct NormalizeGrad;

impl Op<6> for NormalizeGrad {
    fn infer(&self, specs: [Spec; 6]) -> Result<Spec, ShapeError> {
        let dtype = rules::same_dtype("normalize_grad", &specs)?;
        let [x, params @ .., dy] = specs.map(|spec| spec.shape);
        Ok(Spec { shape: rules::normalize_shape("normalize_grad", x, &params, Some(dy))?, dtype })
    }
    #[track_caller]
    fn forward(&self, [x, mean, factor, shift, slope, dy]: [&Tensor; 6]) -> Tensor {
        kernels::normalize_grad(x, mean, factor, shift, slope, dy)
    }
    fn vjp<'g>(
        &self,
        [x, mean, factor, shift, slope, dy]: [Var<'g>; 6],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 6],
    ) -> [Option<Var<'g>>; 6] {
        let scaled = dz * factor;
        [
            need[0].then(|| -(scaled * slope)),
            need[1].then(|| scaled * slope),
            need[2].then(|| dz * (dy - shift - (x - mean) * slope)),
            need[3].then(|| -scaled),
            need[4].then(|| -(scaled * (x - mean))),
            need[5].then_some(scaled),
        ]
    }
    fn lower(&self) -> Lowering {
        Lowering::elementwise(|[x, mean, factor, shift, slope, dy]| {
            factor * (dy - shift - (x - mean) * slope)
        })
    }
    fn flops(&self, _: [Shape; 6], y: Shape) -> u64 {
        5 * y.numel() as u64
    }
}

impl<'g> Var<'g> {
    /// The mean and the biased variance of every channel (the last axis) over all other axes, each `[channels]` (TensorFlow's
    /// `tf.nn.moments`).
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let [mean, variance] = graph.input(Tensor::from([[1.0_f64, 5.0], [3.0, 5.0]])).moments();
    /// assert_eq!(mean.value(), Tensor::from([2.0_f64, 5.0]));
    /// assert_eq!(variance.value(), Tensor::from([1.0_f64, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If there is no last axis or the elements are not floats.
    #[track_caller]
    pub fn moments(self) -> [Var<'g>; 2] {
        self.graph.apply_multi(Moments, [self.floats("moments")])
    }

    /// Every channel (the last axis) brought to mean 0 and variance 1 over all other axes:
    /// `(x − mean) / sqrt(variance + eps)`, the variance being the biased one (Ioffe and Szegedy, 2015).
    ///
    /// The mean is rounded: errors are 4, 4, 12 eps where the numbers are not larger than their deviation, and as many times more
    /// as they are larger. The variance must be within the type's range, the numbers of `f32` below 1e19.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let y = graph.input(Tensor::from([[1.0_f64], [3.0]])).batch_norm(1e-9);
    /// assert!((y.value() - Tensor::from([[-1.0_f64], [1.0]])).abs().max(..).item() < 1e-8);
    /// ```
    ///
    /// # Panics
    /// If there is no last axis, the elements are not floats, or `eps` is negative or not finite.
    #[track_caller]
    pub fn batch_norm(self, eps: f64) -> Var<'g> {
        let [y, ..] = self.batch_norm_affine(eps, None, None);
        y
    }

    /// As [`batch_norm`](Var::batch_norm), then multiplied by `scale` and moved by `offset`, a number for each channel; and the mean
    /// and the variance that it was normalised by, for running averages (PyTorch's `native_batch_norm`).
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f64], [3.0]]));
    /// let offset = graph.input(Tensor::from([0.5_f64]));
    /// let [y, mean, variance] = x.batch_norm_affine(0.0, None, Some(offset));
    /// assert_eq!(y.value(), Tensor::from([[-0.5_f64], [1.5]]));
    /// assert_eq!((mean.item(), variance.item()), (2.0, 1.0));
    /// ```
    ///
    /// # Panics
    /// As there, and if scale or offset is not of shape `[channels]` and of this type.
    #[track_caller]
    pub fn batch_norm_affine(
        self,
        eps: f64,
        scale: Option<Var<'g>>,
        offset: Option<Var<'g>>,
    ) -> [Var<'g>; 3] {
        rules::check_eps(self.shape(), eps).or_panic();
        let graph = self.graph();
        let [mean, variance] = graph.apply_multi(Moments, [self.floats("batch_norm")]);
        let inv_std = (variance + eps).sqrt().recip();
        let [scale, offset] = [(scale, 1.0), (offset, 0.0)]
            .map(|(given, value)| given.unwrap_or_else(|| self.full(mean.shape(), value)));
        [graph.apply(Normalize, [self, mean, inv_std, scale, offset]), mean, variance]
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    vec![
        Case::new("moments", [Case::normal(&[7, 3], 1)], |_, x| {
            let [mean, variance] = x[0].moments();
            mean + variance * 2.0
        })
        .empty_gives_nan(),
        Case::new("moments", [Case::normal(&[2, 3, 2, 4], 2)], |_, x| {
            let [mean, variance] = x[0].moments();
            mean + variance * 2.0
        })
        .empty_gives_nan(),
        Case::new("batch_norm", [Case::normal(&[7, 3], 1)], |_, x| x[0].batch_norm(1e-5)),
        // Here the incoming gradient depends on the input, which the second order must not count twice.
        Case::new("batch_norm", [Case::normal(&[7, 3], 1)], |_, x| x[0].batch_norm(1e-5).tanh()),
        Case::new("batch_norm", [Case::normal(&[2, 3, 2, 4], 2)], |_, x| x[0].batch_norm(0.1)),
        Case::new(
            "batch_norm_affine",
            [Case::normal(&[5, 3], 3), Case::normal(&[3], 4), Case::normal(&[3], 5)],
            |_, x| x[0].batch_norm_affine(0.1, Some(x[1]), Some(x[2]))[0],
        ),
        Case::new("batch_norm_affine", [Case::normal(&[2, 2, 3], 6), Case::normal(&[3], 7)], |_, x| {
            x[0].batch_norm_affine(0.1, Some(x[1]), None)[0].tanh() * x[1]
        }),
    ]
}
