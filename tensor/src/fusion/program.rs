//! Several element-wise functions in one pass over memory.
//!
//! A chain such as `(x − mean) · factor + offset`, one tensor operation after the other, writes and reads every number
//! several times. Here a tile of numbers goes through all functions before the next one does; what is between lies in
//! the first-level cache.

use super::merge::{Program, merged, operands};
use super::operands::{Source, lcm, part};
use crate::array::dtype::DType;
use crate::array::map;
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::fusion::scalar_expr::{MOST_OPERANDS, Scalar};
use crate::gemm::Prefetcher;
use crate::ops::per_channel::width;
use crate::runtime::threads::for_each_chunk_mut;

/// Elements of a tile, if no pattern asks for another number.
pub(super) const TILE: usize = 1 << 10;

/// The longest pattern of a broadcast operand that is laid out side by side in a tile.
pub(super) const LONGEST_PATTERN: usize = 4 << 10;

/// Intermediate results and inputs that a program has room for.
pub(super) const REGISTERS: usize = 24;

/// What a function in a [`Fused`] program is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// An input of the program.
    Input(usize),
    /// The result of an earlier function.
    Result(usize),
}

/// A program of [`Scalar`] functions, computed in one pass; its inputs broadcast to its shape.
///
/// ```
/// use tensor::{Fused, Operand::{Input, Result}, Scalar, Tensor};
///
/// let (x, mean) = (Tensor::from([[1.0_f32, 5.0], [3.0, -5.0]]), Tensor::from([2.0_f32, 0.0]));
/// let program = vec![(Scalar::sub(), vec![Input(0), Input(1)]), (Scalar::relu(), vec![Result(0)])];
/// let fused = Fused::new([2, 2].into(), 2, program).unwrap();
/// assert_eq!(fused.run(&[&x, &mean]), (&x - &mean).relu());
/// ```
pub struct Fused {
    pub(super) shape: Shape,
    pub(super) inputs: usize,
    steps: Vec<Step>,
    registers: usize,
}

struct Step {
    function: Scalar,
    operands: [Operand; MOST_OPERANDS],
    /// The register of the result; the last function's is the output.
    to: usize,
}

impl Fused {
    /// No program has more inputs.
    pub const MOST_INPUTS: usize = REGISTERS;

    /// A program whose result is that of its last function. `None` if it is too large: registers are few.
    ///
    /// # Panics
    /// If there is no function, a function has another number of operands, or one is no input and no earlier result.
    pub fn new(shape: Shape, inputs: usize, program: Vec<(Scalar, Vec<Operand>)>) -> Option<Fused> {
        Fused::keeping(shape, inputs, program, &mut [])
    }

    /// As [`new`](Fused::new). The results among the operands in `kept` are still in their registers in the end, and the
    /// operands become these registers.
    pub(super) fn keeping(
        shape: Shape,
        inputs: usize,
        program: Program,
        kept: &mut [Operand],
    ) -> Option<Fused> {
        assert!(!program.is_empty(), "fused: a program needs a function");
        for (i, (function, operands)) in program.iter().enumerate() {
            assert_eq!(function.arity(), operands.len(), "fused: function {i} has other operands");
        }
        for (i, operand) in operands(&program, kept) {
            match operand {
                Operand::Input(input) => assert!(input < inputs, "fused: there is no input {input}"),
                Operand::Result(result) => {
                    assert!(result < i, "fused: function {i} comes before its operand {result}")
                }
            }
        }
        let program = merged(program, kept);
        let mut last_use = vec![0; program.len()];
        for (i, operand) in operands(&program, kept) {
            if let Operand::Result(result) = operand {
                last_use[result] = i;
            }
        }
        // An input may need a register of its own, by its layout. A result gives its up after its last use.
        let mut owner: Vec<Option<usize>> = vec![];
        let mut place = vec![0; program.len()];
        let mut steps = vec![];
        for (i, (function, operands)) in program.into_iter().enumerate() {
            let free = owner.iter().position(|owner| owner.is_none_or(|result| last_use[result] < i));
            let register = free.unwrap_or_else(|| {
                owner.push(None);
                owner.len() - 1
            });
            owner[register] = Some(i);
            place[i] = register;
            let placed = |operand| match operand {
                Operand::Result(result) => Operand::Result(place[result]),
                input => input,
            };
            let mut padded = [Operand::Input(0); MOST_OPERANDS];
            padded.iter_mut().zip(operands).for_each(|(to, operand)| *to = placed(operand));
            steps.push(Step { function, operands: padded, to: register });
        }
        for operand in kept {
            if let Operand::Result(result) = operand {
                *result = place[*result];
            }
        }
        let registers = owner.len();
        (registers + inputs <= REGISTERS).then_some(Fused { shape, inputs, steps, registers })
    }

