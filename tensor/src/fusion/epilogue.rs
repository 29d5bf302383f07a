//! What is done with a result while it is in the cache.

use super::program::{Input, with};
use super::{ElementwiseProgram, Sources};
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::gemm::Prefetcher;
use crate::runtime::threads::for_each_chunk_mut;

/// What comes behind a kernel: applied to each tile of its result while that is in the cache, in place. Nothing, or a program whose
/// first input is the result.
///
/// ```
/// use tensor::{Conv2d, Conv2dKernel, DType, ElementwiseProgram, Epilogue, Kernel, Operand::Input, Prologue, ScalarExpr, Tensor};
///
/// let (x, kernel) = (Tensor::ones([1, 8, 8, 3], DType::F32), Tensor::full([5, 5, 3, 2], -1.0, DType::F32));
/// let conv = Conv2d::default();
/// let relu = vec![(ScalarExpr::new(|[x]| x.relu()), vec![Input(0)])];
/// let rectified = ElementwiseProgram::new([1, 8, 8, 2].into(), 1, relu).unwrap();
/// let epilogue = Epilogue::with(&rectified, &[]);
/// let y = Conv2dKernel::Forward(conv).run(&[&x, &kernel].map(Prologue::None), epilogue);
/// assert_eq!(y, x.conv2d(&kernel, &conv).relu());
/// ```
pub struct Epilogue<'a> {
    program: Option<&'a ElementwiseProgram>,
    others: &'a [&'a Tensor],
    over: Option<(usize, Tensor)>,
}

impl<'a> Epilogue<'a> {
    /// The result stays as it is.
    pub const NONE: Epilogue<'static> = Epilogue { program: None, others: &[], over: None };

    /// This program, which has the shape of the result, of the result and these other inputs.
    pub fn with(program: &'a ElementwiseProgram, others: &'a [&'a Tensor]) -> Epilogue<'a> {
        Epilogue { program: Some(program), others, over: None }
    }

    /// As [`with`](Epilogue::with). Input `i`, which is not among the others, is this tensor, whose memory becomes that of the result
    /// if nobody else holds it: less memory to go through.
    ///
    /// # Panics
    /// If `i` is 0, the place of the result.
    pub fn over(
        program: &'a ElementwiseProgram,
        others: &'a [&'a Tensor],
        i: usize,
        tensor: Tensor,
    ) -> Epilogue<'a> {
        assert!(i > 0, "epilogue: input 0 is the result");
        Epilogue { over: Some((i, tensor)), ..Epilogue::with(program, others) }
    }

    /// The same with all of a result.
    ///
    /// # Panics
    /// As [`ElementwiseProgram::run`].
    #[track_caller]
    pub fn run(self, result: Tensor) -> Tensor {
        match (self.program, &self.over) {
            (None, _) => result,
            (Some(program), None) => program.run_over(0, result, self.others),
            (Some(program), Some((i, x))) if program.can_take(&result) => {
                let others = with(i - 1, Input::Memory(x), self.others);
                program.fill(result, [Input::Output].into_iter().chain(others))
            }
            (Some(program), Some((i, x))) => {
                let others = with(i - 1, Input::Memory(x), self.others);
                program.fill(program.empty(), [Input::Memory(&result)].into_iter().chain(others))
            }
        }
    }

    /// The same for all tasks that compute tiles of a result of this shape; only if each tile is computed `once` an operand is
    /// written over.
    #[track_caller]
    pub(crate) fn for_tiles(&mut self, shape: Shape, once: bool) -> TileEpilogue<'_> {
        let Some(program) = self.program else { return TileEpilogue { program: None, over: None } };
        assert_eq!(program.shape(), shape, "fused: a program for a result of another shape");
        let others = self.others;
        let taken = self.over.take_if(|(_, x)| once && program.can_take(x));
        let sources = match (&taken, &self.over) {
            (Some((i, _)), _) => {
                program.sources([Input::Piece].into_iter().chain(with(i - 1, Input::Output, others)), None)
            }
            (None, Some((i, x))) => program
                .sources([Input::Output].into_iter().chain(with(i - 1, Input::Memory(x), others)), None),
            (None, None) => program
                .sources([Input::Output].into_iter().chain(others.iter().map(|x| Input::Memory(x))), None),
        };
        let over = taken.and_then(|(_, x)| x.shared_buffer::<f32>().cloned());
        TileEpilogue { program: Some((program, sources)), over }
    }
}

/// An [`Epilogue`] for the tiles of a result.
pub(crate) struct TileEpilogue<'a> {
    program: Option<(&'a ElementwiseProgram, Sources<'a>)>,
    /// An input that the result takes the place of.
    over: Option<Buffer<f32>>,
}

impl TileEpilogue<'_> {
    /// A result of `len` numbers, of which `f(i, out, prefetcher)` computes chunk `i`, blocks that follow the first axis, with the
    /// epilogue applied to it. `prefetcher` has room for what a task needs that is about the next.
    pub(crate) fn for_each_tile(
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
    use crate::{Conv2dKernel, DType, Kernel, Prologue, Rng, ScalarExpr};

    /// Convolutions of every kind with an epilogue, against the same applied to all of the result.
    #[test]
    fn the_bits_are_those_of_a_result_in_memory() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.3, 1.0, DType::F32, rng);
        for (x, kernel, conv) in convolutions(&mut normal) {
            let dy = normal(&conv.shape(x.shape(), kernel.shape()).unwrap());
            let results =
                [x.conv2d(&kernel, &conv), crate::kernels::conv2d_input_grad(&dy, &kernel, x.shape(), &conv)];
            for (result, is_gradient) in results.into_iter().zip([false, true]) {
                for other in operands(&result.shape(), &mut normal) {
                    let program = vec![
                        (ScalarExpr::new(|[x, y]| x.sub(y)), vec![Input(0), Input(1)]),
                        (ScalarExpr::new(|[x]| x.relu()), vec![Result(0)]),
                        (ScalarExpr::new(|[x, y]| x.mul(y)), vec![Result(1), Input(0)]),
                    ];
                    let program = ElementwiseProgram::new(result.shape(), 2, program).unwrap();
                    let (images, pass) = match is_gradient {
                        true => (&dy, Conv2dKernel::InputGrad { conv, images: x.shape() }),
                        false => (&x, Conv2dKernel::Forward(conv)),
                    };
                    let run =
                        |epilogue: Epilogue<'_>| pass.run(&[images, &kernel].map(Prologue::None), epilogue);
                    let expected = (&result - &other).relu() * &result;
                    let what = format!("{} {} {:?}", x.shape(), kernel.shape(), other.layout());
                    assert_eq!(run(Epilogue::with(&program, &[&other])), expected, "{what}");
                    // Written over what somebody else holds, too, which stays as it is; and over what nobody does.
                    let kept = other.copy();
                    assert_eq!(run(Epilogue::over(&program, &[], 1, other.clone())), expected, "{what}");
                    assert_eq!(other, kept, "{what}");
                    assert_eq!(run(Epilogue::over(&program, &[], 1, kept)), expected, "{what}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "fused: a program for a result of another shape")]
    fn a_program_of_another_shape_is_refused() {
        let program =
            ElementwiseProgram::new([3].into(), 1, vec![(ScalarExpr::new(|[x]| x.relu()), vec![Input(0)])])
                .unwrap();
        Epilogue::with(&program, &[]).for_tiles([4].into(), true);
    }
}
