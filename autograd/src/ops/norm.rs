//! Batch normalisation. Composed of means and squares it would read and write its input a dozen times; with the moments and
//! its gradient as primitives it does so twice each way. The gradient's own gradient is that of the formula it computes.

use crate::graph::Var;
use crate::op::Op;
use tensor::{Scalar, Shape, ShapeError, Tensor, broadcast_shape, rules};

/// Mean and biased variance of each channel.
#[derive(Debug)]
struct Moments;

impl Op<1> for Moments {
    fn shape(&self, [x]: [Shape; 1]) -> Result<Shape, ShapeError> {
        rules::moments_shape(x)
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.moments()
    }
    fn vjp<'g>(&self, _: usize, [x]: [Var<'g>; 1], y: Var<'g>, dy: Var<'g>) -> Var<'g> {
        let (channels, count) = (y.shape()[1], x.shape().count() as f64);
        let row = |v: Var<'g>, i| v.narrow(0, i, 1).reshape([channels]);
        let share = channels as f64 / count.max(1.0);
        (row(dy, 0) + (x - row(y, 0)) * row(dy, 1) * 2.0) * share
    }
    fn flops(&self, [x]: [Shape; 1], _: Shape) -> u64 {
        4 * x.count() as u64
    }
}

/// `(x − mean) · factor` where both belong to `x`: mean and inverse deviation of its channels. The gradient with respect to
/// `x` is the one through them too, so they are given as constants of differentiation.
#[derive(Debug)]
struct Normalize {
    eps: f64,
}

impl Op<3> for Normalize {
    fn shape(&self, [x, mean, factor]: [Shape; 3]) -> Result<Shape, ShapeError> {
        broadcast_shape("batch_norm", x, broadcast_shape("batch_norm", mean, factor)?)
    }
    #[track_caller]
    fn forward(&self, [x, mean, factor]: [&Tensor; 3]) -> Tensor {
        x.sub(mean).mul(factor)
    }
    fn vjp<'g>(&self, _: usize, [x, mean, factor]: [Var<'g>; 3], _: Var<'g>, dy: Var<'g>) -> Var<'g> {
        x.graph().apply(NormalizeGrad { eps: self.eps }, [x, mean, factor, dy])
    }
    fn elementwise(&self) -> Option<Scalar> {
        Some(Scalar::normalize())
    }
    fn flops(&self, _: [Shape; 3], y: Shape) -> u64 {
        2 * y.count() as u64
    }
}

#[derive(Debug)]
struct NormalizeGrad {
    eps: f64,
}

impl NormalizeGrad {
    /// What `forward` computes in one go: `(dy − mean(dy) − y · mean(dy · y)) / sqrt(variance + eps)`.
    fn composed<'g>(&self, x: Var<'g>, dy: Var<'g>) -> Var<'g> {
        let axes: Vec<isize> = (0..x.rank() as isize - 1).collect();
        let mean = |v: Var<'g>| v.mean(axes.clone());
        let centred = x - mean(x);
        let std = (mean(centred.square()) + self.eps).sqrt();
        let y = centred / std;
        (dy - mean(dy) - y * mean(dy * y)) / std
    }
}

impl Op<4> for NormalizeGrad {
    fn shape(&self, x: [Shape; 4]) -> Result<Shape, ShapeError> {
        rules::normalize_grad_shape(x)
    }
    #[track_caller]
    fn forward(&self, [x, mean, factor, dy]: [&Tensor; 4]) -> Tensor {
        x.normalize_grad(mean, factor, dy)
    }
    fn vjp<'g>(&self, i: usize, [x, _, _, dy]: [Var<'g>; 4], _: Var<'g>, dz: Var<'g>) -> Var<'g> {
        // Stand-ins, so that the sweep ends at this operation's inputs: `dy` may depend on `x` by ways of its own, which
        // the sweep that called us follows.
        let [x, dy] = [x, dy].map(|x| x.reshape(x.shape()));
        let z = self.composed(x, dy);
        dz.graph().grad_with(z, dz, &[if i == 0 { x } else { dy }])[0]
    }
    fn flops(&self, _: [Shape; 4], y: Shape) -> u64 {
        11 * y.count() as u64
    }
}

impl<'g> Var<'g> {
    /// The mean and the biased variance of every channel (the last axis) over all other axes: `[2, channels]`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let moments = graph.input(Tensor::from([[1.0_f64, 5.0], [3.0, 5.0]])).moments();
    /// assert_eq!(moments.value(), Tensor::from([[2.0_f64, 5.0], [1.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If there is no last axis or the elements are not floats.
    #[track_caller]
    pub fn moments(self) -> Var<'g> {
        self.floats("moments").apply(Moments)
    }

    /// Every channel (the last axis) brought to mean 0 and variance 1 over all other axes:
    /// `(x − mean) / sqrt(variance + eps)`, the variance being the biased one (Ioffe and Szegedy, 2015).
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
        self.batch_norm_with_moments(eps).0
    }

    /// As [`batch_norm`](Var::batch_norm), and the [`moments`](Var::moments) on the way, as a constant of differentiation:
    /// what running averages are made of.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn batch_norm_with_moments(self, eps: f64) -> (Var<'g>, Var<'g>) {
        if !(eps >= 0.0 && eps.is_finite()) {
            panic!(
                "batch_norm: eps is {eps} for the input {}; it is added to a variance and must be finite and not negative",
                self.shape()
            );
        }
        if self.rank() == 0 {
            panic!(
                "batch_norm: {} is a single number without channels; the last axis is theirs",
                self.shape()
            );
        }
        let moments = self.floats("batch_norm").detach().moments();
        let row = |i| moments.narrow(0, i, 1).reshape([moments.shape()[1]]);
        let factor = (row(1) + eps).sqrt().recip();
        (self.graph().apply(Normalize { eps }, [self, row(0), factor]), moments)
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<super::table::Case> {
    use super::table::Case;
    vec![
        Case::new("moments", [Case::normal(&[7, 3], 1)], |_, x| x[0].moments()).empty_gives_nan(),
        Case::new("moments", [Case::normal(&[2, 3, 2, 4], 2)], |_, x| x[0].moments()).empty_gives_nan(),
        Case::new("batch_norm", [Case::normal(&[7, 3], 1)], |_, x| x[0].batch_norm(1e-5)),
        // Here the incoming gradient depends on the input, which the second order must not count twice.
        Case::new("batch_norm", [Case::normal(&[7, 3], 1)], |_, x| x[0].batch_norm(1e-5).tanh()),
        Case::new("batch_norm", [Case::normal(&[2, 3, 2, 4], 2)], |_, x| x[0].batch_norm(0.1)),
        Case::new("batch_norm_with_moments", [Case::normal(&[5, 3], 3)], |_, x| {
            x[0].batch_norm_with_moments(0.1).0
        }),
    ]
}
