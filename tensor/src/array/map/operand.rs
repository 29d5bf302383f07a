//! An operand of an element-wise kernel as slices, whatever its layout.

use super::Strided;
use crate::array::dtype::Element;
use crate::array::layout::Layout;
use crate::array::shape::MAX_RANK;
use crate::array::storage::Buffer;

/// The loops over the elements of a layout in row-major order, with adjacent axes merged where the strides allow, so that
/// common cases are one long run.
pub(super) struct Nest {
    sizes: [usize; MAX_RANK],
    strides: [isize; MAX_RANK],
    offset: isize,
    /// Number of loops, at least 1; the last is the innermost.
    depth: usize,
}

impl Nest {
    pub(super) fn new(layout: &Layout) -> Nest {
        let (shape, strides) = (layout.shape(), layout.strides());
        let mut nest =
            Nest { sizes: [1; MAX_RANK], strides: [0; MAX_RANK], offset: layout.offset(), depth: 0 };
        for axis in (0..shape.len()).filter(|&axis| shape[axis] != 1) {
            let (size, stride) = (shape[axis], strides[axis]);
            if nest.depth == 0 || nest.strides[nest.depth - 1] != stride * size as isize {
                nest.depth += 1;
            }
            nest.sizes[nest.depth - 1] *= size;
            nest.strides[nest.depth - 1] = stride;
        }
        if nest.depth == 0 {
            // A single element.
            (nest.depth, nest.strides[0]) = (1, 1);
        }
        nest
    }

    /// The stride of all elements, if there is one.
    fn stride(&self) -> Option<isize> {
        (self.depth == 1).then_some(self.strides[0])
    }

    /// Calls `run(elements before, how many, where the first is, stride)` for the runs that make up `len` elements from
    /// number `start` on.
    #[inline(always)]
    pub(super) fn runs(&self, start: usize, len: usize, mut run: impl FnMut(usize, usize, isize, isize)) {
        let last = self.depth - 1;
        let (mut index, mut rest, mut first) = ([0; MAX_RANK], start, self.offset);
        for d in (0..self.depth).rev() {
            index[d] = rest % self.sizes[d];
            first += index[d] as isize * self.strides[d];
            rest /= self.sizes[d];
        }
        let mut done = 0;
        while done < len {
            let count = (self.sizes[last] - index[last]).min(len - done);
            run(done, count, first, self.strides[last]);
            done += count;
            // On like an odometer, of which every digit that is full goes back to 0.
            let (mut d, mut step) = (last, count);
            loop {
                index[d] += step;
                first += step as isize * self.strides[d];
                if index[d] < self.sizes[d] || d == 0 {
                    break;
                }
                first -= index[d] as isize * self.strides[d];
                index[d] = 0;
                (d, step) = (d - 1, 1);
            }
        }
    }
}

/// The elements of an operand for a kernel that reads slices.
pub(super) struct Operand<'a, T: Element> {
    data: &'a [T],
    nest: &'a Nest,
    /// A block's elements, if they are not side by side in memory.
    staged: Option<Buffer<T>>,
}

impl<'a, T: Element> Operand<'a, T> {
    pub(super) fn new(x: &Strided<'a, T>, nest: &'a Nest) -> Operand<'a, T> {
        Operand { data: x.data, nest, staged: None }
    }

    /// Whether all elements lie side by side in memory.
    pub(super) fn is_contiguous(&self) -> bool {
        self.nest.stride() == Some(1)
    }

    /// `len` elements from number `start` on: where they are, or copied side by side. `most` is the largest `len`.
    pub(super) fn elements(&mut self, start: usize, len: usize, most: usize) -> &[T] {
        if self.is_contiguous() {
            let first = self.nest.offset as usize + start;
            return &self.data[first..first + len];
        }
        let fresh = self.staged.is_none();
        let staged = self.staged.get_or_insert_with(|| Buffer::uninit(most));
        if self.nest.stride() != Some(0) {
            copy(self.data, self.nest, start, &mut staged[..len]);
        } else if fresh {
            staged.fill(self.data[self.nest.offset as usize]);
        }
        &staged[..len]
    }
}

/// Copies as many elements as `out` has from number `start` on.
pub(super) fn copy<T: Copy>(data: &[T], nest: &Nest, start: usize, out: &mut [T]) {
    nest.runs(
        start,
        out.len(),
        #[inline(always)]
        |done, count, first, stride| {
            let out = &mut out[done..done + count];
            match stride {
                1 => out.copy_from_slice(&data[first as usize..first as usize + count]),
                0 => out.fill(data[first as usize]),
                _ => {
                    for (i, o) in out.iter_mut().enumerate() {
                        *o = data[(first + i as isize * stride) as usize];
                    }
                }
            }
        },
    );
}
