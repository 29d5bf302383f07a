//! The value of a scalar expression for tensors.

use super::ElementwiseProgram;
use super::scalar_expr::ScalarExpr;
use super::scalar_op::{Operand, ScalarOp};
use crate::array::dtype::DType;
use crate::array::shape::{OrPanic, Shape, ShapeError, broadcast_shape};
use crate::array::spec::Spec;
use crate::array::tensor::Tensor;
use crate::{for_scalar_ops, rules};

impl ScalarExpr {
    /// Shape and element type of its value for tensors of these: floats of one type, that broadcast.
    ///
    /// # Errors
    /// If they are others, or more or fewer than its inputs; `op` is named.
    pub fn infer(&self, op: &'static str, x: &[Spec]) -> Result<Spec, ShapeError> {
        if x.len() != self.arity() {
            return Err(ShapeError::new(
                op,
                format!("{} tensors for an expression of {} inputs: {self}", x.len(), self.arity()),
            ));
        }
        let dtype = rules::same_dtype(op, x)?;
        if !dtype.is_float() {
            return Err(ShapeError::new(
                op,
                format!("{dtype} elements are no floats; convert them with .to(…)"),
            ));
        }
        for (function, operands) in self.steps() {
            let of_truth = |&(i, operand): &(usize, &Operand)| {
                function.wants_truth(i) == Some(true) && matches!(operand, Operand::Input(_))
            };
            if operands.iter().enumerate().any(|it| of_truth(&it)) {
                let rule = format!(
                    "{} takes a truth value, and the inputs are numbers; compare them first",
                    function.name()
                );
                return Err(ShapeError::new(op, rule));
            }
        }
        let mut shape = Shape::from([]);
        for spec in x {
            shape = broadcast_shape(op, shape, spec.shape)?;
        }
        Ok(Spec { shape, dtype: if self.is_truth() { DType::Bool } else { dtype } })
    }

    /// Its value for each element of tensors that broadcast, of `f32` in one pass.
    ///
    /// # Panics
    /// If they do not broadcast, are not floats of one type, or are more or fewer than its inputs.
    #[track_caller]
    pub fn eval(&self, x: &[&Tensor]) -> Tensor {
        let specs: Vec<Spec> = x.iter().map(|x| x.spec()).collect();
        let spec = self.infer("scalar expression", &specs).or_panic();
        if spec.dtype == DType::F32 && x.len() <= ElementwiseProgram::MOST_INPUTS {
            let operands = (0..x.len()).map(Operand::Input).collect();
            if let Some(program) =
                ElementwiseProgram::new(spec.shape, x.len(), vec![(self.clone(), operands)])
            {
                return program.run(x);
            }
        }
        self.define(x).broadcast_to(spec.shape).contiguous()
    }

    /// Its value by definition: one tensor operation after the other.
    pub(super) fn define(&self, x: &[&Tensor]) -> Tensor {
        let dtype = x.first().map_or(DType::F32, |x| x.dtype());
        let x: Vec<Tensor> = x.iter().map(|&x| x.clone()).collect();
        let constant = |number| Tensor::full([], number, dtype);
        self.interpret(&x, constant, |op, operands| op.apply(operands, dtype))
    }
}

