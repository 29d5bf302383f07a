//! Element-wise operations of one's own.

use super::{Lowering, Op};
use crate::tape::graph::Var;
use tensor::{ScalarExpr, ScalarVar, ShapeError, Spec, Tensor};

/// An element-wise operation of `N` inputs, which broadcast: what it computes for each element, and its gradient. All else follows:
/// shapes, value, and that a [`Program`](crate::Program) fuses it with its neighbours.
///
/// ```
/// use autograd::{gradcheck, Elementwise, Tensor};
///
/// /// √(1 + x²) − 1, a smooth absolute value (Charbonnier et al., 1994)
/// const CHARBONNIER: Elementwise<1> = Elementwise {
///     name: "Charbonnier",
///     expr: |[x]| (1.0 + x * x).sqrt() - 1.0,
///     grad: |[x], y, dy| [dy * x / (y + 1.0)],
/// };
///
/// let x = Tensor::from([-1.0, 0.0, 2.0]);
/// gradcheck::check("charbonnier", &[x], |_, x| x[0].apply(CHARBONNIER)).unwrap();
/// ```
///
/// One with attributes (a slope, bounds), with other element types than one float, or with gradients that are costly where
/// they are not needed, is an [`Op`] whose [`lower`](Op::lower) is [`Lowering::elementwise`].
#[derive(Clone, Copy, Debug)]
pub struct Elementwise<const N: usize> {
    /// Its name in graphs, profiles and messages.
    pub name: &'static str,
    /// What it computes.
    pub expr: for<'e> fn([ScalarVar<'e>; N]) -> ScalarVar<'e>,
    /// Of the inputs, the result `y` and the gradient `dy` that arrives at it: the gradient with respect to each input, as in
    /// [`Op::vjp`].
    pub grad: for<'g> fn([Var<'g>; N], Var<'g>, Var<'g>) -> [Var<'g>; N],
}

impl<const N: usize> Elementwise<N> {
    fn expr(&self) -> ScalarExpr {
        ScalarExpr::new(self.expr)
    }
}

impl<const N: usize> Op<N> for Elementwise<N> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, x: [Spec; N]) -> Result<Spec, ShapeError> {
        self.expr().infer(self.name, &x)
    }
    #[track_caller]
    fn forward(&self, x: [&Tensor; N]) -> Tensor {
        self.expr().eval(&x)
    }
    fn vjp<'g>(&self, x: [Var<'g>; N], y: Var<'g>, dy: Var<'g>, need: [bool; N]) -> [Option<Var<'g>>; N] {
        let grads = (self.grad)(x, y, dy);
        std::array::from_fn(|i| need[i].then_some(grads[i]))
    }
    // A truth value changes almost nowhere.
    fn differentiable(&self, _: usize) -> bool {
        !self.expr().is_truth()
    }
    fn lower(&self) -> Lowering {
        Lowering::Elementwise(self.expr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Param, gradcheck};
    use tensor::{DType, Rng};

    const CHARBONNIER: Elementwise<1> = Elementwise {
        name: "Charbonnier",
        expr: |[x]| (1.0 + x * x).sqrt() - 1.0,
        grad: |[x], y, dy| [dy * x / (y + 1.0)],
    };

    /// `x · e^y`
    const SCALED: Elementwise<2> = Elementwise {
        name: "Scaled",
        expr: |[x, y]| x * y.exp(),
        grad: |[_, y], z, dz| [dz * y.exp(), dz * z],
    };

    const POSITIVE: Elementwise<1> =
        Elementwise { name: "Positive", expr: |[x]| x.greater(0.0), grad: |[x], _, _| [x] };

    #[test]
    fn the_gradients_are_checked_to_second_order_and_broadcast() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(shape, 0.0, 1.0, DType::F64, rng);
        gradcheck::check("charbonnier", &[normal(&[3, 4])], |_, x| x[0].apply(CHARBONNIER)).unwrap();
        let x = [normal(&[3, 1]), normal(&[4])];
        gradcheck::check("scaled", &x, |graph, x| graph.apply(SCALED, [x[0], x[1]])).unwrap();
    }

    /// One step for the operation and its neighbours, with the bits of the graph.
    #[test]
    fn an_own_operation_is_fused_with_its_neighbours() {
        let x = Tensor::normal([100, 30], 0.0, 1.0, DType::F32, &mut Rng::new(2));
        let param = Param::new(Tensor::normal([30], 0.0, 1.0, DType::F32, &mut Rng::new(3)));
        let graph = Graph::training(0, 0);
        let y = (graph.input(x.clone()) - graph.param(&param)).apply(CHARBONNIER).relu();
        let z = graph.apply(SCALED, [y, y.apply(POSITIVE).select(y, -y)]);
        let loss = z.sum(..);
        loss.backward();
        let mut program = graph.compile(&[z]);
        assert_eq!(program.run(&param, 0, &[x]).unwrap(), [z.value()]);
        let ops: Vec<_> = program.steps().iter().map(|step| step.op.clone()).collect();
        assert!(ops.contains(&"Sub Charbonnier Relu Positive Neg Select Scaled".to_owned()), "{ops:?}");
    }

    #[test]
    fn integers_and_different_types_are_refused_by_name() {
        for (x, y) in [
            (Tensor::from([1_i64]), Tensor::from([2_i64])),
            (Tensor::from([1.0_f32]), Tensor::from([1.0_f64])),
            (Tensor::from([1.0_f32, 2.0]), Tensor::from([1.0_f32, 2.0, 3.0])),
        ] {
            let error = SCALED.infer([x.spec(), y.spec()]).unwrap_err().to_string();
            assert!(error.starts_with("Scaled: "), "{error}");
        }
    }
}