    /// The shape of the result.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of functions, two that are computed as one counted once.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are no functions; there always are.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Computes the program.
    ///
    /// # Panics
    /// If the number of inputs is another, one is neither `f32` nor `bool`, or one does not broadcast to the shape.
    #[track_caller]
    pub fn run(&self, inputs: &[&Tensor]) -> Tensor {
        let mut all = [None; REGISTERS];
        all.iter_mut().zip(inputs).for_each(|(to, &input)| *to = Some(input));
        self.run_over(&all[..inputs.len().min(REGISTERS)], None)
    }

    /// As [`run`](Fused::run). The input that is `None` is `given`, whose memory becomes that of the result if nobody else
    /// holds it: less memory to go through.
    ///
    /// # Panics
    /// As [`run`](Fused::run), and if there is such an input without `given`.
    #[track_caller]
    pub fn run_over(&self, inputs: &[Option<&Tensor>], mut given: Option<Tensor>) -> Tensor {
        let owned = given.take_if(|x| x.shape() == self.shape && x.dtype() == DType::F32 && x.owns_buffer());
        assert!(owned.is_some() || given.is_some() || !inputs.contains(&None), "fused: an input is missing");
        let sources = self.sources(inputs, given.as_ref(), None);
        let tile = sources.tile;
        let mut out = owned
            .unwrap_or_else(|| Tensor::from_buffer(Buffer::<f32>::uninit(self.shape.count()), self.shape));
        let numbers = out.as_mut_slice::<f32>();
        // As equal parts as can be, each of whole tiles.
        let parts = numbers.len().div_ceil(map::GRAIN).max(1);
        let chunk = numbers.len().div_ceil(parts).next_multiple_of(tile).max(tile);
        for_each_chunk_mut(numbers, chunk, |task, out| {
            self.workspace(&sources).write(task * chunk, &[], out);
        });
        out
    }

    /// Where the inputs' numbers are. `None` is `given`, or where the result is written. For sums of so many channels the
    /// tiles begin at any row, and are of whole widths of totals.
    #[track_caller]
    pub(super) fn sources<'a>(
        &self,
        inputs: &[Option<&'a Tensor>],
        given: Option<&'a Tensor>,
        channels: Option<usize>,
    ) -> Sources<'a> {
        assert_eq!(inputs.len(), self.inputs, "fused: another number of inputs");
        let mut sources = [const { None }; REGISTERS];
        let mut period = channels.map_or(1, width);
        for (source, input) in sources.iter_mut().zip(inputs) {
            let Some(input) = input.or(given) else {
                *source = Some(Source::Output);
                continue;
            };
            let found = Source::of(input, self.shape);
            if let Source::Pattern(pattern) = &found {
                let both = lcm(period, pattern.len());
                if both > LONGEST_PATTERN || channels.is_some_and(|n| n % pattern.len() != 0) {
                    *source = Some(Source::Strided(input.broadcast_to(self.shape)));
                    continue;
                }
                period = both;
            }
            *source = Some(found);
        }
        let tile = period * (TILE / period).max(1);
        let mut moving = false;
        for source in sources.iter_mut().flatten() {
            match source {
                Source::Pattern(pattern) => *source = Source::laid_out(pattern, tile),
                Source::Slice(_) => {}
                _ => moving = true,
            }
        }
        Sources { inputs: sources, moving, period, tile }
    }

    /// What a task needs to compute tiles.
    pub(super) fn workspace<'a>(&'a self, sources: &'a Sources<'a>) -> Workspace<'a> {
        let mut registers = [const { None }; REGISTERS];
        let (results, inputs) = registers.split_at_mut(self.registers);
        results.iter_mut().for_each(|register| *register = Some(Buffer::uninit(sources.tile)));
        for (register, source) in inputs.iter_mut().zip(&sources.inputs) {
            if let Some(Source::Truth(_) | Source::Strided(_) | Source::Output) = source {
                *register = Some(Buffer::uninit(sources.tile));
            }
        }
        Workspace { program: self, sources, registers }
    }
}

