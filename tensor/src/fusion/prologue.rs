//! Operands that are computed as they are read.

use super::operands::part;
use super::{Fused, Sources, Workspace};
use crate::array::dtype::DType;
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::gemm::Prefetcher;

/// An operand that lies in memory, or one that is computed piece by piece as it is read, and never written to memory.
///
/// ```
/// use tensor::{Conv2d, DType, Finish, Fused, Lazy, Operand::Input, Scalar, Tensor};
///
/// let (x, kernel) = (Tensor::full([1, 8, 8, 3], -1.0, DType::F32), Tensor::ones([5, 5, 3, 2], DType::F32));
/// let rectified = Fused::new(x.shape(), 1, vec![(Scalar::relu(), vec![Input(0)])]).unwrap();
/// let (lazy, conv) = (Lazy::Computed(&rectified, &[Some(&x)]), Conv2d::default());
/// assert_eq!(lazy.conv2d(&kernel, &conv, Finish::NONE), x.relu().conv2d(&kernel, &conv));
/// ```
#[derive(Clone, Copy)]
pub enum Lazy<'a> {
    /// What lies in memory.
    Given(&'a Tensor),
    /// What this program computes of these inputs, of which none is missing.
    Computed(&'a Fused, &'a [Option<&'a Tensor>]),
}

impl<'a> Lazy<'a> {
    /// The shape.
    pub fn shape(self) -> Shape {
        match self {
            Lazy::Given(x) => x.shape(),
            Lazy::Computed(program, _) => program.shape(),
        }
    }

    /// The element type.
    pub fn dtype(self) -> DType {
        match self {
            Lazy::Given(x) => x.dtype(),
            Lazy::Computed(..) => DType::F32,
        }
    }

    /// All of it, in row-major order.
    ///
    /// # Panics
    /// As [`Fused::run`], and if an input is missing.
    #[track_caller]
    pub fn to_tensor(self) -> Tensor {
        match self {
            Lazy::Given(x) => x.contiguous(),
            Lazy::Computed(program, inputs) => program.run_over(inputs, None),
        }
    }

    /// The numbers, for a kernel that reads them piece by piece; `None` if they are no `f32`.
    #[track_caller]
    pub(crate) fn numbers(self) -> Option<Numbers<'a>> {
        match self {
            _ if self.dtype() != DType::F32 => None,
            Lazy::Given(x) => Some(Numbers::Given(x.contiguous())),
            Lazy::Computed(program, inputs) => {
                assert!(!inputs.contains(&None), "fused: an input is missing");
                Some(Numbers::Computed(program, program.sources(inputs, None, None)))
            }
        }
    }
}

/// The numbers of a [`Lazy`], for all tasks that read them.
#[expect(clippy::large_enum_variant, reason = "there are one or two, on the stack")]
pub(crate) enum Numbers<'a> {
    Given(Tensor),
    Computed(&'a Fused, Sources<'a>),
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
    use crate::{Finish, Rng, Scalar};

    /// All passes of convolutions of every kind, of images in memory against images computed meanwhile.
    #[test]
    fn the_bits_of_a_convolution_are_those_of_images_in_memory() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        for (x, kernel, conv) in convolutions(&mut normal) {
            let dy = normal(&conv.shape(x.shape(), kernel.shape()).unwrap());
            let chain = |x: &Tensor| {
                let program = vec![
                    (Scalar::mul(), vec![Input(0), Input(1)]),
                    (Scalar::relu(), vec![Result(0)]),
                    (Scalar::sub(), vec![Result(1), Input(1)]),
                ];
                Fused::new(x.shape(), 2, program).unwrap()
            };
            let eager = |x: &Tensor, y: &Tensor| (x * y).relu() - y;
            let (with_x, with_dy) = (operands(&x.shape(), &mut normal), operands(&dy.shape(), &mut normal));
            for (y, dz) in with_x.iter().zip(&with_dy) {
                let ((chain_x, chain_dy), (ex, edy)) =
                    ((chain(&x), chain(&dy)), (eager(&x, y), eager(&dy, dz)));
                let (inputs_x, inputs_dy) = ([Some(&x), Some(y)], [Some(&dy), Some(dz)]);
                let (lx, ldy) = (Lazy::Computed(&chain_x, &inputs_x), Lazy::Computed(&chain_dy, &inputs_dy));
                let what = format!("{} {:?} {:?}", x.shape(), y.layout(), dz.layout());
                assert_eq!(lx.conv2d(&kernel, &conv, Finish::NONE), ex.conv2d(&kernel, &conv), "{what}");
                assert_eq!(
                    ldy.conv2d_input_grad(&kernel, x.shape(), &conv, Finish::NONE),
                    edy.conv2d_input_grad(&kernel, x.shape(), &conv),
                    "{what}"
                );
                let expected = ex.conv2d_kernel_grad(&edy, kernel.shape(), &conv);
                assert_eq!(lx.conv2d_kernel_grad(ldy, kernel.shape(), &conv), expected, "{what}");
                let given = Lazy::Given(&ex);
                assert_eq!(given.conv2d_kernel_grad(ldy, kernel.shape(), &conv), expected, "{what}");
            }
        }
    }

    #[test]
    fn a_piece_may_begin_anywhere() {
        let rng = &mut Rng::new(2);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.0, 1.0, DType::F32, rng);
        let x = normal(&[40, 7, 24]);
        for y in operands(&[40, 7, 24], &mut normal) {
            let program = Fused::new(x.shape(), 2, vec![(Scalar::add(), vec![Input(0), Input(1)])]).unwrap();
            let (sum, inputs) = (&x + &y, [Some(&x), Some(&y)]);
            let expected = sum.as_slice::<f32>().unwrap();
            let numbers = Lazy::Computed(&program, &inputs).numbers().unwrap();
            let mut reader = numbers.reader();
            for (first, len) in [(0, 24), (5, 1), (168, 3000), (1009, 1008), (6719, 1), (24, 0)] {
                assert_eq!(reader.read(first, len), &expected[first..][..len], "{:?}", y.layout());
            }
        }
    }

    #[test]
    #[should_panic(expected = "fused: an input is missing")]
    fn a_missing_input_is_refused() {
        let program = Fused::new([3].into(), 1, vec![(Scalar::relu(), vec![Input(0)])]).unwrap();
        Lazy::Computed(&program, &[None]).numbers();
    }
}
