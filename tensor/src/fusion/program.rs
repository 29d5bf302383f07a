//! Several element-wise functions in one pass over memory.
//!
//! A chain such as `(x − mean) · factor + offset`, one tensor operation after the other, writes and reads every number
//! several times. Here a tile of numbers goes through all functions before the next one does; what is between lies in
//! the first-level cache.

use super::merge::{Exprs, merged, operands};
use super::operands::{Source, lcm, part};
use super::scalar_expr::ScalarExpr;
use super::scalar_loops::{Loop, MOST_OPERANDS};
use super::scalar_op::Operand;
use crate::array::dtype::DType;
use crate::array::map;
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::gemm::Prefetcher;
use crate::ops::per_channel::width;
use crate::runtime::threads::for_each_chunk_mut;

/// Elements of a tile, if no pattern asks for another number.
pub(super) const TILE: usize = 1 << 10;

/// The longest pattern of a broadcast operand that is laid out side by side in a tile.
pub(super) const LONGEST_PATTERN: usize = 4 << 10;

/// Intermediate results and inputs that a program has room for.
pub(super) const REGISTERS: usize = 24;

/// Several [`ScalarExpr`]s, computed in one pass; the program's inputs broadcast to its shape.
///
/// ```
/// use tensor::{ElementwiseProgram, Operand::{Input, Result}, ScalarExpr, Tensor};
///
/// let (x, mean) = (Tensor::from([[1.0_f32, 5.0], [3.0, -5.0]]), Tensor::from([2.0_f32, 0.0]));
/// let (difference, relu) = (ScalarExpr::new(|[x, y]| x - y), ScalarExpr::new(|[x]| x.relu()));
/// let exprs = vec![(difference, vec![Input(0), Input(1)]), (relu, vec![Result(0)])];
/// let program = ElementwiseProgram::new([2, 2].into(), 2, exprs).unwrap();
/// assert_eq!(program.run(&[&x, &mean]), (&x - &mean).relu());
/// ```
pub struct ElementwiseProgram {
    pub(super) shape: Shape,
    pub(super) inputs: usize,
    constants: Vec<f32>,
    steps: Vec<Step>,
    registers: usize,
}

struct Step {
    compiled: Loop,
    operands: [Place; MOST_OPERANDS],
    /// The register of the result; the last loop's is the output.
    to: usize,
}

/// Where a task finds the numbers of a tile.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Register(usize),
    /// An input, or, behind these, a constant.
    Input(usize),
}

impl ElementwiseProgram {
    /// No program has more inputs.
    pub const MOST_INPUTS: usize = REGISTERS;

    /// A program whose result is that of its last expression. `None` if it is too large: registers are few.
    ///
    /// # Panics
    /// If there is no expression, one has another number of operands, or an operand is no input and no earlier result.
    pub fn new(
        shape: Shape,
        inputs: usize,
        exprs: Vec<(ScalarExpr, Vec<Operand>)>,
    ) -> Option<ElementwiseProgram> {
        Some(ElementwiseProgram::keeping(shape, inputs, exprs, vec![])?.0)
    }

    /// As [`new`](ElementwiseProgram::new), with the places in which the operands in `kept` are in the end.
    pub(super) fn keeping(
        shape: Shape,
        inputs: usize,
        exprs: Exprs,
        mut kept: Vec<Operand>,
    ) -> Option<(ElementwiseProgram, Vec<Place>)> {
        assert!(!exprs.is_empty(), "fused: a program needs an expression");
        for (i, (expr, operands)) in exprs.iter().enumerate() {
            assert_eq!(expr.arity(), operands.len(), "fused: expression {i} has other operands");
        }
        for (i, operand) in operands(&exprs, &kept) {
            match operand {
                Operand::Input(input) => assert!(input < inputs, "fused: there is no input {input}"),
                Operand::Result(result) => {
                    assert!(result < i, "fused: expression {i} comes before its operand {result}")
                }
                Operand::Constant(_) => {}
            }
        }
        let exprs = merged(exprs, &mut kept);
        let list = loops(exprs, &mut kept);
        let mut last_use = vec![0; list.len()];
        let of_loops =
            list.iter().enumerate().flat_map(|(i, (_, operands))| operands.iter().map(move |o| (i, o)));
        for (i, operand) in of_loops.chain(kept.iter().map(|operand| (list.len(), operand))) {
            if let Operand::Result(result) = *operand {
                last_use[result] = i;
            }
        }
        // An input may need a register of its own, by its layout. A result gives its up after its last use.
        let mut owner: Vec<Option<usize>> = vec![];
        let mut register_of = vec![0; list.len()];
        let mut constants: Vec<f32> = vec![];
        let mut steps = vec![];
        let mut place = |operand: Operand, register_of: &[usize]| match operand {
            Operand::Result(result) => Place::Register(register_of[result]),
            Operand::Input(input) => Place::Input(input),
            Operand::Constant(number) => {
                let number = number as f32;
                let known = constants.iter().position(|other| other.to_bits() == number.to_bits());
                Place::Input(
                    inputs
                        + known.unwrap_or_else(|| {
                            constants.push(number);
                            constants.len() - 1
                        }),
                )
            }
        };
        for (i, (compiled, operands)) in list.into_iter().enumerate() {
            let free = owner.iter().position(|owner| owner.is_none_or(|result| last_use[result] < i));
            let register = free.unwrap_or_else(|| {
                owner.push(None);
                owner.len() - 1
            });
            owner[register] = Some(i);
            register_of[i] = register;
            let mut padded = [Place::Input(0); MOST_OPERANDS];
            padded.iter_mut().zip(operands).for_each(|(to, operand)| *to = place(operand, &register_of));
            steps.push(Step { compiled, operands: padded, to: register });
        }
        let kept = kept.into_iter().map(|operand| place(operand, &register_of)).collect();
        let registers = owner.len();
        let fits = registers + inputs + constants.len() <= REGISTERS;
        fits.then_some((ElementwiseProgram { shape, inputs, constants, steps, registers }, kept))
    }

