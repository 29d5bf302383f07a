//! Cross-entropies of logits: of class numbers with softmax, of shares with the sigmoid. As primitives they neither overflow nor
//! lose digits, and the first does not cost the dozen passes over a few numbers that it is composed of.

use crate::op::Op;
use crate::ops::softmax::softmax_grad;
use crate::tape::graph::Var;
use tensor::{DType, Shape, ShapeError, Spec, Tensor, kernels, rules};

struct SoftmaxCrossEntropy;

/// The type rule of both: floats, class numbers, and floats.
fn check_dtypes(op: &'static str, logits: Spec, labels: Spec) -> Result<(), ShapeError> {
    if logits.dtype.is_float() && labels.dtype == DType::I64 {
        return Ok(());
    }
    Err(ShapeError::new(
        op,
        format!(
            "the logits are {logits} and the labels {labels}: logits must be f32 or f64 and labels class numbers, i64; \
             convert them with .to(…)"
        ),
    ))
}

impl Op<2> for SoftmaxCrossEntropy {
    fn infer(&self, [logits, labels]: [Spec; 2]) -> Result<Spec, ShapeError> {
        let losses = rules::softmax_cross_entropy_shape(logits.shape, labels.shape)?;
        check_dtypes("softmax_cross_entropy", logits, labels)?;
        Ok(logits.with_shape(losses))
    }
    #[track_caller]
    fn forward(&self, [logits, labels]: [&Tensor; 2]) -> Tensor {
        logits.softmax_cross_entropy(labels)
    }
    fn vjp<'g>(
        &self,
        [logits, labels]: [Var<'g>; 2],
        _: Var<'g>,
        dy: Var<'g>,
        _: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        [Some(dy.graph().apply(SoftmaxCrossEntropyGrad, [logits, labels, dy])), None]
    }
    fn flops(&self, [logits, _]: [Shape; 2], _: Shape) -> u64 {
        4 * logits.numel() as u64
    }
}

struct SoftmaxCrossEntropyGrad;

impl Op<3> for SoftmaxCrossEntropyGrad {
    fn infer(&self, [logits, labels, dy]: [Spec; 3]) -> Result<Spec, ShapeError> {
        let losses = rules::softmax_cross_entropy_shape(logits.shape, labels.shape)?;
        if dy.shape != losses {
            let rule = format!("the gradient {} must have the shape {losses} of the losses", dy.shape);
            return Err(ShapeError::new("softmax_cross_entropy_grad", rule));
        }
        check_dtypes("softmax_cross_entropy_grad", logits, labels)?;
        Ok(logits)
    }
    #[track_caller]
    fn forward(&self, [logits, labels, dy]: [&Tensor; 3]) -> Tensor {
        kernels::softmax_cross_entropy_grad(logits, labels, dy)
    }
    fn vjp<'g>(
        &self,
        [logits, labels, dy]: [Var<'g>; 3],
        _: Var<'g>,
        dz: Var<'g>,
        need: [bool; 3],
    ) -> [Option<Var<'g>>; 3] {
        // For each loss by itself, which keeps the digits of softmax − 1 at the label.
        let slope = || logits.graph().apply(SoftmaxCrossEntropyGrad, [logits, labels, dy.ones_like()]);
        [
            need[0].then(|| softmax_grad(logits.softmax(-1), dz, &(-1).into()) * dy.unsqueeze(-1)),
            None,
            need[2].then(|| (slope() * dz).sum(-1)),
        ]
    }
    fn flops(&self, [logits, ..]: [Shape; 3], _: Shape) -> u64 {
        6 * logits.numel() as u64
    }
}

/// `ln(1 + e^x) − x · t`, element by element.
struct BinaryCrossEntropyWithLogits;

impl Op<2> for BinaryCrossEntropyWithLogits {
    fn infer(&self, [logits, targets]: [Spec; 2]) -> Result<Spec, ShapeError> {
        rules::binary_cross_entropy_spec(logits, targets)
    }
    #[track_caller]
    fn forward(&self, [x, t]: [&Tensor; 2]) -> Tensor {
        x.binary_cross_entropy_with_logits(t)
    }
    fn vjp<'g>(
        &self,
        [x, t]: [Var<'g>; 2],
        _: Var<'g>,
        dy: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        // One difference of σ and t; of their products with dy, each would be rounded before.
        [need[0].then(|| dy * (x.sigmoid() - t)), need[1].then(|| -(dy * x))]
    }
    fn flops(&self, _: [Shape; 2], y: Shape) -> u64 {
        8 * y.numel() as u64
    }
}

impl<'g> Var<'g> {
    /// For each of these logits the cross-entropy of its sigmoid and a target from 0 to 1: `ln(1 + e^x) − x · t`, without
    /// overflow (PyTorch's `binary_cross_entropy_with_logits`, TensorFlow's `sigmoid_cross_entropy_with_logits`).
    /// Errors 2, 4, 4 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let [logits, targets] = [[0.0_f64, 1000.0], [1.0, 1.0]].map(|x| graph.input(Tensor::from(x)));
    /// let losses = logits.binary_cross_entropy_with_logits(targets);
    /// assert_eq!(losses.value(), Tensor::from([2.0_f64.ln(), 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes or types differ or the elements are not floats.
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(self, targets: Var<'g>) -> Var<'g> {
        let logits = self.floats("binary_cross_entropy_with_logits");
        self.graph().apply(BinaryCrossEntropyWithLogits, [logits, targets])
    }

    /// For each row of these logits `[…, classes]` the cross-entropy of its softmax and the class that `labels` `[…]` says:
    /// `ln Σ e^x − x[label]`, without overflow (TensorFlow's
    /// `sparse_softmax_cross_entropy_with_logits`). Errors 1, 2, 3 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let logits = graph.input(Tensor::from([[0.0_f64, 1000.0]]));
    /// assert_eq!(logits.softmax_cross_entropy(graph.input(Tensor::from([0_i64]))).item(), 1000.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, the logits are not floats, the labels not `i64`, or one is no class.
    #[track_caller]
    pub fn softmax_cross_entropy(self, labels: Var<'g>) -> Var<'g> {
        self.graph().apply(SoftmaxCrossEntropy, [self, labels])
    }
}

#[cfg(test)]
pub(in crate::ops) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let labels = |x: Var<'_>, count: usize| {
        Tensor::from((0..count).map(|i| (i * 5 % x.shape()[1]) as i64).collect::<Vec<_>>())
    };
    vec![
        Case::new("softmax_cross_entropy", [Case::normal(&[5, 4], 1)], move |graph, x| {
            x[0].softmax_cross_entropy(graph.input(labels(x[0], x[0].shape()[0])))
        }),
        Case::new(
            "binary_cross_entropy_with_logits",
            [Case::normal(&[5, 4], 1), Case::positive(&[5, 4], 2)],
            |_, x| x[0].binary_cross_entropy_with_logits(x[1]),
        ),
    ]
}
