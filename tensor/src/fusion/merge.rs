//! Expressions of a program that are computed as one.

use super::scalar_expr::ScalarExpr;
use super::scalar_op::Operand;

/// Expressions and what they are applied to.
pub(super) type Exprs = Vec<(ScalarExpr, Vec<Operand>)>;

/// All operands, each with the number of the expression that it is one of; those in `kept` belong to what comes after the last.
pub(super) fn operands<'a>(
    exprs: &'a Exprs,
    kept: &'a [Operand],
) -> impl Iterator<Item = (usize, Operand)> + 'a {
    let of_exprs =
        exprs.iter().enumerate().flat_map(|(i, (_, operands))| operands.iter().map(move |&o| (i, o)));
    of_exprs.chain(kept.iter().map(|&operand| (exprs.len(), operand)))
}

/// The program in which an expression and the one that its first operand is the value of, which nobody else uses, are one where
/// both together have a compiled loop: what is between stays in a register of the processor. The operands in `kept` are used by
/// what comes after the program, and renumbered too.
pub(super) fn merged(exprs: Exprs, kept: &mut [Operand]) -> Exprs {
    let mut uses = vec![0; exprs.len()];
    for (_, operand) in operands(&exprs, kept) {
        if let Operand::Result(result) = operand {
            uses[result] += 1;
        }
    }
    let mut exprs: Vec<_> = exprs.into_iter().map(Some).collect();
    for i in 0..exprs.len() {
        let Some((expr, [Operand::Result(before), rest @ ..])) =
            exprs[i].as_ref().map(|(expr, operands)| (expr, operands.as_slice()))
        else {
            continue;
        };
        let before = *before;
        let Some((first, operands)) = exprs[before].as_ref().filter(|_| uses[before] == 1) else {
            continue;
        };
        let both = expr.after(first);
        if both.compiled().is_some() {
            let operands = [operands, rest].concat();
            exprs[before] = None;
            exprs[i] = Some((both, operands));
        }
    }
    let mut place = vec![0; exprs.len()];
    for i in 1..exprs.len() {
        place[i] = place[i - 1] + exprs[i - 1].is_some() as usize;
    }
    let renumber = |operand: &mut Operand| {
        if let Operand::Result(result) = operand {
            *result = place[*result];
        }
    };
    kept.iter_mut().for_each(renumber);
    let mut exprs: Exprs = exprs.into_iter().flatten().collect();
    exprs.iter_mut().flat_map(|(_, operands)| operands).for_each(renumber);
    exprs
}
#[cfg(test)]
mod tests {
    use super::super::ElementwiseProgram;
    use super::Operand::{Input, Result};
    use super::*;
    use crate::{DType, Rng, Shape, Tensor};

    fn normalize_relu() -> Exprs {
        let normalize = (
            ScalarExpr::new(|[x, mean, inv_std, scale, offset]| (x - mean) * inv_std * scale + offset),
            (0..5).map(Input).collect(),
        );
        vec![normalize, (ScalarExpr::new(|[x]| x.relu()), vec![Result(0)])]
    }

    #[test]
    fn what_follows_a_batch_normalisation_is_one_function_with_it() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        let (x, dy, params) = (normal(&[7, 130, 5]), normal(&[7, 130, 5]), [(); 4].map(|()| normal(&[5])));
        let [mean, inv_std, scale, offset] = &params;
        let inputs = [&x, mean, inv_std, scale, offset, &dy];
        let y = crate::kernels::normalize(&x, mean, inv_std, scale, offset);
        let grad = (ScalarExpr::new(|[y, dy]| y.relu_grad(dy)), vec![Result(1), Input(5)]);
        let sum = (ScalarExpr::new(|[x, y]| x.add(y)), vec![Result(2), Result(0)]);
        for (more, len, expected) in [
            (vec![], 1, y.relu()),
            (vec![grad.clone()], 1, crate::kernels::relu_grad(&y.relu(), &dy)),
            // The normalised numbers are used twice.
            (vec![grad, sum], 4, crate::kernels::relu_grad(&y.relu(), &dy) + &y),
        ] {
            let program: Exprs = normalize_relu().into_iter().chain(more).collect();
            assert_eq!(merged(program.clone(), &mut []).len(), len);
            let fused = ElementwiseProgram::new(x.shape(), 6, program).unwrap();
            assert_eq!(fused.run(&inputs), expected, "{len}");
        }
    }

    /// Zeros of both signs, NaN and infinities: the function for both decides by other comparisons than the two.
    #[test]
    fn special_numbers_come_out_with_the_same_bits() {
        let x = Tensor::from([0.0_f32, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0, -1.0, 1e-45]);
        let (zeros, ones) = (x.equal(&Tensor::from(7.0_f32)).to(DType::F32), Tensor::ones([8], DType::F32));
        let dy = Tensor::from([3.0_f32, f32::NAN, 5.0, -0.0, 2.0, f32::INFINITY, f32::NAN, 4.0]);
        for offset in [zeros.clone(), -&zeros] {
            let y = crate::kernels::normalize(&x, &zeros, &ones, &ones, &offset).relu();
            let grad = (ScalarExpr::new(|[y, dy]| y.relu_grad(dy)), vec![Result(1), Input(5)]);
            for (more, expected) in [(None, y.clone()), (Some(grad), crate::kernels::relu_grad(&y, &dy))] {
                let program: Exprs = normalize_relu().into_iter().chain(more).collect();
                let found = ElementwiseProgram::new(x.shape(), 6, program)
                    .unwrap()
                    .run(&[&x, &zeros, &ones, &ones, &offset, &dy]);
                let [found, expected] = [found, expected]
                    .map(|t| t.to_vec::<f32>().into_iter().map(f32::to_bits).collect::<Vec<_>>());
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn what_is_kept_is_not_lost_and_is_renumbered() {
        let (mut first, mut last) = ([Result(0)], [Input(0), Result(1)]);
        assert_eq!(merged(normalize_relu(), &mut first).len(), 2);
        assert_eq!(merged(normalize_relu(), &mut last).len(), 1);
        assert_eq!((first, last), ([Result(0)], [Input(0), Result(0)]));
    }
}
