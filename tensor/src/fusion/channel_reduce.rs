//! Sums of what a fused program computes: its results are added up tile by tile and never written to memory.

use super::{Fused, Operand};
use crate::array::shape::Shape;
use crate::array::tensor::Tensor;
use crate::fusion::scalar_expr::{ChannelSums, Scalar};
use crate::ops::per_channel::sum_channels;

/// A program of [`Scalar`] functions, and sums for each channel (the last axis) of what they give.
///
/// ```
/// use tensor::{ChannelSums, FusedSums, Operand::{Input, Result}, Scalar, Tensor};
///
/// let (x, dy) = (Tensor::from([[1.0_f32, 5.0], [3.0, -5.0]]), Tensor::from([[1.0_f32, -1.0], [2.0, 1.0]]));
/// let (mean, inverse) = (Tensor::from([2.0_f32, 0.0]), Tensor::from([1.0_f32, 0.2]));
/// let (program, sums) = (vec![(Scalar::relu(), vec![Input(3)])], ChannelSums::normalize());
/// let fused = FusedSums::new([2, 2].into(), 4, program, sums, vec![Input(0), Input(1), Input(2), Result(0)]).unwrap();
/// let all = [&x, &mean, &inverse, &dy].map(Some);
/// assert_eq!(fused.run(&all), x.normalize_sums(&mean, &inverse, &dy.relu()));
/// ```
pub struct FusedSums {
    program: Fused,
    sums: ChannelSums,
    /// What is added up, a result being named by its register.
    operands: [Operand; ChannelSums::OPERANDS],
}

impl FusedSums {
    /// Sums of `operands`, of which each is an input or a result of the program. `None` if it is too large.
    ///
    /// # Panics
    /// As [`Fused::new`], and if the sums have another number of operands or `shape` has no last axis.
    pub fn new(
        shape: Shape,
        inputs: usize,
        program: Vec<(Scalar, Vec<Operand>)>,
        sums: ChannelSums,
        operands: Vec<Operand>,
    ) -> Option<FusedSums> {
        assert!(!shape.is_empty(), "fused: a single number has no channels");
        let Ok(mut operands) = <[Operand; ChannelSums::OPERANDS]>::try_from(operands) else {
            panic!("fused: the sums have other operands");
        };
        let program = Fused::keeping(shape, inputs, program, &mut operands)?;
        Some(FusedSums { program, sums, operands })
    }

    /// The sums, a row of channels for each.
    ///
    /// # Panics
    /// If the number of inputs is another, one is missing or neither `f32` nor `bool`, or one does not broadcast.
    #[track_caller]
    pub fn run(&self, inputs: &[Option<&Tensor>]) -> Tensor {
        assert!(!inputs.contains(&None), "fused: an input is missing");
        let shape = self.program.shape;
        let (channels, rows) = (shape[shape.len() - 1], self.sums.rows);
        let result = Shape::from([rows, channels]);
        if shape.count() == 0 {
            return Tensor::zeros(result, crate::DType::F32);
        }
        let sources = self.program.sources(inputs, None, Some(channels));
        let sums = sum_channels((shape.count(), channels, rows), |range, totals| {
            let mut work = self.program.workspace(&sources);
            for first in range.clone().step_by(sources.tile) {
                let len = sources.tile.min(range.end - first);
                work.compute(first, len, &[], None);
                (self.sums.add)(self.operands.map(|operand| work.operand(operand, first, len, &[])), totals);
            }
        });
        Tensor::from_buffer(sums, result)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operand::{Input, Result};
    use super::super::program::tests::operands;
    use super::*;
    use crate::{DType, Rng};

    /// The sums of a program's result, against those of the same numbers in memory, for parameters that lie in every way.
    #[test]
    fn the_bits_are_those_of_sums_of_numbers_in_memory() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        for shape in
            [vec![3000, 7, 24], vec![41, 10, 200], vec![5, 4099], vec![40_000, 1], vec![7], vec![0, 3]]
        {
            let channels = &shape[shape.len() - 1..];
            let (x, dy, mean, inverse) = (normal(&shape), normal(&shape), normal(channels), normal(channels));
            for other in &operands(&shape, &mut normal) {
                let program = vec![
                    (Scalar::mul(), vec![Input(3), Input(4)]),
                    (Scalar::relu(), vec![Result(0)]),
                    (Scalar::add(), vec![Result(0), Result(1)]),
                ];
                let summed = vec![Result(1), Input(1), Input(2), Result(2)];
                let shape = Shape::from(shape.as_slice());
                let fused = FusedSums::new(shape, 5, program, ChannelSums::normalize(), summed).unwrap();
                let found = fused.run(&[&x, &mean, &inverse, &dy, other].map(Some));
                let product = &dy * other;
                let expected = product.relu().normalize_sums(&mean, &inverse, &(&product + product.relu()));
                assert_eq!(found, expected, "{shape} {:?}", other.layout());
            }
        }
    }
}
