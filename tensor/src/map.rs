//! Element-wise kernels over any layouts: the loop nest that all of them share.

use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::layout::Layout;
use crate::parallel::for_each_chunk_mut;
use crate::shape::{MAX_RANK, Shape};
use crate::simd::vectorize;

/// Elements a task computes: enough to outweigh handing it to another thread, few enough to stay in the cache.
pub(crate) const GRAIN: usize = 16 << 10;

/// Some of the elements in a buffer, as a kernel sees them.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) layout: Layout,
}

/// The loops over the elements of `N` operands of one shape, with adjacent axes merged wherever every operand allows,
/// so that common cases are one long loop.
struct Nest<const N: usize> {
    sizes: [usize; MAX_RANK],
    strides: [[isize; MAX_RANK]; N],
    offsets: [isize; N],
    /// Number of loops, at least 1; the last is the innermost.
    depth: usize,
}

impl<const N: usize> Nest<N> {
    fn new(shape: Shape, layouts: [&Layout; N]) -> Nest<N> {
        let mut nest = Nest {
            sizes: [1; MAX_RANK],
            strides: [[0; MAX_RANK]; N],
            offsets: layouts.map(Layout::offset),
            depth: 0,
        };
        for axis in 0..shape.len() {
            let size = shape[axis];
            if size == 1 {
                continue;
            }
            let stride = |i: usize| layouts[i].strides()[axis];
            let merges = nest.depth > 0
                && (0..N).all(|i| nest.strides[i][nest.depth - 1] == stride(i) * size as isize);
            if !merges {
                nest.depth += 1;
            }
            let d = nest.depth - 1;
            nest.sizes[d] = if merges { nest.sizes[d] * size } else { size };
            for i in 0..N {
                nest.strides[i][d] = stride(i);
            }
        }
        nest.depth = nest.depth.max(1);
        nest
    }

    /// Calls `row(out, offsets)` for runs of the innermost loop that together cover output elements
    /// `start..start + out.len()`; `offsets` says where each operand's run begins.
    fn rows<O>(&self, start: usize, out: &mut [O], mut row: impl FnMut(&mut [O], [isize; N])) {
        if out.is_empty() {
            return;
        }
        let inner = self.sizes[self.depth - 1];
        let mut index = [0; MAX_RANK];
        let mut offsets = self.offsets;
        let mut rest = start;
        for d in (0..self.depth).rev() {
            index[d] = rest % self.sizes[d];
            rest /= self.sizes[d];
            for i in 0..N {
                offsets[i] += index[d] as isize * self.strides[i][d];
            }
        }
        let mut done = 0;
        let mut column = index[self.depth - 1];
        while done < out.len() {
            let len = (inner - column).min(out.len() - done);
            row(&mut out[done..done + len], offsets);
            done += len;
            // On to the start of the next row: back along the innermost loop, then one step like an odometer.
            for i in 0..N {
                offsets[i] -= column as isize * self.strides[i][self.depth - 1];
            }
            column = 0;
            for d in (0..self.depth - 1).rev() {
                index[d] += 1;
                for i in 0..N {
                    offsets[i] += self.strides[i][d];
                }
                if index[d] < self.sizes[d] {
                    break;
                }
                for i in 0..N {
                    offsets[i] -= self.sizes[d] as isize * self.strides[i][d];
                }
                index[d] = 0;
            }
        }
    }

    fn inner_stride(&self, operand: usize) -> isize {
        self.strides[operand][self.depth - 1]
    }
}

#[inline(always)]
fn at<T: Copy>(data: &[T], offset: isize, i: usize, stride: isize) -> T {
    data[(offset + i as isize * stride) as usize]
}

#[inline(always)]
fn run<T>(data: &[T], offset: isize, len: usize) -> &[T] {
    &data[offset as usize..offset as usize + len]
}

/// Calls `row` for runs that together cover `out`, on several threads. Everything but `row` is compiled once for all
/// operations, which keeps building this crate fast.
fn drive<O: Element, const N: usize>(
    nest: &Nest<N>,
    out: &mut [O],
    row: &(dyn Fn(&mut [O], [isize; N]) + Sync),
) {
    for_each_chunk_mut(out, GRAIN, |chunk, out| nest.rows(chunk * GRAIN, out, row));
}

