//! Element-wise kernels over any layouts.
//!
//! A kernel is a loop over slices, compiled once for each function, types and instruction set. What lies otherwise in memory
//! (transposed, sliced, broadcast) is copied side by side first, a block that fits the first-level cache at a time, by loops
//! that all functions share: so few loops are compiled.

mod operand;

use crate::array::dtype::Element;
use crate::array::layout::Layout;
use crate::array::storage::Buffer;
use crate::runtime::simd::{vectorize, vectorize_for};
use crate::runtime::threads::{for_each_chunk_mut, for_each_chunks_mut};
use operand::{Nest, Operand};

/// Elements a task computes: enough to outweigh handing it to another thread, few enough to stay in the cache.
pub(crate) const GRAIN: usize = 16 << 10;

/// Elements of a block, whose operands stay in the first-level cache.
const STAGED: usize = 1 << 10;

/// Some of the elements in a buffer, as a kernel sees them.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) layout: Layout,
}

/// Calls `block(number of the first element, elements)` for blocks of at most `most` elements that together are a task's.
fn blocks<O>(first: usize, out: &mut [O], most: usize, mut block: impl FnMut(usize, &mut [O])) {
    for (i, out) in out.chunks_mut(most.max(1)).enumerate() {
        block(first + i * most, out);
    }
}

/// `out[i] = f(a[i])` into a new buffer in row-major order, by a kernel of slices.
#[track_caller]
pub(crate) fn map1<A: Element, O: Element>(
    a: Strided<'_, A>,
    kernel: &(dyn Fn(&[A], &mut [O]) + Sync),
) -> Buffer<O> {
    let nest = Nest::new(&a.layout);
    let mut out = Buffer::uninit(a.layout.shape().numel());
    for_each_chunk_mut(&mut out, GRAIN, |task, out| {
        let mut a = Operand::new(&a, &nest);
        let most = if a.is_contiguous() { out.len() } else { STAGED.min(out.len()) };
        blocks(task * GRAIN, out, most, |first, out| kernel(a.elements(first, out.len(), most), out));
    });
    out
}

/// The elements in row-major order.
#[track_caller]
pub(crate) fn copy<T: Element>(a: Strided<'_, T>) -> Buffer<T> {
    let nest = Nest::new(&a.layout);
    let mut out = Buffer::uninit(a.layout.shape().numel());
    for_each_chunk_mut(&mut out, GRAIN, |task, out| operand::copy(a.data, &nest, task * GRAIN, out));
    out
}

/// `out[i] = f(a[first + i])`, elements being counted in row-major order.
pub(crate) fn copy_run<A: Element, O: Element>(
    a: Strided<'_, A>,
    first: usize,
    out: &mut [O],
    f: impl Fn(A) -> O + Copy,
) {
    Nest::new(&a.layout).runs(first, out.len(), |done, count, first, stride| {
        for (i, o) in out[done..done + count].iter_mut().enumerate() {
            *o = f(a.data[(first + i as isize * stride) as usize]);
        }
    });
}

/// `(a, b, out)`: a loop over slices of one length.
pub(crate) type BinaryKernel<'a, A, B, O> = dyn Fn(&[A], &[B], &mut [O]) + Sync + 'a;

/// `out[i] = f(a[i], b[i])` into a new buffer, by a kernel of slices; both layouts have the same shape.
#[track_caller]
pub(crate) fn map2<A: Element, B: Element, O: Element>(
    a: Strided<'_, A>,
    b: Strided<'_, B>,
    kernel: &BinaryKernel<'_, A, B, O>,
) -> Buffer<O> {
    let nests = (Nest::new(&a.layout), Nest::new(&b.layout));
    let mut out = Buffer::uninit(a.layout.shape().numel());
    for_each_chunk_mut(&mut out, GRAIN, |task, out| {
        let (mut a, mut b) = (Operand::new(&a, &nests.0), Operand::new(&b, &nests.1));
        let whole = a.is_contiguous() && b.is_contiguous();
        let most = if whole { out.len() } else { STAGED.min(out.len()) };
        blocks(task * GRAIN, out, most, |first, out| {
            kernel(a.elements(first, out.len(), most), b.elements(first, out.len(), most), out);
        });
    });
    out
}

/// `out[i] = f(out[i], b[i])` in place, by a kernel of slices.
pub(crate) fn update<A: Element, B: Element>(
    out: &mut [A],
    b: Strided<'_, B>,
    kernel: &BinaryKernel<'_, A, B, A>,
) {
    let nest = Nest::new(&b.layout);
    for_each_chunk_mut(out, GRAIN, |task, out| {
        let mut b = Operand::new(&b, &nest);
        let mut before = Buffer::uninit(STAGED.min(out.len()));
        blocks(task * GRAIN, out, STAGED, |first, out| {
            let before = &mut before[..out.len()];
            before.copy_from_slice(out);
            kernel(before, b.elements(first, out.len(), STAGED), out);
        });
    });
}

