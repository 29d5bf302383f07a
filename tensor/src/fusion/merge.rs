//! Functions of a program that are computed as one.

use super::Operand;
use crate::fusion::scalar_expr::Scalar;

/// Functions and what they are applied to.
pub(super) type Program = Vec<(Scalar, Vec<Operand>)>;

/// All operands, each with the number of the function that it is one of; those in `kept` belong to what comes after the last.
pub(super) fn operands<'a>(
    program: &'a Program,
    kept: &'a [Operand],
) -> impl Iterator<Item = (usize, Operand)> + 'a {
    let of_functions =
        program.iter().enumerate().flat_map(|(i, (_, operands))| operands.iter().map(move |&o| (i, o)));
    of_functions.chain(kept.iter().map(|&operand| (program.len(), operand)))
}

/// The program in which a function and the one before it, whose result nobody else uses, are one where there is one for
/// both, see [`Scalar::after`]. The operands in `kept` are used by what comes after the program, and renumbered too.
pub(super) fn merged(program: Program, kept: &mut [Operand]) -> Program {
    let mut uses = vec![0; program.len()];
    for (_, operand) in operands(&program, kept) {
        if let Operand::Result(result) = operand {
            uses[result] += 1;
        }
    }
    let mut program: Vec<_> = program.into_iter().map(Some).collect();
    for i in 0..program.len() {
        let Some((function, [Operand::Result(before), rest @ ..])) =
            program[i].as_ref().map(|(function, operands)| (*function, operands.as_slice()))
        else {
            continue;
        };
        let before = *before;
        let Some((first, operands)) = program[before].as_ref().filter(|_| uses[before] == 1) else {
            continue;
        };
        if let Some(both) = function.after(*first) {
            let operands = [operands, rest].concat();
            program[before] = None;
            program[i] = Some((both, operands));
        }
    }
    let mut place = vec![0; program.len()];
    for i in 1..program.len() {
        place[i] = place[i - 1] + program[i - 1].is_some() as usize;
    }
    let renumber = |operand: &mut Operand| {
        if let Operand::Result(result) = operand {
            *result = place[*result];
        }
    };
    kept.iter_mut().for_each(renumber);
    let mut program: Program = program.into_iter().flatten().collect();
    program.iter_mut().flat_map(|(_, operands)| operands).for_each(renumber);
    program
}

#[cfg(test)]
mod tests {
    use super::super::Fused;
    use super::Operand::{Input, Result};
    use super::*;
    use crate::{DType, Rng, Shape, Tensor};

    fn normalize_relu() -> Program {
        let normalize = (Scalar::normalize(), (0..5).map(Input).collect());
        vec![normalize, (Scalar::relu(), vec![Result(0)])]
    }

    #[test]
    fn what_follows_a_batch_normalisation_is_one_function_with_it() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        let (x, dy, params) = (normal(&[7, 130, 5]), normal(&[7, 130, 5]), [(); 4].map(|()| normal(&[5])));
        let [mean, inverse, scale, offset] = &params;
        let inputs = [&x, mean, inverse, scale, offset, &dy];
        let y = x.normalize(mean, inverse, scale, offset);
        let grad = (Scalar::relu_grad(), vec![Result(1), Input(5)]);
        let sum = (Scalar::add(), vec![Result(2), Result(0)]);
        for (more, len, expected) in [
            (vec![], 1, y.relu()),
            (vec![grad.clone()], 1, y.relu().relu_grad(&dy)),
            // The normalised numbers are used twice.
            (vec![grad, sum], 4, y.relu().relu_grad(&dy) + &y),
        ] {
            let program: Program = normalize_relu().into_iter().chain(more).collect();
            let fused = Fused::new(x.shape(), 6, program).unwrap();
            assert_eq!(fused.len(), len);
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
            let y = x.normalize(&zeros, &ones, &ones, &offset).relu();
            let grad = (Scalar::relu_grad(), vec![Result(1), Input(5)]);
            for (more, expected) in [(None, y.clone()), (Some(grad), y.relu_grad(&dy))] {
                let program: Program = normalize_relu().into_iter().chain(more).collect();
                let found =
                    Fused::new(x.shape(), 6, program).unwrap().run(&[&x, &zeros, &ones, &ones, &offset, &dy]);
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
