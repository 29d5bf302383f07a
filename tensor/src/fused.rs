//! Several element-wise functions in one pass over memory.
//!
//! A chain such as `(x − mean) · factor + offset`, one tensor operation after the other, writes and reads every number
//! several times. Here a tile of numbers goes through all functions before the next one does; what is between lies in
//! the first-level cache.

use crate::buffer::Buffer;
use crate::dtype::DType;
use crate::layout::{Layout, View};
use crate::map;
use crate::parallel::for_each_chunk_mut;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Elements of a tile, if no pattern asks for another number.
const TILE: usize = 1 << 10;

/// The longest pattern of a broadcast operand that is laid out side by side in a tile.
const LONGEST_PATTERN: usize = 4 << 10;

/// Intermediate results and inputs that a program has room for.
const REGISTERS: usize = 16;

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
    shape: Shape,
    inputs: usize,
    steps: Vec<Step>,
    registers: usize,
}

struct Step {
    function: Scalar,
    operands: [Operand; 3],
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
        assert!(!program.is_empty(), "fused: a program needs a function");
        let mut last_use = vec![0; program.len()];
        for (i, (function, operands)) in program.iter().enumerate() {
            assert_eq!(function.arity(), operands.len(), "fused: function {i} has other operands");
            for operand in operands {
                match *operand {
                    Operand::Input(input) => assert!(input < inputs, "fused: there is no input {input}"),
                    Operand::Result(result) => {
                        assert!(result < i, "fused: function {i} comes before its operand {result}");
                        last_use[result] = i;
                    }
                }
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
            let mut padded = [Operand::Input(0); 3];
            for (to, operand) in padded.iter_mut().zip(operands) {
                *to = match operand {
                    Operand::Result(result) => Operand::Result(place[result]),
                    input => input,
                };
            }
            steps.push(Step { function, operands: padded, to: register });
        }
        let registers = owner.len();
        (registers + inputs <= REGISTERS).then_some(Fused { shape, inputs, steps, registers })
    }

    /// The shape of the result.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of functions.
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
        assert_eq!(inputs.len(), self.inputs, "fused: another number of inputs");
        let owned = given.take_if(|x| x.shape() == self.shape && x.dtype() == DType::F32 && x.owns_buffer());
        let mut sources = [const { None }; REGISTERS];
        let mut tile = 1;
        for (source, input) in sources.iter_mut().zip(inputs) {
            let Some(input) = input.or(given.as_ref()) else {
                assert!(owned.is_some(), "fused: an input is missing");
                *source = Some(Source::Output);
                continue;
            };
            let found = Source::of(input, self.shape);
            if let Source::Pattern(pattern) = &found {
                match lcm(tile, pattern.len()) {
                    both if both <= LONGEST_PATTERN => tile = both,
                    _ => {
                        *source = Some(Source::Strided(input.broadcast_to(self.shape)));
                        continue;
                    }
                }
            }
            *source = Some(found);
        }
        let tile = tile * (TILE / tile).max(1);
        let mut out = owned
            .unwrap_or_else(|| Tensor::from_buffer(Buffer::<f32>::uninit(self.shape.count()), self.shape));
        let numbers = out.as_mut_slice::<f32>();
        // As equal parts as can be, each of whole tiles.
        let parts = numbers.len().div_ceil(map::GRAIN).max(1);
        let chunk = numbers.len().div_ceil(parts).next_multiple_of(tile).max(tile);
        for_each_chunk_mut(numbers, chunk, |task, out| self.compute(&sources, tile, task * chunk, out));
        out
    }

    /// Computes the elements from `start` on, tile by tile.
    fn compute(&self, sources: &[Option<Source>; REGISTERS], tile: usize, start: usize, out: &mut [f32]) {
        let mut registers: [Option<Buffer<f32>>; REGISTERS] = [const { None }; REGISTERS];
        let (results, laid_out) = registers.split_at_mut(self.registers);
        for register in results.iter_mut().take(if self.steps.len() > 1 { self.registers } else { 0 }) {
            *register = Some(Buffer::uninit(tile));
        }
        for (register, source) in laid_out.iter_mut().zip(sources) {
            match source {
                Some(Source::Pattern(pattern)) => {
                    let mut laid = Buffer::uninit(tile);
                    match pattern {
                        [number] => laid.fill(*number),
                        run => laid.chunks_exact_mut(run.len()).for_each(|to| to.copy_from_slice(run)),
                    }
                    *register = Some(laid);
                }
                Some(Source::Truth(_) | Source::Strided(_) | Source::Output) => {
                    *register = Some(Buffer::uninit(tile))
                }
                _ => {}
            }
        }
        for (i, out) in out.chunks_mut(tile).enumerate() {
            let (first, len) = (start + i * tile, out.len());
            for (register, source) in laid_out.iter_mut().zip(sources) {
                let (Some(register), Some(source)) = (register, source) else { continue };
                match source {
                    Source::Truth(truth) => {
                        let truth = &truth[first..first + len];
                        register.iter_mut().zip(truth).for_each(|(x, &t)| *x = t as u8 as f32);
                    }
                    Source::Strided(x) => x.copy_elements(first, &mut register[..len]),
                    Source::Output => register[..len].copy_from_slice(out),
                    Source::Slice(_) | Source::Pattern(_) => {}
                }
            }
            for (s, step) in self.steps.iter().enumerate() {
                let last = s + 1 == self.steps.len();
                let mut to = if last { None } else { results[step.to].take() };
                let operand = |operand: Operand| match operand {
                    Operand::Result(register) => register_of(results, register, len),
                    Operand::Input(input) => match &sources[input] {
                        Some(Source::Slice(x)) => &x[first..first + len],
                        _ => register_of(laid_out, input, len),
                    },
                };
                let arity = step.function.arity();
                let x = std::array::from_fn(|k| operand(step.operands[if k < arity { k } else { 0 }]));
                step.function.apply(x, to.as_deref_mut().map_or(&mut *out, |to| &mut to[..len]));
                if !last {
                    results[step.to] = to;
                }
            }
        }
    }
}

