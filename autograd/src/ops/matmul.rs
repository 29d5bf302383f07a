//! The matrix product.

use crate::op::Op;
use crate::tape::graph::Var;
use tensor::{Shape, ShapeError, Spec, Tensor, rules};

/// `[…, m, k] × […, k, n]`, both at least matrices.
struct MatMul;

impl Op<2> for MatMul {
    fn infer(&self, [a, b]: [Spec; 2]) -> Result<Spec, ShapeError> {
        Ok(a.with_shape(rules::matmul_shape(a.shape, b.shape)?))
    }
    #[track_caller]
    fn forward(&self, [a, b]: [&Tensor; 2]) -> Tensor {
        a.matmul(b)
    }
    fn vjp<'g>(
        &self,
        [a, b]: [Var<'g>; 2],
        _: Var<'g>,
        dy: Var<'g>,
        need: [bool; 2],
    ) -> [Option<Var<'g>>; 2] {
        [need[0].then(|| dy.matmul(b.t())), need[1].then(|| a.t().matmul(dy))]
    }
    fn flops(&self, [a, _]: [Shape; 2], y: Shape) -> u64 {
        2 * (y.numel() * a[a.len() - 1]) as u64
    }
}

impl<'g> Var<'g> {
    /// The matrix product `[…, m, k] × […, k, n] → […, m, n]`, leading axes broadcasting. A vector on the left is a row,
    /// on the right a column.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let a = graph.input(Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
    /// let v = graph.input(Tensor::from([1.0_f32, 10.0]));
    /// assert_eq!(a.matmul(v).value().to_vec::<f32>(), [21.0, 43.0]);
    /// ```
    ///
    /// # Panics
    /// If the inner sizes differ, leading axes do not broadcast, or the types are not the same float.
    #[track_caller]
    pub fn matmul(self, other: Var<'g>) -> Var<'g> {
        let (a, b) = (self.shape(), other.shape());
        if a.len() != 1 && b.len() != 1 {
            return self.graph.apply(MatMul, [self, other]);
        }
        // The rule is asked first, so that a mistake is reported with the shapes the caller wrote.
        let shape = tensor::OrPanic::or_panic(rules::matmul_shape(a, b));
        let row = if a.len() == 1 { self.unsqueeze(0) } else { self };
        let column = if b.len() == 1 { other.unsqueeze(1) } else { other };
        self.graph.apply(MatMul, [row, column]).reshape(shape)
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let shapes: [(&[usize], &[usize]); 7] = [
        (&[3, 4], &[4, 2]),
        (&[2, 3, 4], &[2, 4, 5]),
        (&[2, 3, 4], &[4, 5]),
        (&[3, 1, 2, 3], &[2, 3, 2]),
        (&[4], &[4, 3]),
        (&[3, 4], &[4]),
        (&[4], &[4]),
    ];
    let case = |(a, b): (&[usize], &[usize])| {
        Case::new("matmul", [Case::normal(a, 1), Case::normal(b, 2)], |_, x| x[0].matmul(x[1]))
            .batch([a.len() > 1 && b.len() <= 2, false])
    };
    shapes.into_iter().map(case).collect()
}
