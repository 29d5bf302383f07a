//! Softmax cross-entropy of class numbers. As a primitive it neither overflows nor costs the dozen passes over a few numbers
//! that it is composed of.

use crate::graph::Var;
use crate::op::Op;
use tensor::{DType, Shape, ShapeError, Tensor, rules};

#[derive(Debug)]
struct SoftmaxCrossEntropy;

/// The type rule of both: floats, class numbers, and floats.
fn float_of(op: &'static str, logits: DType, labels: DType) -> Result<DType, ShapeError> {
    if logits.is_float() && labels == DType::I64 {
        return Ok(logits);
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
    fn shape(&self, [logits, labels]: [Shape; 2]) -> Result<Shape, ShapeError> {
        rules::softmax_cross_entropy_shape(logits, labels)
    }
    fn dtype(&self, [logits, labels]: [DType; 2]) -> Result<DType, ShapeError> {
        float_of("softmax_cross_entropy", logits, labels)
    }
    #[track_caller]
    fn forward(&self, [logits, labels]: [&Tensor; 2]) -> Tensor {
        logits.softmax_cross_entropy(labels)
    }
    fn vjp<'g>(&self, _: usize, [logits, labels]: [Var<'g>; 2], _: Var<'g>, dy: Var<'g>) -> Var<'g> {
        dy.graph().apply(SoftmaxCrossEntropyGrad, [logits, labels, dy])
    }
    fn flops(&self, [logits, _]: [Shape; 2], _: Shape) -> u64 {
        4 * logits.count() as u64
    }
}

#[derive(Debug)]
struct SoftmaxCrossEntropyGrad;

impl Op<3> for SoftmaxCrossEntropyGrad {
    fn shape(&self, [logits, labels, dy]: [Shape; 3]) -> Result<Shape, ShapeError> {
        let losses = rules::softmax_cross_entropy_shape(logits, labels)?;
        if dy != losses {
            let rule = format!("the gradient {dy} must have the shape {losses} of the losses");
            return Err(ShapeError::new("softmax_cross_entropy_grad", rule));
        }
        Ok(logits)
    }
    fn dtype(&self, [logits, labels, _]: [DType; 3]) -> Result<DType, ShapeError> {
        float_of("softmax_cross_entropy_grad", logits, labels)
    }
    #[track_caller]
    fn forward(&self, [logits, labels, dy]: [&Tensor; 3]) -> Tensor {
        logits.softmax_cross_entropy_grad(labels, dy)
    }
    fn vjp<'g>(&self, i: usize, [logits, labels, dy]: [Var<'g>; 3], _: Var<'g>, dz: Var<'g>) -> Var<'g> {
        let softmax = logits.softmax(-1);
        if i == 2 {
            let classes = logits.shape()[logits.rank() - 1];
            return ((softmax - labels.one_hot(classes, logits.dtype())) * dz).sum(-1);
        }
        // What softmax's own gradient makes of dz · dy.
        let weighted = softmax * dz * dy.unsqueeze(-1);
        weighted - softmax * weighted.sum_keepdim(-1)
    }
    fn flops(&self, [logits, ..]: [Shape; 3], _: Shape) -> u64 {
        6 * logits.count() as u64
    }
}

impl<'g> Var<'g> {
    /// For each row of these logits `[…, classes]` the cross-entropy of its softmax and the class that `labels` `[…]` says:
    /// `ln Σ e^x − x[label]`, without overflow (TensorFlow's `sparse_softmax_cross_entropy_with_logits`).
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
pub(super) fn cases() -> Vec<super::table::Case> {
    use super::table::Case;
    let labels = |x: Var<'_>, count: usize| {
        Tensor::from((0..count).map(|i| (i * 5 % x.shape()[1]) as i64).collect::<Vec<_>>())
    };
    vec![Case::new("softmax_cross_entropy", [Case::normal(&[5, 4], 1)], move |graph, x| {
        x[0].softmax_cross_entropy(graph.input(labels(x[0], x[0].shape()[0])))
    })]
}
