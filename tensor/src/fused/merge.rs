//! Functions of a program that are computed as one.

use super::Operand;
use crate::scalar::Scalar;

/// Functions and what they are applied to.
pub(super) type Program = Vec<(Scalar, Vec<Operand>)>;

/// The program in which a function and the one before it, whose result nobody else uses, are one where there is one for
/// both, see [`Scalar::after`]. The operands in `kept` are used by what comes after the program, and renumbered too.
pub(super) fn merged(program: Program, kept: &mut [Operand]) -> Program {
    let mut uses = vec![0; program.len()];
    for operand in program.iter().flat_map(|(_, operands)| operands).chain(&*kept) {
        if let Operand::Result(result) = *operand {
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
        let Some((first, operands)) = program[*before].as_ref().filter(|_| uses[*before] == 1) else {
            continue;
        };
        if let Some(both) = function.after(*first) {
            let operands = [operands, rest].concat();
            let before = *before;
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

    #[test]
    fn what_is_kept_is_not_lost_and_is_renumbered() {
        let (mut first, mut last) = ([Result(0)], [Input(0), Result(1)]);
        assert_eq!(merged(normalize_relu(), &mut first).len(), 2);
        assert_eq!(merged(normalize_relu(), &mut last).len(), 1);
        assert_eq!((first, last), ([Result(0)], [Input(0), Result(0)]));
    }
}
