//! Softmax, its logarithm and log-sum-exp. Their gradients are written in terms of the softmax, which is a primitive: its digits
//! do not depend on where the logits lie, so those of gradients and second gradients do not either.

pub(super) mod cross_entropy;

use crate::op::{Attributes, Op};
use crate::tape::graph::Var;
use tensor::{Axes, DType, OrPanic, Shape, ShapeError, Spec, Tensor, kernels, rules};

/// `e^x / Σ e^x` along an axis.
struct Softmax {
    axis: isize,
}

impl Op<1> for Softmax {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axis", self.axis)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        x.shape.axis("softmax", self.axis).map(|_| x)
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.softmax(self.axis)
    }
    fn vjp<'g>(&self, _: [Var<'g>; 1], y: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(softmax_grad(y, dy, &self.axis.into()))]
    }
    fn flops(&self, _: [Shape; 1], y: Shape) -> u64 {
        5 * y.numel() as u64
    }
}

/// `y · (dy − Σ y · dy)`, `y` being a softmax over axes.
struct SoftmaxGrad {
    axes: Axes,
}

/// The gradient with respect to logits of which `y` is the softmax over `axes`.
#[track_caller]
pub(super) fn softmax_grad<'g>(y: Var<'g>, dy: Var<'g>, axes: &Axes) -> Var<'g> {
    y.graph().apply(SoftmaxGrad { axes: axes.clone() }, [y, dy])
}

/// The rule of all gradients here: the gradient of a result has its shape and element type.
fn like(op: &'static str, y: Spec, dy: Spec) -> Result<Spec, ShapeError> {
    rules::same_dtype(op, &[y, dy])?;
    if y.shape == dy.shape {
        return Ok(y);
    }
    let rule = format!("the gradient {} must have the shape {} of the result", dy.shape, y.shape);
    Err(ShapeError::new(op, rule))
}

impl Op<2> for SoftmaxGrad {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes)
    }
    fn infer(&self, [y, dy]: [Spec; 2]) -> Result<Spec, ShapeError> {
        like("softmax_grad", y, dy)
    }
    #[track_caller]
    fn forward(&self, [y, dy]: [&Tensor; 2]) -> Tensor {
        kernels::softmax_grad(y, dy, &self.axes)
    }
    fn vjp<'g>(
        &self,
        [y, dy]: [Var<'g>; 2],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        // Up to a number for each row, of which a softmax's own gradient makes 0. Without it the terms are as small as the result.
        let centred = |v| y.graph().apply(SoftmaxCentred { axes: self.axes.clone() }, [y, v]);
        [need[0].then(|| centred(dz) * centred(dy)), need[1].then(|| softmax_grad(y, dz, &self.axes))]
    }
    fn flops(&self, _: [Shape; 2], z: Shape) -> u64 {
        4 * z.numel() as u64
    }
}

/// `v − Σ y · v`, `y` being a softmax over axes.
struct SoftmaxCentred {
    axes: Axes,
}

impl Op<2> for SoftmaxCentred {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes)
    }
    fn infer(&self, [y, v]: [Spec; 2]) -> Result<Spec, ShapeError> {
        like("softmax_centred", y, v)
    }
    #[track_caller]
    fn forward(&self, [y, v]: [&Tensor; 2]) -> Tensor {
        kernels::softmax_centred(y, v, &self.axes)
    }
    fn vjp<'g>(
        &self,
        [y, v]: [Var<'g>; 2],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        let sum = dz.sum_keepdim(self.axes.clone());
        [need[0].then(|| -(v * sum)), need[1].then(|| dz - y * sum)]
    }
    fn flops(&self, _: [Shape; 2], z: Shape) -> u64 {
        3 * z.numel() as u64
    }
}

/// `x − ln Σ e^x` along an axis.
struct LogSoftmax {
    axis: isize,
}

impl Op<1> for LogSoftmax {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axis", self.axis)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        x.shape.axis("log_softmax", self.axis).map(|_| x)
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.log_softmax(self.axis)
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(x.graph().apply(LogSoftmaxGrad { axis: self.axis }, [x, dy]))]
    }
    fn flops(&self, _: [Shape; 1], y: Shape) -> u64 {
        5 * y.numel() as u64
    }
}

/// `dy − softmax(x) · Σ dy`.
struct LogSoftmaxGrad {
    axis: isize,
}