/// `out[i] = f(a[i])` into a new buffer in row-major order.
pub(crate) fn map1<A: Element, O: Element>(a: Strided<'_, A>, f: impl Fn(A) -> O + Copy + Sync) -> Buffer<O> {
    let nest = Nest::new(a.layout.shape(), [&a.layout]);
    let mut out = Buffer::uninit(a.layout.shape().count());
    let stride = nest.inner_stride(0);
    drive(&nest, &mut out, &|out, [oa]| {
        vectorize(
            #[inline(always)]
            || match stride {
                1 => {
                    let run = run(a.data, oa, out.len());
                    out.iter_mut().zip(run).for_each(|(o, &x)| *o = f(x));
                }
                s => {
                    for (i, o) in out.iter_mut().enumerate() {
                        *o = f(at(a.data, oa, i, s));
                    }
                }
            },
        );
    });
    out
}

/// `out[i] = f(a[i], b[i])` into a new buffer; both layouts have the same shape.
pub(crate) fn map2<A: Element, B: Element, O: Element>(
    a: Strided<'_, A>,
    b: Strided<'_, B>,
    f: impl Fn(A, B) -> O + Copy + Sync,
) -> Buffer<O> {
    let nest = Nest::new(a.layout.shape(), [&a.layout, &b.layout]);
    let mut out = Buffer::uninit(a.layout.shape().count());
    let strides = (nest.inner_stride(0), nest.inner_stride(1));
    drive(&nest, &mut out, &|out, [oa, ob]| {
        let n = out.len();
        vectorize(
            #[inline(always)]
            || match strides {
                (1, 1) => {
                    let operands = run(a.data, oa, n).iter().zip(run(b.data, ob, n));
                    out.iter_mut().zip(operands).for_each(|(o, (&x, &y))| *o = f(x, y));
                }
                (1, 0) => {
                    let y = b.data[ob as usize];
                    out.iter_mut().zip(run(a.data, oa, n)).for_each(|(o, &x)| *o = f(x, y));
                }
                (0, 1) => {
                    let x = a.data[oa as usize];
                    out.iter_mut().zip(run(b.data, ob, n)).for_each(|(o, &y)| *o = f(x, y));
                }
                (sa, sb) => {
                    for (i, o) in out.iter_mut().enumerate() {
                        *o = f(at(a.data, oa, i, sa), at(b.data, ob, i, sb));
                    }
                }
            },
        );
    });
    out
}

/// `out[i] = f(out[i], b[i])` in place.
pub(crate) fn update<A: Element, B: Element>(
    out: &mut [A],
    b: Strided<'_, B>,
    f: impl Fn(A, B) -> A + Copy + Sync,
) {
    let nest = Nest::new(b.layout.shape(), [&b.layout]);
    let stride = nest.inner_stride(0);
    drive(&nest, out, &|out, [ob]| {
        vectorize(
            #[inline(always)]
            || match stride {
                1 => {
                    let run = run(b.data, ob, out.len());
                    out.iter_mut().zip(run).for_each(|(o, &y)| *o = f(*o, y));
                }
                s => {
                    for (i, o) in out.iter_mut().enumerate() {
                        *o = f(*o, at(b.data, ob, i, s));
                    }
                }
            },
        );
    });
}

/// `out[i] = if c[i] { a[i] } else { b[i] }`.
pub(crate) fn select<T: Element>(c: Strided<'_, bool>, a: Strided<'_, T>, b: Strided<'_, T>) -> Buffer<T> {
    let nest = Nest::new(c.layout.shape(), [&c.layout, &a.layout, &b.layout]);
    let mut out = Buffer::uninit(c.layout.shape().count());
    let [sc, sa, sb] = [0, 1, 2].map(|i| nest.inner_stride(i));
    drive(&nest, &mut out, &|out, [oc, oa, ob]| {
        for (i, o) in out.iter_mut().enumerate() {
            let (x, y) = (at(a.data, oa, i, sa), at(b.data, ob, i, sb));
            *o = if at(c.data, oc, i, sc) { x } else { y };
        }
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
    let nest = Nest::new(target.shape(), [target, &values.layout]);
    let [st, sv] = [0, 1].map(|i| nest.inner_stride(i));
    // The nest's own output is not written: its length alone drives the loops.
    let mut count = vec![(); target.shape().count()];
    nest.rows(0, &mut count, |run, [ot, ov]| {
        for i in 0..run.len() {
            let o = &mut out[(ot + i as isize * st) as usize];
            *o = add(*o, at(values.data, ov, i, sv));
        }
    });
}
