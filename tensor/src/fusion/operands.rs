//! The inputs of a fused program, as they lie in memory.

use super::LONGEST_PATTERN;
use crate::array::dtype::DType;
use crate::array::layout::{Layout, ViewOp};
use crate::array::map;
use crate::array::shape::Shape;
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;

/// Where the numbers of an input are.
pub(super) enum Source<'a> {
    /// Side by side, in the order of the result.
    Slice(&'a [f32]),
    /// The same run over and over: an operand broadcast along leading axes, or a single number.
    Pattern(&'a [f32]),
    /// As many of them as a tile has elements.
    LaidOut(Buffer<f32>),
    /// Truth values in the order of the result.
    Truth(&'a [bool]),
    /// Anywhere.
    Strided(Tensor),
    /// Where the result is written.
    Output,
    /// A tile of a kernel's result, where that is not in the memory that is written to.
    Piece,
}

impl<'a> Source<'a> {
    #[track_caller]
    pub(super) fn of(x: &'a Tensor, shape: Shape) -> Source<'a> {
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

    /// A pattern for tiles of so many elements, whole patterns.
    pub(super) fn laid_out(pattern: &[f32], tile: usize) -> Source<'a> {
        let mut laid = Buffer::uninit(tile);
        match pattern {
            [number] => laid.fill(*number),
            run => laid.chunks_exact_mut(run.len()).for_each(|to| to.copy_from_slice(run)),
        }
        Source::LaidOut(laid)
    }
}

/// The run that `x`, broadcast to `shape`, repeats: its trailing axes as they lie in memory.
fn pattern(x: &Tensor, shape: Shape) -> Option<&[f32]> {
    if x.dtype() != DType::F32 || shape.numel() == 0 {
        return None;
    }
    let layout: Layout = ViewOp::Broadcast(shape).of(x.layout()).ok()?;
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

/// So many numbers from `first` on, as far as they are there.
pub(super) fn part(numbers: &[f32], first: usize, len: usize) -> &[f32] {
    let first = first.min(numbers.len());
    &numbers[first..first.saturating_add(len).min(numbers.len())]
}

pub(super) fn lcm(a: usize, b: usize) -> usize {
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
    pub(super) fn copy_elements(&self, first: usize, out: &mut [f32]) {
        if self.dtype() == DType::Bool {
            map::copy_run(self.strided::<bool>(), first, out, |truth| truth as u8 as f32);
        } else {
            map::copy_run(self.strided::<f32>(), first, out, |x| x);
        }
    }
}
