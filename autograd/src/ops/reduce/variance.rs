//! Variance and standard deviation. They and their gradients are made of the distances from the mean, a primitive that keeps their
//! digits where the mean is large.

use crate::op::{Attributes, Op};
use crate::tape::graph::Var;
use tensor::{Axes, Shape, ShapeError, Spec, Tensor, rules};

/// The distances from the mean over axes.
struct Centred {
    axes: Axes,
}

impl Op<1> for Centred {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        rules::reduce_shape("centred", x.shape, &self.axes, true).map(|_| x)
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.centred(self.axes.clone())
    }
    fn vjp<'g>(&self, _: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy.centred(self.axes.clone()))]
    }
    fn flops(&self, _: [Shape; 1], y: Shape) -> u64 {
        4 * y.numel() as u64
    }
}

/// `Σ (x − mean)² / divisor` over axes, which stay with size 1, and its root.
pub(super) struct Variance {
    pub(super) axes: Axes,
    pub(super) correction: usize,
}
pub(super) struct Deviation {
    pub(super) axes: Axes,
    pub(super) correction: usize,
}

/// `n − correction`, but not below 0, where `n` numbers of `x` make one of `y`.
fn divisor(x: Var<'_>, y: Var<'_>, correction: usize) -> f64 {
    let n = x.shape().numel() as f64 / y.shape().numel().max(1) as f64;
    (n - correction as f64).max(0.0)
}

impl Op<1> for Variance {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes).with("correction", self.correction)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(rules::reduce_shape("var", x.shape, &self.axes, true)?))
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        let shape = rules::reduce_shape("var", x.shape(), &self.axes, true);
        x.var(self.axes.clone(), self.correction).reshape(shape.unwrap_or_default())
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], y: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy * (2.0 / divisor(x, y, self.correction)) * x.centred(self.axes.clone()))]
    }
    fn flops(&self, [x]: [Shape; 1], _: Shape) -> u64 {
        6 * x.numel() as u64
    }
}

impl Op<1> for Deviation {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes).with("correction", self.correction)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(rules::reduce_shape("std", x.shape, &self.axes, true)?))
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        let shape = rules::reduce_shape("std", x.shape(), &self.axes, true);
        x.std(self.axes.clone(), self.correction).reshape(shape.unwrap_or_default())
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], y: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        // Equal numbers have a deviation of 0, and no direction in which it grows. The quotient has the size of 1, and so neither
        // overflows nor vanishes.
        let y = y.equal(y.scalar(0.0)).select(y.scalar(1.0), y);
        [Some(dy * (1.0 / divisor(x, y, self.correction)) * (x.centred(self.axes.clone()) / y))]
    }
    fn flops(&self, [x]: [Shape; 1], _: Shape) -> u64 {
        6 * x.numel() as u64
    }
}

impl<'g> Var<'g> {
    /// The distances from the mean over `axes`: `x − mean(x)`, but within 1 eps of the largest of them however far from 0 the
    /// numbers are, where a mean that is rounded first costs their last digits. So layer normalisation is
    /// `x.centred(-1) / (x.var(-1, 0).unsqueeze(-1) + eps).sqrt()`, with errors 2, 4, 6 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1e7_f32, 1e7 + 1.0, 1e7 + 2.0, 1e7 + 3.0]));
    /// assert_eq!(x.centred(0).value(), Tensor::from([-1.5_f32, -0.5, 0.5, 1.5]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn centred(self, axes: impl Into<Axes>) -> Var<'g> {
        self.floats("centred").apply(Centred { axes: axes.into() })
    }
}

#[cfg(test)]
pub(in crate::ops) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let x = || [Case::normal(&[2, 3, 4], 1)];
    vec![
        Case::new("var", x(), |_, x| x[0].var([0, 2], 0)).empty_gives_nan(),
        Case::new("var", x(), |_, x| x[0].var(-1, 1)),
        Case::new("std", x(), |_, x| x[0].std([0, 2], 1)).empty_gives_nan(),
        Case::new("std", x(), |_, x| x[0].std(1, 0)),
        Case::new("centred", x(), |_, x| x[0].centred([0, 2])),
        Case::new("centred", x(), |_, x| x[0].centred(-1)),
    ]
}
