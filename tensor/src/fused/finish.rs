//! Results that are gone on with as soon as a piece of them is there.

use super::{Fused, Sources};
use crate::product::Ahead;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What is done with a result while a piece of it is still in the cache: nothing, or a program, whose input that is missing is
/// the result, in the place of which it is written.
///
/// ```
/// use tensor::{Conv2d, DType, Finish, Fused, Lazy, Operand::Input, Scalar, Tensor};
///
/// let (x, kernel) = (Tensor::ones([1, 8, 8, 3], DType::F32), Tensor::full([5, 5, 3, 2], -1.0, DType::F32));
/// let conv = Conv2d::default();
/// let rectified = Fused::new([1, 8, 8, 2].into(), 1, vec![(Scalar::relu(), vec![Input(0)])]).unwrap();
/// let finish = Finish::with(&rectified, &[None]);
/// assert_eq!(Lazy::Given(&x).conv2d(&kernel, &conv, finish), x.conv2d(&kernel, &conv).relu());
/// ```
#[derive(Clone, Copy)]
pub struct Finish<'a>(Option<(&'a Fused, &'a [Option<&'a Tensor>])>);

impl<'a> Finish<'a> {
    /// The result stays as it is.
    pub const NONE: Finish<'static> = Finish(None);

    /// This program, which has the shape of the result, with these inputs, of which the missing are the result.
    pub fn with(program: &'a Fused, inputs: &'a [Option<&'a Tensor>]) -> Finish<'a> {
        Finish(Some((program, inputs)))
    }

    /// The same with all of a result.
    ///
    /// # Panics
    /// As [`Fused::run`].
    #[track_caller]
    pub fn run(self, result: Tensor) -> Tensor {
        match self.0 {
            Some((program, inputs)) => program.run_over(inputs, Some(result)),
            None => result,
        }
    }

    /// The same for all tasks that compute pieces of a result of this shape.
    #[track_caller]
    pub(crate) fn finisher(self, shape: Shape) -> Finisher<'a> {
        Finisher(self.0.map(|(program, inputs)| {
            assert_eq!(program.shape(), shape, "fused: a program for a result of another shape");
            (program, program.sources(inputs, None, None))
        }))
    }
}

/// A [`Finish`] at work.
pub(crate) struct Finisher<'a>(Option<(&'a Fused, Sources<'a>)>);

impl Finisher<'_> {
    /// Notes that so many elements from `first` on, as far as they are there, will be gone on with soon.
    pub(crate) fn add_to(&self, ahead: &mut Ahead, first: usize, len: usize) {
        if let Some((_, sources)) = &self.0 {
            sources.add_to(ahead, first, len);
        }
    }

    /// Goes on with the elements from `first` on, the beginning of a block that follows the first axis.
    pub(crate) fn apply(&self, first: usize, out: &mut [f32]) {
        if let Some((program, sources)) = &self.0 {
            program.workspace(sources).write(first, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operand::{Input, Result};
    use super::super::tests::{convolutions, operands};
    use super::*;
    use crate::{DType, Lazy, Rng, Scalar};

    /// Convolutions of every kind gone on with image by image, against the same with all of the result.
    #[test]
    fn the_bits_are_those_of_a_result_in_memory() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        for (x, kernel, conv) in convolutions(&mut normal) {
            let dy = normal(&conv.shape(x.shape(), kernel.shape()).unwrap());
            let results = [x.conv2d(&kernel, &conv), dy.conv2d_input_grad(&kernel, x.shape(), &conv)];
            for (result, is_gradient) in results.into_iter().zip([false, true]) {
                for other in operands(&result.shape(), &mut normal) {
                    let program = vec![
                        (Scalar::sub(), vec![Input(1), Input(0)]),
                        (Scalar::relu(), vec![Result(0)]),
                        (Scalar::mul(), vec![Result(1), Input(1)]),
                    ];
                    let program = Fused::new(result.shape(), 2, program).unwrap();
                    let inputs = [Some(&other), None];
                    let finish = Finish::with(&program, &inputs);
                    let found = if is_gradient {
                        Lazy::Given(&dy).conv2d_input_grad(&kernel, x.shape(), &conv, finish)
                    } else {
                        Lazy::Given(&x).conv2d(&kernel, &conv, finish)
                    };
                    let expected = (&result - &other).relu() * &result;
                    assert_eq!(found, expected, "{} {} {:?}", x.shape(), kernel.shape(), other.layout());
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "fused: a program for a result of another shape")]
    fn a_program_of_another_shape_is_refused() {
        let program = Fused::new([3].into(), 1, vec![(Scalar::relu(), vec![Input(0)])]).unwrap();
        Finish::with(&program, &[None]).finisher([4].into());
    }
}
