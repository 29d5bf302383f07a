//! Element-wise kernels over any layouts: the loop nest that all of them share.

use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::layout::Layout;
use crate::parallel::{for_each_chunk_mut, for_each_chunks_mut};
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

    /// Calls `f` for tiles that together cover output elements `start..start + out.len()`. A tile is a run of the
    /// innermost loop, or several whole ones that follow each other.
    fn tiles<O>(&self, start: usize, out: &mut [O], mut f: impl FnMut(&mut [O], Tile<N>)) {
        if out.is_empty() {
            return;
        }
        let last = self.depth - 1;
        let inner = self.sizes[last];
        let mut index = [0; MAX_RANK];
        let mut rest = start;
        for d in (0..self.depth).rev() {
            index[d] = rest % self.sizes[d];
            rest /= self.sizes[d];
        }
        let mut done = 0;
        while done < out.len() {
            let mut tile = Tile { inner, offsets: self.offsets, outer: [0; N] };
            for i in 0..N {
                for (&at, &stride) in index.iter().zip(&self.strides[i]) {
                    tile.offsets[i] += at as isize * stride;
                }
            }
            let left = out.len() - done;
            let mut rows = 0;
            let len = if index[last] > 0 || left < inner {
                (inner - index[last]).min(left)
            } else {
                rows = left / inner;
                if last > 0 {
                    rows = rows.min(self.sizes[last - 1] - index[last - 1]);
                    tile.outer = self.strides.map(|s| s[last - 1]);
                }
                rows * inner
            };
            f(&mut out[done..done + len], tile);
            done += len;
            // On like an odometer: a part of a row moves the innermost digit, whole rows the next.
            let (mut d, mut step) = if rows == 0 { (last, len) } else { (last.wrapping_sub(1), rows) };
            while d < self.depth {
                index[d] += step;
                if index[d] < self.sizes[d] {
                    break;
                }
                index[d] = 0;
                (d, step) = (d.wrapping_sub(1), 1);
            }
        }
    }

    fn inner_stride(&self, operand: usize) -> isize {
        self.strides[operand][self.depth - 1]
    }
}

/// Runs of the innermost loop, one after the other in the output.
#[derive(Clone, Copy)]
struct Tile<const N: usize> {
    /// The length of a run, of which the only one of a tile may be a part.
    inner: usize,
    /// Where each operand's first run begins.
    offsets: [isize; N],
    /// How far on each operand's next run begins.
    outer: [isize; N],
}

