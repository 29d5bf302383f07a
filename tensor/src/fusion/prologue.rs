//! Operands that are computed as they are read.

use super::operands::part;
use super::program::Input;
use super::{ElementwiseProgram, Sources, Workspace};
use crate::array::dtype::DType;
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::gemm::Prefetcher;

/// What comes before a kernel: an operand as it lies in memory, or computed piece by piece as the kernel reads it, and never written.
///
/// ```
/// use tensor::{Conv2d, Conv2dKernel, DType, ElementwiseProgram, Epilogue, Kernel, Operand::Input, Prologue, ScalarExpr, Tensor};
///
/// let (x, kernel) = (Tensor::full([1, 8, 8, 3], -1.0, DType::F32), Tensor::ones([5, 5, 3, 2], DType::F32));
/// let relu = vec![(ScalarExpr::new(|[x]| x.relu()), vec![Input(0)])];
/// let rectified = ElementwiseProgram::new(x.shape(), 1, relu).unwrap();
/// let (prologue, conv) = (Prologue::Fused(&rectified, &[&x]), Conv2d::default());
/// let y = Conv2dKernel::Forward(conv).run(&[prologue, Prologue::None(&kernel)], Epilogue::NONE);
/// assert_eq!(y, x.relu().conv2d(&kernel, &conv));
/// ```
#[derive(Clone, Copy)]
pub enum Prologue<'a> {
    /// No prologue: the operand lies in memory.
    None(&'a Tensor),
    /// The operand is what this program computes of these inputs.
    Fused(&'a ElementwiseProgram, &'a [&'a Tensor]),
}

impl<'a> Prologue<'a> {
    /// The shape.
    pub fn shape(self) -> Shape {
        match self {
            Prologue::None(x) => x.shape(),
            Prologue::Fused(program, _) => program.shape(),
        }
    }

    /// The element type.
    pub fn dtype(self) -> DType {
        match self {
            Prologue::None(x) => x.dtype(),
            Prologue::Fused(..) => DType::F32,
        }
    }

    /// All of it, in row-major order.
    ///
    /// # Panics
    /// As [`ElementwiseProgram::run`].
    #[track_caller]
    pub fn to_tensor(self) -> Tensor {
        match self {
            Prologue::None(x) => x.contiguous(),
            Prologue::Fused(program, inputs) => program.run(inputs),
        }
    }

    /// The numbers, for a kernel that reads them piece by piece; `None` if they are no `f32`.
    #[track_caller]
    pub(crate) fn numbers(self) -> Option<Numbers<'a>> {
        match self {
            _ if self.dtype() != DType::F32 => None,
            Prologue::None(x) => Some(Numbers::Given(x.contiguous())),
            Prologue::Fused(program, inputs) => {
                let inputs = inputs.iter().map(|input| Input::Memory(input));
                Some(Numbers::Computed(program, program.sources(inputs, None)))
            }
        }
    }
}

/// The numbers of a [`Prologue`], for all tasks that read them.
#[expect(clippy::large_enum_variant, reason = "there are one or two, on the stack")]
pub(crate) enum Numbers<'a> {
    Given(Tensor),
    Computed(&'a ElementwiseProgram, Sources<'a>),
}

impl Numbers<'_> {
    /// Notes that so many elements from `first` on, as far as they are there, will be read soon.
    pub(crate) fn add_to(&self, prefetcher: &mut Prefetcher, first: usize, len: usize) {
        match self {
            Numbers::Given(x) => {
                prefetcher.add(x.as_slice().map_or(&[][..], |x| part(x, first, len)).as_ptr_range())
            }
            Numbers::Computed(_, sources) => sources.add_to(prefetcher, first, len),
        }
    }

    /// For one task.
    pub(crate) fn reader(&self) -> Reader<'_> {
        match self {
            Numbers::Given(x) => match x.as_slice() {
                Some(numbers) => Reader::Given(numbers),
                None => unreachable!("they are f32 in row-major order"),
            },
            Numbers::Computed(program, sources) => {
                Reader::Computed { work: program.workspace(sources), numbers: Buffer::uninit(0) }
            }
        }
    }
}