macro_rules! operations {
    ($($op:ident $name:ident($x:ident $(, $y:ident)*) $($symbol:literal)?: $kind:ident;)*) => {
        impl ScalarOp {
            /// The tensor operation of its name; numbers are of this type.
            fn apply(self, x: &[Tensor], dtype: DType) -> Tensor {
                match (self, x) {
                    $((ScalarOp::$op, [$x $(, $y)*]) => $x.$name($($y),*),)*
                    (ScalarOp::ToNumber, [x]) => x.to(dtype),
                    _ => unreachable!("{} of {} operands", self.name(), x.len()),
                }
            }
        }
    };
}
for_scalar_ops!(operations);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fusion::ScalarVar;
    use crate::{Rng, Tensor};
    use proptest::prelude::*;

    type Make = for<'e> fn(ScalarVar<'e>, ScalarVar<'e>) -> ScalarVar<'e>;

    /// Every primitive function and what is composed of several, of numbers.
    const FUNCTIONS: &[Make] = &[
        |x, _| -x,
        |x, _| x.abs(),
        |x, _| x.sign(),
        |x, _| x.floor(),
        |x, _| x.ceil(),
        |x, _| x.round(),
        |x, _| x.sqrt(),
        |x, _| x.exp(),
        |x, _| x.exp_m1(),
        |x, _| x.ln(),
        |x, _| x.ln_1p(),
        |x, _| x.sin(),
        |x, _| x.cos(),
        |x, _| x.tanh(),
        |x, _| x.sigmoid(),
        |x, y| x + y,
        |x, y| x - y,
        |x, y| x * y,
        |x, y| x / y,
        |x, y| x.pow(y),
        |x, y| x.maximum(y),
        |x, y| x.minimum(y),
        |x, y| x.equal(y).select(0.5, x),
        |x, y| x.not_equal(y).logical_not().to_number(),
        |x, y| x.less(y).logical_and(y.less_equal(1.0)).select(x, 2.0),
        |x, y| x.greater(y).logical_or(y.greater_equal(x)).select(x, y),
        |x, _| x.square(),
        |x, _| x.recip(),
        |x, _| x.clamp(-0.5, 1.5),
        |x, _| x.relu(),
        |x, y| x.relu_grad(y),
        |x, _| x.softplus(),
        |x, y| x.sigmoid_grad(y),
        |x, _| x.silu(),
        |x, _| x.gelu(),
        |x, _| 1.5 - x * 0.25,
    ];

    /// An expression of two inputs: each function is applied to two of those before it.
    fn expression(recipe: &[(usize, usize, usize)]) -> ScalarExpr {
        ScalarExpr::new(|[x, y]| {
            let mut values = vec![x, y];
            for &(f, a, b) in recipe {
                let value = |i: usize| values[values.len() - 1 - i % values.len()];
                values.push(FUNCTIONS[f](value(a), value(b)));
            }
            values[values.len() - 1]
        })
    }

    fn bits(x: &Tensor) -> Vec<u32> {
        x.to_vec::<f32>().iter().map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn an_expression_in_one_pass_has_the_bits_of_its_definition(
            recipe in prop::collection::vec((0..FUNCTIONS.len(), 0..3_usize, 0..3_usize), 1..12),
        ) {
            let rng = &mut Rng::new(1);
            let x = Tensor::normal([3, 700], 0.0, 2.0, DType::F32, rng);
            let y = Tensor::concat(&[&Tensor::normal([699], 0.0, 1.0, DType::F32, rng), &Tensor::from([0.0_f32])], 0);
            let expr = expression(&recipe);
            let expected = expr.define(&[&x, &y]).broadcast_to([3, 700]);
            prop_assert_eq!(bits(&expr.eval(&[&x, &y])), bits(&expected), "{}", expr);
        }

        #[test]
        fn an_expression_after_another_has_the_value_of_its_value(
            first in prop::collection::vec((0..FUNCTIONS.len(), 0..3_usize, 0..3_usize), 0..5),
            then in prop::collection::vec((0..FUNCTIONS.len(), 0..3_usize, 0..3_usize), 0..5),
        ) {
            let rng = &mut Rng::new(2);
            let [x, y, z] = [(); 3].map(|()| Tensor::normal([100], 0.0, 2.0, DType::F32, rng));
            let (first, then) = (expression(&first), expression(&then));
            let expected = then.define(&[&first.define(&[&x, &y]), &z]);
            let both = then.after(&first);
            prop_assert_eq!(bits(&both.define(&[&x, &y, &z])), bits(&expected), "{} after {}", then, first);
        }
    }

    #[test]
    fn double_precision_and_truth_values_are_computed_by_definition() {
        let gelu = ScalarExpr::new(|[x]| x.gelu());
        let x = Tensor::from([-1.0_f64, 0.5]);
        assert_eq!(gelu.eval(&[&x]), x.gelu());
        let inside = ScalarExpr::new(|[x]| x.abs().less(1.0));
        assert_eq!(inside.eval(&[&x]), Tensor::from([false, true]));
    }

    #[test]
    fn more_numbers_than_registers_are_computed_by_definition() {
        let sum =
            ScalarExpr::new(|x: [ScalarVar<'_>; 30]| x.into_iter().reduce(|a, b| a + b).unwrap_or(x[0]));
        let ones = Tensor::ones([2], DType::F32);
        assert_eq!(sum.eval(&[&ones; 30]), Tensor::from([30.0_f32, 30.0]));
    }
}