impl Op<2> for LogSoftmaxGrad {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axis", self.axis)
    }
    fn infer(&self, [x, dy]: [Spec; 2]) -> Result<Spec, ShapeError> {
        like("log_softmax_grad", x, dy)
    }
    #[track_caller]
    fn forward(&self, [x, dy]: [&Tensor; 2]) -> Tensor {
        kernels::log_softmax_grad(x, dy, self.axis)
    }
    fn vjp<'g>(
        &self,
        [x, dy]: [Var<'g>; 2],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        let y = x.softmax(self.axis);
        // What is left where the gradients of a row cancel has no digits to lose to the sum.
        let sum = || dy.to(DType::F64).sum_keepdim(self.axis).to(dy.dtype());
        [
            need[0].then(|| -(softmax_grad(y, dz, &self.axis.into()) * sum())),
            need[1].then(|| x.graph().apply(SoftmaxCentred { axes: self.axis.into() }, [y, dz])),
        ]
    }
    fn flops(&self, _: [Shape; 2], z: Shape) -> u64 {
        7 * z.numel() as u64
    }
}

/// `ln Σ e^x` over axes, which stay with size 1.
pub(super) struct LogSumExp {
    pub(super) axes: Axes,
}

impl Op<1> for LogSumExp {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(rules::reduce_shape("logsumexp", x.shape, &self.axes, true)?))
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.logsumexp_keepdim(self.axes.clone())
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(x.graph().apply(LogSumExpGrad { axes: self.axes.clone() }, [x, dy]))]
    }
    fn flops(&self, [x]: [Shape; 1], _: Shape) -> u64 {
        4 * x.numel() as u64
    }
}

/// `dy · softmax(x)` over axes, which have size 1 in `dy`, and its limits where there is no softmax.
struct LogSumExpGrad {
    axes: Axes,
}

impl Op<2> for LogSumExpGrad {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes)
    }
    fn infer(&self, [x, dy]: [Spec; 2]) -> Result<Spec, ShapeError> {
        let y = x.with_shape(rules::reduce_shape("logsumexp_grad", x.shape, &self.axes, true)?);
        like("logsumexp_grad", y, dy).map(|_| x)
    }
    #[track_caller]
    fn forward(&self, [x, dy]: [&Tensor; 2]) -> Tensor {
        kernels::logsumexp_grad(x, &self.axes) * dy
    }
    fn vjp<'g>(
        &self,
        [x, dy]: [Var<'g>; 2],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        let y = x.graph().apply(LogSumExpGrad { axes: self.axes.clone() }, [x, dy.ones_like()]);
        // dy is the same for a whole row, and multiplied last: differences in dz · dy would have its rounding errors.
        [
            need[0].then(|| softmax_grad(y, dz, &self.axes) * dy),
            need[1].then(|| (dz * y).sum_keepdim(self.axes.clone())),
        ]
    }
    fn flops(&self, [x, _]: [Shape; 2], _: Shape) -> u64 {
        6 * x.numel() as u64
    }
}

impl<'g> Var<'g> {
    /// `e^x / Σ e^x` along `axis`: positive numbers that add up to 1 (PyTorch's `softmax`, JAX's `jax.nn.softmax`). NaN where the
    /// largest of a row is infinite.
    ///
    /// Errors 2, 2, 4 eps: value and gradients are those of the same logits without what they have in common.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1e7_f32, 1e7 + 1.0]));
    /// assert_eq!(format!("{:.7}", x.softmax(-1).value()), "[0.2689414, 0.7310586]");
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Var<'g> {
        let axis = self.shape().axis("softmax", axis).or_panic() as isize;
        self.floats("softmax").apply(Softmax { axis })
    }

    /// The logarithm of [`softmax`](Var::softmax): `x − ln Σ e^x` along `axis`, without overflow (PyTorch's
    /// `log_softmax`). Errors 1, 2, 3 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([0.0_f64, 1000.0]));
    /// assert_eq!(x.log_softmax(0).value(), Tensor::from([-1000.0, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Var<'g> {
        let axis = self.shape().axis("log_softmax", axis).or_panic() as isize;
        self.floats("log_softmax").apply(LogSoftmax { axis })
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let x = || [Case::normal(&[2, 3, 4], 1)];
    vec![
        Case::new("softmax", x(), |_, x| x[0].softmax(-1)),
        Case::new("softmax", x(), |_, x| x[0].softmax(0)),
        Case::new("log_softmax", x(), |_, x| x[0].log_softmax(1)),
        Case::new("log_softmax", x(), |_, x| x[0].log_softmax(-1)),
    ]
}