impl<const N: usize> Tile<N> {
    /// The runs of the output, each with where the operands' begin.
    #[inline(always)]
    fn runs<'a, O>(&self, out: &'a mut [O]) -> impl Iterator<Item = (&'a mut [O], [isize; N])> {
        let &Tile { inner, offsets, outer } = self;
        out.chunks_mut(inner).enumerate().map(
            #[inline(always)]
            move |(row, out)| (out, std::array::from_fn(|i| offsets[i] + row as isize * outer[i])),
        )
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

/// Calls `tile` for tiles that together cover `out`, on several threads. Everything but `tile` is compiled once for all
/// operations, which keeps building this crate fast.
fn drive<O: Element, const N: usize>(
    nest: &Nest<N>,
    out: &mut [O],
    tile: &(dyn Fn(&mut [O], Tile<N>) + Sync),
) {
    let inner = nest.sizes[nest.depth - 1].max(1);
    let chunk = if inner < GRAIN { GRAIN / inner * inner } else { GRAIN };
    for_each_chunk_mut(out, chunk, |i, out| nest.tiles(i * chunk, out, tile));
}

/// `out[i] = f(a[i])` into a new buffer in row-major order.
#[track_caller]
pub(crate) fn map1<A: Element, O: Element>(a: Strided<'_, A>, f: impl Fn(A) -> O + Copy + Sync) -> Buffer<O> {
    let nest = Nest::new(a.layout.shape(), [&a.layout]);
    let mut out = Buffer::uninit(a.layout.shape().count());
    let stride = nest.inner_stride(0);
    drive(&nest, &mut out, &|out, tile| {
        vectorize(
            #[inline(always)]
            || {
                for (out, [oa]) in tile.runs(out) {
                    if stride == 1 {
                        let run = run(a.data, oa, out.len());
                        out.iter_mut().zip(run).for_each(|(o, &x)| *o = f(x));
                    } else {
                        for (i, o) in out.iter_mut().enumerate() {
                            *o = f(at(a.data, oa, i, stride));
                        }
                    }
                }
            },
        );
    });
    out
}

/// `out[i] = f(a[first + i])`, elements being counted in row-major order.
pub(crate) fn copy_run<A: Element, O: Element>(
    a: Strided<'_, A>,
    first: usize,
    out: &mut [O],
    f: impl Fn(A) -> O + Copy,
) {
    let nest = Nest::new(a.layout.shape(), [&a.layout]);
    let stride = nest.inner_stride(0);
    nest.tiles(first, out, |out, tile| {
        for (out, [oa]) in tile.runs(out) {
            for (i, o) in out.iter_mut().enumerate() {
                *o = f(at(a.data, oa, i, stride));
            }
        }
    });
}

/// `out[i] = f(a[i], b[i])` into a new buffer; both layouts have the same shape.
#[track_caller]
pub(crate) fn map2<A: Element, B: Element, O: Element>(
    a: Strided<'_, A>,
    b: Strided<'_, B>,
    f: impl Fn(A, B) -> O + Copy + Sync,
) -> Buffer<O> {
    let nest = Nest::new(a.layout.shape(), [&a.layout, &b.layout]);
    let mut out = Buffer::uninit(a.layout.shape().count());
    let strides = (nest.inner_stride(0), nest.inner_stride(1));
    drive(&nest, &mut out, &|out, tile| {
        vectorize(
            #[inline(always)]
            || {
                for (out, [oa, ob]) in tile.runs(out) {
                    let n = out.len();
                    match strides {
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
    drive(&nest, out, &|out, tile| {
        vectorize(
            #[inline(always)]
            || {
                for (out, [ob]) in tile.runs(out) {
                    if stride == 1 {
                        let run = run(b.data, ob, out.len());
                        out.iter_mut().zip(run).for_each(|(o, &y)| *o = f(*o, y));
                    } else {
                        for (i, o) in out.iter_mut().enumerate() {
                            *o = f(*o, at(b.data, ob, i, stride));
                        }
                    }
                }
            },
        );
    });
}

/// Replaces the elements `i` of all slices by what `f` makes of them and of `g[i]`, in place and on several threads: the
/// loop of an optimizer's rule. Mark `f` `#[inline(always)]`, so that it is compiled for the widest vectors.
///
/// ```
/// let (mut weight, mut velocity) = ([1.0_f32, 2.0], [0.0, 1.0]);
/// tensor::update_elements([&mut weight, &mut velocity], &[0.5, 0.5], |[w, v], g| [w - 0.1 * (v + g), v + g]);
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
        vectorize(
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
/// tensor::gather_bytes(&[0, 1, 2, 3, 4, 5], 2, &[2, 0], 0.5, &mut out);
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

/// `out[i] = if c[i] { a[i] } else { b[i] }`.
#[track_caller]
pub(crate) fn select<T: Element>(c: Strided<'_, bool>, a: Strided<'_, T>, b: Strided<'_, T>) -> Buffer<T> {
    let nest = Nest::new(c.layout.shape(), [&c.layout, &a.layout, &b.layout]);
    let mut out = Buffer::uninit(c.layout.shape().count());
    let strides = [0, 1, 2].map(|i| nest.inner_stride(i));
    drive(&nest, &mut out, &|out, tile| {
        vectorize(
            #[inline(always)]
            || {
                for (out, [oc, oa, ob]) in tile.runs(out) {
                    let n = out.len();
                    // A gradient is masked by a constant 0 on either side; so these are the loops to be fast.
                    match strides {
                        [1, 1, 1] => {
                            let choices = run(a.data, oa, n).iter().zip(run(b.data, ob, n));
                            let operands = run(c.data, oc, n).iter().zip(choices);
                            out.iter_mut()
                                .zip(operands)
                                .for_each(|(o, (&c, (&x, &y)))| *o = if c { x } else { y });
                        }
                        [1, 1, 0] => {
                            let y = b.data[ob as usize];
                            let operands = run(c.data, oc, n).iter().zip(run(a.data, oa, n));
                            out.iter_mut().zip(operands).for_each(|(o, (&c, &x))| *o = if c { x } else { y });
                        }
                        [1, 0, 1] => {
                            let x = a.data[oa as usize];
                            let operands = run(c.data, oc, n).iter().zip(run(b.data, ob, n));
                            out.iter_mut().zip(operands).for_each(|(o, (&c, &y))| *o = if c { x } else { y });
                        }
                        [sc, sa, sb] => {
                            for (i, o) in out.iter_mut().enumerate() {
                                let (x, y) = (at(a.data, oa, i, sa), at(b.data, ob, i, sb));
                                *o = if at(c.data, oc, i, sc) { x } else { y };
                            }
                        }
                    }
                }
            },
        );
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
    nest.tiles(0, &mut count, |count, tile| {
        for (count, [ot, ov]) in tile.runs(count) {
            for i in 0..count.len() {
                let o = &mut out[(ot + i as isize * st) as usize];
                *o = add(*o, at(values.data, ov, i, sv));
            }
        }
    });
}