/// Where the inputs' numbers are, and how they are gone through.
pub(crate) struct Sources<'a> {
    pub(super) inputs: [Option<Source<'a>>; REGISTERS],
    /// Whether there are some whose numbers go to a register for each tile.
    moving: bool,
    /// Tiles begin at multiples of it, as all that repeats does.
    pub(super) period: usize,
    /// The elements of a tile.
    pub(super) tile: usize,
}

impl Sources<'_> {
    /// Notes that so many elements from `first` on, as far as they are there, will be computed soon.
    pub(super) fn add_to(&self, prefetcher: &mut Prefetcher, first: usize, len: usize) {
        for source in self.inputs.iter().flatten() {
            if let Source::Slice(numbers) = source {
                prefetcher.add(part(numbers, first, len).as_ptr_range());
            }
        }
    }
}

/// Where a task computes its tiles: the results' registers, then those of the inputs whose numbers go to one.
pub(crate) struct Workspace<'a> {
    program: &'a Fused,
    pub(super) sources: &'a Sources<'a>,
    registers: [Option<Buffer<f32>>; REGISTERS],
}

impl Workspace<'_> {
    /// Computes elements from `first` on, a multiple of the period, tile by tile to `out`. If there is a source that is a
    /// `piece`, it has as many.
    pub(super) fn write(&mut self, first: usize, piece: &[f32], out: &mut [f32]) {
        let tile = self.sources.tile;
        for (i, out) in out.chunks_mut(tile).enumerate() {
            self.compute(first + i * tile, out.len(), part(piece, i * tile, tile), Some(out));
        }
    }

    /// Computes `len` elements from `first` on, at most a tile. The last function's result goes to `out` if it is given.
    pub(super) fn compute(&mut self, first: usize, len: usize, piece: &[f32], mut out: Option<&mut [f32]>) {
        let moved = &mut self.registers[self.program.registers..];
        let inputs = if self.sources.moving { &self.sources.inputs[..] } else { &[] };
        for (register, source) in moved.iter_mut().zip(inputs) {
            let (Some(register), Some(source)) = (register, source) else { continue };
            match (source, &out) {
                (Source::Truth(truth), _) => {
                    let truth = &truth[first..first + len];
                    register.iter_mut().zip(truth).for_each(|(x, &t)| *x = t as u8 as f32);
                }
                (Source::Strided(x), _) => x.copy_elements(first, &mut register[..len]),
                (Source::Output, Some(out)) => register[..len].copy_from_slice(out),
                _ => {}
            }
        }
        for (s, step) in self.program.steps.iter().enumerate() {
            let mut out = out.take_if(|_| s + 1 == self.program.steps.len());
            let mut to = if out.is_none() { self.registers[step.to].take() } else { None };
            let mut x = [&[][..]; MOST_OPERANDS];
            for (x, &operand) in x.iter_mut().zip(&step.operands[..step.function.arity()]) {
                *x = self.operand(operand, first, len, piece);
            }
            match (&mut out, &mut to) {
                (Some(out), _) => step.function.apply(x, out),
                (None, Some(to)) => step.function.apply(x, &mut to[..len]),
                (None, None) => unreachable!("a result has no register"),
            }
            if to.is_some() {
                self.registers[step.to] = to;
            }
        }
    }

    /// The numbers of an operand, a result being named by its register, in the tile that was computed last.
    #[inline]
    pub(super) fn operand<'p>(
        &'p self,
        operand: Operand,
        first: usize,
        len: usize,
        piece: &'p [f32],
    ) -> &'p [f32] {
        let register = match operand {
            Operand::Result(register) => register,
            Operand::Input(input) => match &self.sources.inputs[input] {
                Some(Source::Slice(x)) => return &x[first..first + len],
                Some(Source::LaidOut(x)) => return &x[..len],
                Some(Source::Piece) => return &piece[..len],
                _ => self.program.registers + input,
            },
        };
        match &self.registers[register] {
            Some(register) => &register[..len],
            None => unreachable!("a register is read before it is written"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::Operand::{Input, Result};
    use super::*;
    use crate::{Conv2d, Rng};

    /// Operands that broadcast to this shape, in every layout.
    pub(in crate::fusion) fn operands(
        shape: &[usize],
        mut normal: impl FnMut(&[usize]) -> Tensor,
    ) -> Vec<Tensor> {
        let last = &shape[shape.len().saturating_sub(1)..];
        let turned: Vec<usize> = shape.iter().rev().copied().collect();
        let axes: Vec<isize> = (0..shape.len() as isize).rev().collect();
        let first = |(i, &n): (usize, &usize)| if i == 0 { n } else { 1 };
        vec![
            normal(shape),
            normal(&turned).permute(&axes),
            normal(last),
            normal(&[]),
            normal(&vec![1; shape.len()]),
            normal(last).broadcast_to(shape),
            normal(&shape[..shape.len().min(1)])
                .reshape(shape.iter().enumerate().map(first).collect::<Shape>()),
            // A run that tasks do not begin with.
            normal(&shape[shape.len().min(1)..]),
        ]
    }

    /// Images, kernel and convolution of every kind: images side by side, one by one, with many channels, and unfolded; and no
    /// outputs, whose gradient is 0.
    pub(in crate::fusion) fn convolutions(
        mut normal: impl FnMut(&[usize]) -> Tensor,
    ) -> Vec<(Tensor, Tensor, Conv2d)> {
        let convolutions = [
            ([5, 9, 8, 3], [3, 2, 3, 5], [1, 1], [1, 1]),
            ([3, 13, 11, 1], [6, 6, 1, 24], [1, 1], [1, 1]),
            ([3, 14, 9, 24], [5, 5, 24, 48], [2, 2], [1, 1]),
            ([2, 7, 7, 16], [3, 3, 16, 16], [1, 1], [1, 1]),
            ([2, 9, 8, 3], [3, 2, 3, 5], [1, 1], [2, 1]),
            ([2, 9, 8, 3], [3, 2, 3, 0], [1, 1], [1, 1]),
        ];
        let made = convolutions.map(|(images, kernel, stride, dilation)| {
            (normal(&images), normal(&kernel), Conv2d { stride, dilation, ..Conv2d::default() })
        });
        made.into()
    }

    /// A program with operands of every layout, against one operation after the other.
    #[test]
    fn every_layout_gives_what_separate_operations_give() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.0, 1.0, DType::F32, rng);
        for shape in [vec![3, 700, 24], vec![40_000], vec![], vec![0, 3], vec![5, 1, 1], vec![2, 3, 4099]] {
            let x = normal(&shape);
            for y in &operands(&shape, &mut normal) {
                let positive = y.greater(&Tensor::from(0.0_f32));
                let fused = Fused::new(
                    Shape::from(shape.as_slice()),
                    3,
                    vec![
                        (Scalar::sub(), vec![Input(0), Input(1)]),
                        (Scalar::exp(), vec![Result(0)]),
                        (Scalar::less(), vec![Input(1), Result(1)]),
                        (Scalar::logical_not(), vec![Result(2)]),
                        (Scalar::logical_or(), vec![Result(3), Input(2)]),
                        (Scalar::clamp(-0.5, 0.5), vec![Result(0)]),
                        (Scalar::select(), vec![Result(4), Result(5), Result(1)]),
                    ],
                );
                let difference = &x - y;
                let power = difference.exp();
                let expected = y
                    .less(&power)
                    .logical_not()
                    .logical_or(&positive)
                    .select(&difference.clamp(-0.5, 0.5), &power);
                let fused = fused.unwrap();
                assert_eq!(fused.run(&[&x, y, &positive]), expected, "{shape:?} {:?}", y.layout());
                // Once in the memory of an operand, once beside one that somebody else holds.
                for given in [x.copy(), x.clone()] {
                    let address = given.buffer_id();
                    let found = fused.run_over(&[None, Some(y), Some(&positive)], Some(given));
                    assert_eq!(found, expected, "{shape:?} {:?}", y.layout());
                    assert_eq!(found.buffer_id() == address, address != x.buffer_id());
                }
            }
        }
    }

    #[test]
    fn a_program_with_too_many_results_at_once_is_none() {
        let mut program: Vec<_> = (0..30).map(|_| (Scalar::exp(), vec![Input(0)])).collect();
        program.extend(
            (0..29).map(|i| (Scalar::add(), vec![Result(i), Result(if i == 0 { 29 } else { 29 + i })])),
        );
        assert!(Fused::new([3].into(), 1, program).is_none());
    }
}