/// `out[i] = if c[i] { a[i] } else { b[i] }`.
#[track_caller]
pub(crate) fn select<T: Element>(c: Strided<'_, bool>, a: Strided<'_, T>, b: Strided<'_, T>) -> Buffer<T> {
    let nests = [&c.layout, &a.layout, &b.layout].map(Nest::new);
    let mut out = Buffer::uninit(c.layout.shape().numel());
    for_each_chunk_mut(&mut out, GRAIN, |task, out| {
        let mut c = Operand::new(&c, &nests[0]);
        let (mut a, mut b) = (Operand::new(&a, &nests[1]), Operand::new(&b, &nests[2]));
        let whole = c.is_contiguous() && a.is_contiguous() && b.is_contiguous();
        let most = if whole { out.len() } else { STAGED.min(out.len()) };
        blocks(task * GRAIN, out, most, |first, out| {
            let len = out.len();
            let choices = a.elements(first, len, most).iter().zip(b.elements(first, len, most));
            let operands = c.elements(first, len, most).iter().zip(choices);
            vectorize_for::<T>(
                #[inline(always)]
                || out.iter_mut().zip(operands).for_each(|(o, (&c, (&x, &y)))| *o = if c { x } else { y }),
            );
        });
    });
    out
}

/// Adds (`add`) or writes `values`, in row-major order of `target`, to the elements of `out` that `target` names.
/// Elements named more than once receive every contribution, in order.
pub(crate) fn scatter<T: Element>(
    out: &mut [T],
    target: &Layout,
    values: Strided<'_, T>,
    add: impl Fn(T, T) -> T,
) {
    let (target, from) = (Nest::new(target), Nest::new(&values.layout));
    let mut values_of = Operand::new(&values, &from);
    let count = values.layout.shape().numel();
    for start in (0..count).step_by(STAGED) {
        let values = values_of.elements(start, STAGED.min(count - start), STAGED);
        target.runs(start, values.len(), |done, count, first, stride| {
            for (i, &value) in values[done..done + count].iter().enumerate() {
                let o = &mut out[(first + i as isize * stride) as usize];
                *o = add(*o, value);
            }
        });
    }
}

/// Replaces the elements `i` of all slices by what `f` makes of them and of `g[i]`, in place and on several threads: the
/// loop of an optimizer's rule. Mark `f` `#[inline(always)]`, so that it is compiled for the widest vectors.
///
/// ```
/// let (mut weight, mut velocity) = ([1.0_f32, 2.0], [0.0, 1.0]);
/// tensor::kernels::update_elements([&mut weight, &mut velocity], &[0.5, 0.5], |[w, v], g| [w - 0.1 * (v + g), v + g]);
/// assert_eq!(velocity, [0.5, 1.5]);
/// ```
///
/// # Panics
/// If the slices have different lengths.
pub fn update_elements<T: Element, const N: usize>(
    slices: [&mut [T]; N],
    g: &[T],
    f: impl Fn([T; N], T) -> [T; N] + Copy + Sync,
) {
    assert!(slices.iter().all(|slice| slice.len() == g.len()), "the slices have different lengths");
    for_each_chunks_mut(slices, GRAIN, |task, slices| {
        let n = slices.first().map_or(0, |slice| slice.len());
        let g = &g[task * GRAIN..][..n];
        vectorize_for::<T>(
            #[inline(always)]
            || update_run(slices, g, f),
        );
    });
}

/// Elements that are read before any of them is written, so that the compiler need not fear that the slices overlap.
const BLOCK: usize = 16;

#[inline(always)]
fn update_run<T: Element, const N: usize>(
    slices: [&mut [T]; N],
    g: &[T],
    f: impl Fn([T; N], T) -> [T; N] + Copy,
) {
    let (blocks, rest) = g.as_chunks::<BLOCK>();
    let mut parts = slices.map(<[T]>::as_chunks_mut::<BLOCK>);
    for (b, g) in blocks.iter().enumerate() {
        let mut block: [[T; BLOCK]; N] = std::array::from_fn(|k| parts[k].0[b]);
        for i in 0..BLOCK {
            let new = f(std::array::from_fn(|k| block[k][i]), g[i]);
            (0..N).for_each(|k| block[k][i] = new[k]);
        }
        (0..N).for_each(|k| parts[k].0[b] = block[k]);
    }
    for (i, &g) in rest.iter().enumerate() {
        let new = f(std::array::from_fn(|k| parts[k].1[i]), g);
        (0..N).for_each(|k| parts[k].1[i] = new[k]);
    }
}

/// Rows `indices` of a table of bytes as numbers, `out[i][j] = rows[indices[i]][j] · scale`, on several threads: a batch out
/// of a set of images.
///
/// ```
/// let mut out = [0.0; 4];
/// tensor::kernels::gather_bytes(&[0, 1, 2, 3, 4, 5], 2, &[2, 0], 0.5, &mut out);
/// assert_eq!(out, [2.0, 2.5, 0.0, 0.5]);
/// ```
///
/// # Panics
/// If `out` has not `width` numbers for each index, or there is no row of an index.
#[track_caller]
pub fn gather_bytes(rows: &[u8], width: usize, indices: &[usize], scale: f32, out: &mut [f32]) {
    let count = rows.len() / width.max(1);
    if out.len() != indices.len() * width {
        panic!(
            "gather_bytes: {} rows of {width} do not fit a buffer of {} numbers",
            indices.len(),
            out.len()
        );
    }
    if let Some(index) = indices.iter().find(|&&index| index >= count) {
        panic!("gather_bytes: there is no row {index}, only {count} (counted from 0) of {width}");
    }
    if width == 0 {
        return;
    }
    let together = (GRAIN / 2 / width).max(1);
    for_each_chunk_mut(out, together * width, |task, out| {
        let indices = &indices[task * together..];
        vectorize(
            #[inline(always)]
            || {
                for (out, &index) in out.chunks_exact_mut(width).zip(indices) {
                    let row = &rows[index * width..][..width];
                    out.iter_mut().zip(row).for_each(|(o, &byte)| *o = f32::from(byte) * scale);
                }
            },
        );
    });
}
