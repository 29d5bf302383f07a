//! Functions that are applied to a result while it is in the cache.

use super::operands::Source;
use super::{Fused, REGISTERS, Sources};
use crate::array::dtype::DType;
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::gemm::Prefetcher;
use crate::runtime::threads::for_each_chunk_mut;

/// What comes behind a kernel: applied to each tile of its result while that is in the cache, in place. Nothing, or a program, whose
/// input that is missing is the result.
///
/// ```
/// use tensor::{Conv2d, Conv2dKernel, DType, Epilogue, Fused, Kernel, Operand::Input, Prologue, Scalar, Tensor};
///
/// let (x, kernel) = (Tensor::ones([1, 8, 8, 3], DType::F32), Tensor::full([5, 5, 3, 2], -1.0, DType::F32));
/// let conv = Conv2d::default();
/// let rectified = Fused::new([1, 8, 8, 2].into(), 1, vec![(Scalar::relu(), vec![Input(0)])]).unwrap();
/// let epilogue = Epilogue::with(&rectified, &[None]);
/// let y = Conv2dKernel::Forward(conv).run(&[&x, &kernel].map(Prologue::None), epilogue);
/// assert_eq!(y, x.conv2d(&kernel, &conv).relu());
/// ```
pub struct Epilogue<'a> {
    program: Option<(&'a Fused, &'a [Option<&'a Tensor>])>,
    over: Option<(usize, Tensor)>,
}

impl<'a> Epilogue<'a> {
    /// The result stays as it is.
    pub const NONE: Epilogue<'static> = Epilogue { program: None, over: None };

    /// This program, which has the shape of the result, with these inputs, of which the missing are the result.
    pub fn with(program: &'a Fused, inputs: &'a [Option<&'a Tensor>]) -> Epilogue<'a> {
        Epilogue { program: Some((program, inputs)), over: None }
    }

    /// As [`with`](Epilogue::with), but that input `i`, which is missing too, is this tensor, whose memory becomes that of the
    /// result if nobody else holds it: less memory to go through.
    pub fn over(
        program: &'a Fused,
        inputs: &'a [Option<&'a Tensor>],
        i: usize,
        tensor: Tensor,
    ) -> Epilogue<'a> {
        Epilogue { over: Some((i, tensor)), ..Epilogue::with(program, inputs) }
    }

    /// The same with all of a result.
    ///
    /// # Panics
    /// As [`Fused::run`].
    #[track_caller]
    pub fn run(self, result: Tensor) -> Tensor {
        match self.program {
            Some((program, _)) => program.run_over(&self.inputs()[..program.inputs], Some(result)),
            None => result,
        }
    }

    /// The inputs, of which only the result is missing, and what it is written over if that has been taken.
    fn inputs(&self) -> [Option<&Tensor>; REGISTERS] {
        let mut inputs = [None; REGISTERS];
        let given = self.program.map_or(&[][..], |(_, inputs)| inputs);
        inputs.iter_mut().zip(given).for_each(|(to, &input)| *to = input);
        if let Some((i, tensor)) = &self.over {
            inputs[*i] = Some(tensor);
        }
        inputs
    }

    /// The same for all tasks that compute tiles of a result of this shape; only if each tile is computed `once` an operand is
    /// written over.
    #[track_caller]
    pub(crate) fn for_tiles(&mut self, shape: Shape, once: bool) -> TileEpilogue<'_> {
        let fits = |(_, x): &mut (usize, Tensor)| {
            once && x.shape() == shape && x.dtype() == DType::F32 && x.owns_buffer()
        };
        let over = self.over.take_if(fits);
        let mut program = self.program.map(|(program, _)| {
            assert_eq!(program.shape(), shape, "fused: a program for a result of another shape");
            (program, program.sources(&self.inputs()[..program.inputs], None, None))
        });
        let Some((over, tensor)) = over else { return TileEpilogue { program, over: None } };
        for (i, source) in program.iter_mut().flat_map(|(_, sources)| &mut sources.inputs).enumerate() {
            if i != over && matches!(source, Some(Source::Output)) {
                *source = Some(Source::Piece);
            }
        }
        TileEpilogue { program, over: tensor.shared_buffer::<f32>().cloned() }
    }
}

/// An [`Epilogue`] for the tiles of a result.
pub(crate) struct TileEpilogue<'a> {
    program: Option<(&'a Fused, Sources<'a>)>,
    /// An input that the result takes the place of.
    over: Option<Buffer<f32>>,
}

impl TileEpilogue<'_> {
    /// A result of `len` numbers, of which `f(i, out, prefetcher)` computes chunk `i`, blocks that follow the first axis, with the
    /// epilogue applied to it. `prefetcher` has room for what a task needs that is about the next.
    pub(crate) fn compute(
        &mut self,
        len: usize,
        chunk: usize,
        prefetcher: impl Fn() -> Prefetcher + Sync,
        f: impl Fn(usize, &mut [f32], &mut Prefetcher) + Sync,
    ) -> Buffer<f32> {
        let over = self.over.take();
        let is_over = over.is_some();
        let mut out = over.unwrap_or_else(|| Buffer::uninit(len));
        let program = self.program.as_ref();
        for_each_chunk_mut(&mut out, chunk, |i, out| {
            let mut prefetcher = prefetcher();
            if let Some((_, sources)) = program {
                sources.add_to(&mut prefetcher, (i + 1) * chunk, chunk);
            }
            prefetcher.add_next(out);
            let mut piece = Buffer::uninit(if is_over { out.len() } else { 0 });
            f(i, if is_over { &mut piece } else { out }, &mut prefetcher);
            if let Some((program, sources)) = program {
                program.workspace(sources).write(i * chunk, &piece, out);
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operand::{Input, Result};
    use super::super::program::tests::{convolutions, operands};
    use super::*;
    use crate::{Conv2dKernel, DType, Kernel, Prologue, Rng, Scalar};

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
                    let (images, pass) = match is_gradient {
                        true => (&dy, Conv2dKernel::InputGrad { conv, images: x.shape() }),
                        false => (&x, Conv2dKernel::Forward(conv)),
                    };
                    let run =
                        |epilogue: Epilogue<'_>| pass.run(&[images, &kernel].map(Prologue::None), epilogue);
                    let expected = (&result - &other).relu() * &result;
                    let what = format!("{} {} {:?}", x.shape(), kernel.shape(), other.layout());
                    assert_eq!(run(Epilogue::with(&program, &[Some(&other), None])), expected, "{what}");
                    // Written over what somebody else holds, too, which stays as it is; and over what nobody does.
                    let kept = other.copy();
                    assert_eq!(
                        run(Epilogue::over(&program, &[None; 2], 0, other.clone())),
                        expected,
                        "{what}"
                    );
                    assert_eq!(other, kept, "{what}");
                    assert_eq!(run(Epilogue::over(&program, &[None; 2], 0, kept)), expected, "{what}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "fused: a program for a result of another shape")]
    fn a_program_of_another_shape_is_refused() {
        let program = Fused::new([3].into(), 1, vec![(Scalar::relu(), vec![Input(0)])]).unwrap();
        Epilogue::with(&program, &[None]).for_tiles([4].into(), true);
    }
}