    /// The shape of the result.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Computes the program.
    ///
    /// # Panics
    /// If the number of inputs is another, one is neither `f32` nor `bool`, or one does not broadcast to the shape.
    #[track_caller]
    pub fn run(&self, inputs: &[&Tensor]) -> Tensor {
        self.fill(self.empty(), inputs.iter().map(|input| Input::Memory(input)))
    }

    /// As [`run`](ElementwiseProgram::run). Input `i` is `over`, whose memory becomes that of the result if nobody else holds it: less
    /// memory to go through. The others are those before and behind it.
    ///
    /// # Panics
    /// As [`run`](ElementwiseProgram::run).
    #[track_caller]
    pub fn run_over(&self, i: usize, over: Tensor, others: &[&Tensor]) -> Tensor {
        if self.can_take(&over) {
            return self.fill(over, with(i, Input::Output, others));
        }
        self.fill(self.empty(), with(i, Input::Memory(&over), others))
    }

    /// Memory for the result.
    pub(super) fn empty(&self) -> Tensor {
        Tensor::from_buffer(Buffer::<f32>::uninit(self.shape.numel()), self.shape)
    }

    /// Whether the result can be written over this tensor.
    pub(super) fn can_take(&self, x: &Tensor) -> bool {
        x.shape() == self.shape && x.dtype() == DType::F32 && x.owns_buffer()
    }