fn register_of(registers: &[Option<Buffer<f32>>], register: usize, len: usize) -> &[f32] {
    match &registers[register] {
        Some(register) => &register[..len],
        None => unreachable!("a register is read before it is written"),
    }
}

/// Where the numbers of an input are.
enum Source<'a> {
    /// Side by side, in the order of the result.
    Slice(&'a [f32]),
    /// The same run over and over: an operand broadcast along leading axes, or a single number.
    Pattern(&'a [f32]),
    /// Truth values in the order of the result.
    Truth(&'a [bool]),
    /// Anywhere.
    Strided(Tensor),
    /// Where the result is written.
    Output,
}

impl<'a> Source<'a> {
    #[track_caller]
    fn of(x: &'a Tensor, shape: Shape) -> Source<'a> {
        if x.shape() == shape {
            if let Some(slice) = x.as_slice() {
                return Source::Slice(slice);
            }
            if let Some(slice) = x.as_slice() {
                return Source::Truth(slice);
            }
        }
        match pattern(x, shape) {
            Some(pattern) => Source::Pattern(pattern),
            None => Source::Strided(x.broadcast_to(shape)),
        }
    }
}

/// The run that `x`, broadcast to `shape`, repeats: its trailing axes as they lie in memory.
fn pattern(x: &Tensor, shape: Shape) -> Option<&[f32]> {
    if x.dtype() != DType::F32 || shape.count() == 0 {
        return None;
    }
    let layout: Layout = View::Broadcast(shape).of(x.layout()).ok()?;
    let mut len = 1;
    let mut axes = (0..shape.len()).rev().filter(|&axis| shape[axis] != 1).peekable();
    while let Some(&axis) = axes.peek() {
        if layout.strides()[axis] != len as isize {
            break;
        }
        len *= shape[axis];
        axes.next();
    }
    let repeats = axes.all(|axis| layout.strides()[axis] == 0);
    let start = layout.offset() as usize;
    (repeats && len <= LONGEST_PATTERN).then(|| x.strided::<f32>().data.get(start..start + len)).flatten()
}

fn lcm(a: usize, b: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    a / gcd(a, b).max(1) * b
}

impl Tensor {
    /// The elements from `first` on, in row-major order, as numbers.
    fn copy_elements(&self, first: usize, out: &mut [f32]) {
        if self.dtype() == DType::Bool {
            map::copy_run(self.strided::<bool>(), first, out, |truth| truth as u8 as f32);
        } else {
            map::copy_run(self.strided::<f32>(), first, out, |x| x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Operand::{Input, Result};
    use super::*;
    use crate::Rng;

    /// A program with operands of every layout, against one operation after the other.
    #[test]
    fn every_layout_gives_what_separate_operations_give() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: &[usize]| Tensor::normal(Shape::from(shape), 0.0, 1.0, DType::F32, rng);
        for shape in [vec![3, 700, 24], vec![40_000], vec![], vec![0, 3], vec![5, 1, 1], vec![2, 3, 4099]] {
            let last = &shape[shape.len().saturating_sub(1)..];
            let mut turned = shape.clone();
            turned.reverse();
            let axes: Vec<isize> = (0..shape.len() as isize).rev().collect();
            let second = [
                normal(&shape),
                normal(&turned).permute(&axes),
                normal(last),
                normal(&[]),
                normal(&vec![1; shape.len()]),
                normal(last).broadcast_to(shape.as_slice()),
                normal(&shape[..shape.len().min(1)]).reshape(
                    shape.iter().enumerate().map(|(i, &n)| if i == 0 { n } else { 1 }).collect::<Shape>(),
                ),
            ];
            let x = normal(&shape);
            for y in &second {
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
        let mut program: Vec<_> = (0..20).map(|_| (Scalar::exp(), vec![Input(0)])).collect();
        program.extend(
            (0..19).map(|i| (Scalar::add(), vec![Result(i), Result(if i == 0 { 19 } else { 19 + i })])),
        );
        assert!(Fused::new([3].into(), 1, program).is_none());
    }
}
