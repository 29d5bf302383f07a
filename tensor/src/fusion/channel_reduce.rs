//! Sums of what a fused program computes: its results are added up tile by tile and never written to memory.

use super::program::{Input, Place};
use super::{ElementwiseProgram, Operand, ScalarExpr};
use crate::array::dtype::DType;
use crate::array::shape::Shape;
use crate::array::tensor::Tensor;
use crate::ops::per_channel::sum_channels;

/// Sums over all rows of `[…, channels]`, some for each channel, of functions of single numbers.
///
/// ```
/// use tensor::ChannelReduce;
/// assert_eq!(ChannelReduce::normalize().rows(), 2);
/// ```
#[derive(Clone, Copy)]
pub struct ChannelReduce {
    pub(crate) rows: usize,
    /// Adds to the totals, see `ops/per_channel.rs`, what the operands give.
    pub(crate) add: fn([&[f32]; ChannelReduce::OPERANDS], &mut [f32]),
}

impl ChannelReduce {
    /// How many operands the functions have.
    pub(crate) const OPERANDS: usize = 4;

    /// How many sums there are for each channel.
    pub fn rows(self) -> usize {
        self.rows
    }
}

/// [`ScalarExpr`]s, and sums for each channel (the last axis) of what they give.
///
/// ```
/// use tensor::{kernels, ChannelReduce, ChannelReduceProgram, Operand::{Input, Result}, ScalarExpr, Tensor};
///
/// let (x, dy) = (Tensor::from([[1.0_f32, 5.0], [3.0, -5.0]]), Tensor::from([[1.0_f32, -1.0], [2.0, 1.0]]));
/// let (mean, inv_std) = (Tensor::from([2.0_f32, 0.0]), Tensor::from([1.0_f32, 0.2]));
/// let exprs = vec![(ScalarExpr::new(|[x]| x.relu()), vec![Input(3)])];
/// let summed = vec![Input(0), Input(1), Input(2), Result(0)];
/// let program =
///     ChannelReduceProgram::new([2, 2].into(), 4, exprs, ChannelReduce::normalize(), summed).unwrap();
/// let found = program.run(&[&x, &mean, &inv_std, &dy]);
/// assert_eq!(found, kernels::normalize_sums(&x, &mean, &inv_std, &dy.relu()));
/// ```
pub struct ChannelReduceProgram {
    program: ElementwiseProgram,
    sums: ChannelReduce,
    /// What is added up.
    operands: [Place; ChannelReduce::OPERANDS],
}

impl ChannelReduceProgram {
    /// Sums of `operands`, of which each is an input or the result of an expression. `None` if it is too large.
    ///
    /// # Panics
    /// As [`ElementwiseProgram::new`], and if the sums have another number of operands or `shape` has no last axis.
    pub fn new(
        shape: Shape,
        inputs: usize,
        exprs: Vec<(ScalarExpr, Vec<Operand>)>,
        sums: ChannelReduce,
        operands: Vec<Operand>,
    ) -> Option<ChannelReduceProgram> {
        assert!(!shape.is_empty(), "fused: a single number has no channels");
        let (program, places) = ElementwiseProgram::keeping(shape, inputs, exprs, operands)?;
        let Ok(operands) = places.try_into() else {
            panic!("fused: the sums have other operands");
        };
        Some(ChannelReduceProgram { program, sums, operands })
    }

    /// The sums, a row of channels for each.
    ///
    /// # Panics
    /// If the number of inputs is another, one is neither `f32` nor `bool`, or one does not broadcast.
    #[track_caller]
    pub fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.program.shape;
        let (channels, rows) = (shape[shape.len() - 1], self.sums.rows);
        let result = Shape::from([rows, channels]);
        if shape.numel() == 0 {
            return Tensor::zeros(result, DType::F32);
        }
        let sources = self.program.sources(inputs.iter().map(|input| Input::Memory(input)), Some(channels));
        let sums = sum_channels((shape.numel(), channels, rows), |range, totals| {
            let mut work = self.program.workspace(&sources);
            for first in range.clone().step_by(sources.tile) {
                let len = sources.tile.min(range.end - first);
                work.compute(first, len, &[], None);
                (self.sums.add)(self.operands.map(|place| work.numbers(place, first, len, &[])), totals);
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
            let (x, dy, mean, inv_std) = (normal(&shape), normal(&shape), normal(channels), normal(channels));
            for other in &operands(&shape, &mut normal) {
                let program = vec![
                    (ScalarExpr::new(|[x, y]| x.mul(y)), vec![Input(3), Input(4)]),
                    (ScalarExpr::new(|[x]| x.relu()), vec![Result(0)]),
                    (ScalarExpr::new(|[x, y]| x.add(y)), vec![Result(0), Result(1)]),
                ];
                let summed = vec![Result(1), Input(1), Input(2), Result(2)];
                let shape = Shape::from(shape.as_slice());
                let fused =
                    ChannelReduceProgram::new(shape, 5, program, ChannelReduce::normalize(), summed).unwrap();
                let found = fused.run(&[&x, &mean, &inv_std, &dy, other]);
                let product = &dy * other;
                let expected = crate::kernels::normalize_sums(
                    &product.relu(),
                    &mean,
                    &inv_std,
                    &(&product + product.relu()),
                );
                assert_eq!(found, expected, "{shape} {:?}", other.layout());
            }
        }
    }
}