    /// Writes the result to `out`.
    #[track_caller]
    pub(super) fn fill<'a>(&'a self, mut out: Tensor, inputs: impl Iterator<Item = Input<'a>>) -> Tensor {
        let sources = self.sources(inputs, None);
        let tile = sources.tile;
        let numbers = out.as_mut_slice::<f32>();
        // As equal parts as can be, each of whole tiles.
        let parts = numbers.len().div_ceil(map::GRAIN).max(1);
        let chunk = numbers.len().div_ceil(parts).next_multiple_of(tile).max(tile);
        for_each_chunk_mut(numbers, chunk, |task, out| {
            self.workspace(&sources).write(task * chunk, &[], out);
        });
        out
    }

    /// Where the inputs' numbers are. For sums of so many channels the tiles begin at any row, and are of whole widths of totals.
    #[track_caller]
    pub(super) fn sources<'a>(
        &'a self,
        inputs: impl Iterator<Item = Input<'a>>,
        channels: Option<usize>,
    ) -> Sources<'a> {
        let mut sources = [const { None }; REGISTERS];
        let mut period = channels.map_or(1, width);
        let mut count = 0;
        for input in inputs {
            assert!(count < self.inputs, "fused: more inputs than the {} of the program", self.inputs);
            let mut found = match input {
                Input::Memory(x) => Source::of(x, self.shape),
                Input::Output => Source::Output,
                Input::Piece => Source::Piece,
            };
            if let (Source::Pattern(pattern), Input::Memory(x)) = (&found, input) {
                let both = lcm(period, pattern.len());
                if both > LONGEST_PATTERN || channels.is_some_and(|n| n % pattern.len() != 0) {
                    found = Source::Strided(x.broadcast_to(self.shape));
                } else {
                    period = both;
                }
            }
            sources[count] = Some(found);
            count += 1;
        }
        assert_eq!(count, self.inputs, "fused: another number of inputs");
        for (source, constant) in sources[count..].iter_mut().zip(&self.constants) {
            *source = Some(Source::Pattern(std::slice::from_ref(constant)));
        }
        let tile = period * (TILE / period).max(1);
        let mut moving = false;
        for source in sources.iter_mut().flatten() {
            match source {
                Source::Pattern(pattern) => *source = Source::laid_out(pattern, tile),
                Source::Slice(_) | Source::Piece => {}
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

/// Expressions as a list of compiled loops: one for all of an expression where there is one, or one for each of its functions. The
/// operands in `kept` are renumbered.
fn loops(exprs: Exprs, kept: &mut [Operand]) -> Vec<(Loop, Vec<Operand>)> {
    let mut list = vec![];
    let mut result_of: Vec<usize> = vec![];
    let renumbered = |operand: Operand, result_of: &[usize]| match operand {
        Operand::Result(i) => Operand::Result(result_of[i]),
        other => other,
    };
    for (expr, operands) in exprs {
        let operands: Vec<Operand> = operands.into_iter().map(|o| renumbered(o, &result_of)).collect();
        match expr.compiled() {
            Some(compiled) => list.push((compiled, operands)),
            None => {
                let first = list.len();
                let inner = |operand: &Operand| match *operand {
                    Operand::Input(i) => operands[i],
                    Operand::Result(i) => Operand::Result(first + i),
                    constant => constant,
                };
                list.extend(expr.steps().map(|(op, of)| (op.compiled(), of.iter().map(inner).collect())));
            }
        }
        result_of.push(list.len() - 1);
    }
    kept.iter_mut().for_each(|operand| *operand = renumbered(*operand, &result_of));
    list
}

/// What a program is given as an input.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// A tensor.
    Memory(&'a Tensor),
    /// What is in the memory that the result is written to.
    Output,
    /// The piece that a kernel has computed.
    Piece,
}

/// The inputs of which number `i` is this one, and the others are those before and behind it.
pub(super) fn with<'a>(
    i: usize,
    input: Input<'a>,
    others: &'a [&'a Tensor],
) -> impl Iterator<Item = Input<'a>> {
    assert!(i <= others.len(), "fused: there is no input {i} beside {} others", others.len());
    let (before, behind) = others.split_at(i);
    let memory = |x: &&'a Tensor| Input::Memory(x);
    before.iter().map(memory).chain([input]).chain(behind.iter().map(memory))
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
    program: &'a ElementwiseProgram,
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

    /// Computes `len` elements from `first` on, at most a tile. The last loop's result goes to `out` if it is given.
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
            for (x, &place) in x.iter_mut().zip(&step.operands[..step.compiled.arity()]) {
                *x = self.numbers(place, first, len, piece);
            }
            match (&mut out, &mut to) {
                (Some(out), _) => step.compiled.apply(x, out),
                (None, Some(to)) => step.compiled.apply(x, &mut to[..len]),
                (None, None) => unreachable!("a result has no register"),
            }
            if to.is_some() {
                self.registers[step.to] = to;
            }
        }
    }

    /// The numbers at a place in the tile that was computed last.
    #[inline]
    pub(super) fn numbers<'p>(
        &'p self,
        place: Place,
        first: usize,
        len: usize,
        piece: &'p [f32],
    ) -> &'p [f32] {
        let register = match place {
            Place::Register(register) => register,
            Place::Input(input) => match &self.sources.inputs[input] {
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
                let fused = ElementwiseProgram::new(
                    Shape::from(shape.as_slice()),
                    3,
                    vec![
                        (ScalarExpr::new(|[x, y]| x.sub(y)), vec![Input(0), Input(1)]),
                        (ScalarExpr::new(|[x]| x.exp()), vec![Result(0)]),
                        (ScalarExpr::new(|[x, y]| x.less(y)), vec![Input(1), Result(1)]),
                        (ScalarExpr::new(|[x]| x.logical_not()), vec![Result(2)]),
                        (ScalarExpr::new(|[x, y]| x.logical_or(y)), vec![Result(3), Input(2)]),
                        (ScalarExpr::new(|[x]| x.clamp(-0.5, 0.5)), vec![Result(0)]),
                        (ScalarExpr::new(|[c, x, y]| c.select(x, y)), vec![Result(4), Result(5), Result(1)]),
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
                    let found = fused.run_over(0, given, &[y, &positive]);
                    assert_eq!(found, expected, "{shape:?} {:?}", y.layout());
                    assert_eq!(found.buffer_id() == address, address != x.buffer_id());
                }
            }
        }
    }

    #[test]
    fn a_program_with_too_many_results_at_once_is_none() {
        let mut program: Vec<_> = (0..30).map(|_| (ScalarExpr::new(|[x]| x.exp()), vec![Input(0)])).collect();
        program.extend((0..29).map(|i| {
            (ScalarExpr::new(|[x, y]| x.add(y)), vec![Result(i), Result(if i == 0 { 29 } else { 29 + i })])
        }));
        assert!(ElementwiseProgram::new([3].into(), 1, program).is_none());
    }
}
