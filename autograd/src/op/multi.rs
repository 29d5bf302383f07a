//! Operations of several values.

use super::{Attributes, DynOp, Outputs, exactly, type_name};
use crate::tape::graph::Var;
use tensor::{Shape, ShapeError, Spec, Tensor};

/// A differentiable operation of `N` inputs and `M` values that are computed together: a mean and a variance, the largest elements and
/// where they are. Each value is a node of its own; they have one gradient rule.
///
/// ```
/// use autograd::{Graph, MultiOp, ShapeError, Spec, Tensor, Var, gradcheck};
///
/// /// The sine and the cosine.
/// struct SinCos;
///
/// impl MultiOp<1, 2> for SinCos {
///     fn infer(&self, [x]: [Spec; 1]) -> Result<[Spec; 2], ShapeError> {
///         Ok([x, x])
///     }
///     fn forward(&self, [x]: [&Tensor; 1]) -> [Tensor; 2] {
///         [x.sin(), x.cos()]
///     }
///     fn vjp<'g>(
///         &self,
///         [x]: [Var<'g>; 1],
///         [sin, cos]: [Var<'g>; 2],
///         [dsin, dcos]: [Option<Var<'g>>; 2],
///         _: [bool; 1],
///     ) -> [Option<Var<'g>>; 1] {
///         let of_sin = dsin.map_or(x.zeros_like(), |dsin| dsin * cos);
///         [Some(dcos.map_or(of_sin, |dcos| of_sin - dcos * sin))]
///     }
/// }
///
/// let x = Tensor::from([-1.0, 0.0, 2.0]);
/// gradcheck::check("sin_cos", &[x], |graph, x| {
///     let [sin, cos] = graph.apply_multi(SinCos, [x[0]]);
///     sin * cos
/// })
/// .unwrap();
/// ```
pub trait MultiOp<const N: usize, const M: usize>: Send + Sync + 'static {
    /// See [`Op::name`](crate::Op::name).
    fn name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// See [`Op::attributes`](crate::Op::attributes).
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    /// Shape and element type of each value.
    ///
    /// # Errors
    /// If the inputs do not fit, a sentence that names the operation, the shapes and the rule broken.
    fn infer(&self, x: [Spec; N]) -> Result<[Spec; M], ShapeError>;

    /// The values, of the shapes and types that [`infer`](MultiOp::infer) says.
    #[track_caller]
    fn forward(&self, x: [&Tensor; N]) -> [Tensor; M];

    /// As [`Op::vjp`](crate::Op::vjp): given all values `y` and the gradients of the loss with respect to those that it depends on, at least
    /// one, the gradients with respect to the inputs that `need` one.
    #[expect(unused_variables, reason = "their names are documentation")]
    fn vjp<'g>(
        &self,
        x: [Var<'g>; N],
        y: [Var<'g>; M],
        dy: [Option<Var<'g>>; M],
        need: [bool; N],
    ) -> [Option<Var<'g>>; N] {
        [None; N]
    }

    /// See [`Op::differentiable`](crate::Op::differentiable).
    fn differentiable(&self, _i: usize) -> bool {
        true
    }

    /// See [`Op::flops`](crate::Op::flops); `y` is the shape of the first value.
    fn flops(&self, _x: [Shape; N], y: Shape) -> u64 {
        y.numel() as u64
    }
}

/// The erased twin of a [`MultiOp`].
pub(crate) struct MultiErased<O, const N: usize, const M: usize>(pub(crate) O);

impl<O: MultiOp<N, M>, const N: usize, const M: usize> DynOp for MultiErased<O, N, M> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn attributes(&self) -> Attributes {
        self.0.attributes()
    }
    fn infer(&self, x: &[Spec]) -> Result<Outputs<Spec>, ShapeError> {
        Ok(self.0.infer(exactly(x))?.into())
    }
    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> Outputs<Tensor> {
        self.0.forward(exactly(x)).into()
    }
    fn vjp<'g>(
        &self,
        x: &[Var<'g>],
        y: &[Var<'g>],
        dy: &[Option<Var<'g>>],
        need: &[bool],
    ) -> Vec<Option<Var<'g>>> {
        self.0.vjp(exactly(x), exactly(y), exactly(dy), exactly(need)).into()
    }
    fn differentiable(&self, i: usize) -> bool {
        self.0.differentiable(i)
    }
    fn flops(&self, x: &[Shape], y: Shape) -> u64 {
        self.0.flops(exactly(x), y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Param};
    use tensor::{DType, Shape};

    /// Where the largest of a row of numbers is, and the number.
    struct Largest;

    impl MultiOp<1, 2> for Largest {
        fn infer(&self, [x]: [Spec; 1]) -> Result<[Spec; 2], ShapeError> {
            let one = Shape::from([]);
            Ok([Spec { shape: one, dtype: DType::I64 }, x.with_shape(one)])
        }
        fn forward(&self, [x]: [&Tensor; 1]) -> [Tensor; 2] {
            [x.argmax(..), x.max(..)]
        }
        fn vjp<'g>(
            &self,
            [x]: [Var<'g>; 1],
            [index, _]: [Var<'g>; 2],
            [_, dlargest]: [Option<Var<'g>>; 2],
            _: [bool; 1],
        ) -> [Option<Var<'g>>; 1] {
            [dlargest.map(|dlargest| index.one_hot(x.shape().numel(), x.dtype()) * dlargest)]
        }
    }

    /// The first value has no gradient, the second has; either may be all that is used.
    #[test]
    fn each_value_is_a_node_with_the_gradient_that_it_has() {
        let param = Param::new(Tensor::from([1.0_f32, 5.0, 3.0]));
        let graph = Graph::training(0, 0);
        let [index, largest] = graph.apply_multi(Largest, [graph.param(&param) * 2.0]);
        assert_eq!((index.item(), largest.item()), (1.0, 10.0));
        let listing = graph.to_string();
        assert!(listing.contains("= Largest %2") && listing.contains("= Value 1 %3"), "{listing}");
        let loss = largest.square() + index.to(DType::F32);
        let grads = loss.backward();
        assert_eq!(grads.get(&param).unwrap(), &Tensor::from([0.0_f32, 40.0, 0.0]));
        for outputs in [vec![loss], vec![index], vec![largest], vec![largest, index, loss]] {
            let mut program = graph.compile(&outputs);
            for _ in 0..2 {
                let found = program.run(&param, 0, &[]).unwrap().to_vec();
                assert_eq!(found, outputs.iter().map(|y| y.value()).collect::<Vec<_>>(), "{program}");
                assert_eq!(program.grads().get(&param), grads.get(&param));
            }
        }
        // Without the second there is nothing to differentiate.
        let graph = Graph::training(0, 0);
        let [index, _] = graph.apply_multi(Largest, [graph.param(&param)]);
        let grads = index.to(DType::F32).backward();
        assert_eq!(grads.get(&param).unwrap(), &Tensor::from([0.0_f32, 0.0, 0.0]));
    }
}