/// A task's view of numbers.
pub(crate) enum Reader<'a> {
    Given(&'a [f32]),
    Computed { work: Workspace<'a>, numbers: Buffer<f32> },
}

impl Reader<'_> {
    /// The elements from `first` on.
    pub(crate) fn read(&mut self, first: usize, len: usize) -> &[f32] {
        match self {
            Reader::Given(numbers) => &numbers[first..first + len],
            Reader::Computed { work, numbers } => {
                let before = first % work.sources.period;
                let (first, len) = (first - before, before + len);
                if numbers.len() < len {
                    *numbers = Buffer::uninit(len);
                }
                work.write(first, &[], &mut numbers[..len]);
                &numbers[before..len]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operand::{Input, Result};
    use super::super::program::tests::{convolutions, operands};
    use super::*;
    use crate::{Conv2dKernel, Epilogue, Kernel, Rng, ScalarExpr};

    /// All passes of convolutions of every kind, of images in memory against images computed meanwhile.
    #[test]
    fn the_bits_of_a_convolution_are_those_of_images_in_memory() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        for (x, kernel, conv) in convolutions(&mut normal) {
            let dy = normal(&conv.shape(x.shape(), kernel.shape()).unwrap());
            let chain = |x: &Tensor| {
                let program = vec![
                    (ScalarExpr::new(|[x, y]| x.mul(y)), vec![Input(0), Input(1)]),
                    (ScalarExpr::new(|[x]| x.relu()), vec![Result(0)]),
                    (ScalarExpr::new(|[x, y]| x.sub(y)), vec![Result(1), Input(1)]),
                ];
                ElementwiseProgram::new(x.shape(), 2, program).unwrap()
            };
            let eager = |x: &Tensor, y: &Tensor| (x * y).relu() - y;
            let (with_x, with_dy) = (operands(&x.shape(), &mut normal), operands(&dy.shape(), &mut normal));
            for (y, dz) in with_x.iter().zip(&with_dy) {
                let ((chain_x, chain_dy), (ex, edy)) =
                    ((chain(&x), chain(&dy)), (eager(&x, y), eager(&dy, dz)));
                let (inputs_x, inputs_dy) = ([&x, y], [&dy, dz]);
                let (lx, ldy) =
                    (Prologue::Fused(&chain_x, &inputs_x), Prologue::Fused(&chain_dy, &inputs_dy));
                let what = format!("{} {:?} {:?}", x.shape(), y.layout(), dz.layout());
                let run = |pass: Conv2dKernel, x: [Prologue<'_>; 2]| pass.run(&x, Epilogue::NONE);
                let forward = Conv2dKernel::Forward(conv);
                assert_eq!(run(forward, [lx, Prologue::None(&kernel)]), ex.conv2d(&kernel, &conv), "{what}");
                let input_grad = Conv2dKernel::InputGrad { conv, images: x.shape() };
                assert_eq!(
                    run(input_grad, [ldy, Prologue::None(&kernel)]),
                    crate::kernels::conv2d_input_grad(&edy, &kernel, x.shape(), &conv),
                    "{what}"
                );
                let kernel_grad = Conv2dKernel::KernelGrad { conv, kernel: kernel.shape() };
                let expected = crate::kernels::conv2d_kernel_grad(&ex, &edy, kernel.shape(), &conv);
                assert_eq!(run(kernel_grad, [lx, ldy]), expected, "{what}");
                assert_eq!(run(kernel_grad, [Prologue::None(&ex), ldy]), expected, "{what}");
            }
        }
    }

    #[test]
    fn a_piece_may_begin_anywhere() {
        let rng = &mut Rng::new(2);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.0, 1.0, DType::F32, rng);
        let x = normal(&[40, 7, 24]);
        for y in operands(&[40, 7, 24], &mut normal) {
            let program = ElementwiseProgram::new(
                x.shape(),
                2,
                vec![(ScalarExpr::new(|[x, y]| x.add(y)), vec![Input(0), Input(1)])],
            )
            .unwrap();
            let (sum, inputs) = (&x + &y, [&x, &y]);
            let expected = sum.as_slice::<f32>().unwrap();
            let numbers = Prologue::Fused(&program, &inputs).numbers().unwrap();
            let mut reader = numbers.reader();
            for (first, len) in [(0, 24), (5, 1), (168, 3000), (1009, 1008), (6719, 1), (24, 0)] {
                assert_eq!(reader.read(first, len), &expected[first..][..len], "{:?}", y.layout());
            }
        }
    }

    #[test]
    #[should_panic(expected = "fused: another number of inputs")]
    fn a_missing_input_is_refused() {
        let relu = vec![(ScalarExpr::new(|[x]| x.relu()), vec![Input(0)])];
        let program = ElementwiseProgram::new([3].into(), 1, relu).unwrap();
        Prologue::Fused(&program, &[]).numbers();
    }
}
