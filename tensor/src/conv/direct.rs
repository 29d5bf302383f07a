//! Convolution in `f32` without dilation and groups, directly on the images.
//!
//! With channels last, the part of a window that lies in one row of the image is a run of neighbouring numbers. So each
//! pass is a sum of few runs (see [`product`](crate::product)) on an image with its padding around it, which is small
//! enough for the cache.

use super::Geometry;
use crate::buffer::Buffer;
use crate::fused::{Finisher, Numbers};
use crate::interleave::{interleave, separate};
use crate::lanes::lanes;
use crate::parallel::for_each_chunk_mut;
use crate::product::{Ahead, Rows, Sums};

/// Parts that a batch is cut into to sum the kernel's gradient; fixed, so that the order of the sum is.
pub(super) const PARTS: usize = 10;

/// An image with what is put around it: `size` rows and columns of `channels` numbers, the image beginning at `before`.
pub(super) struct Padded {
    pub(super) size: [usize; 2],
    pub(super) before: [usize; 2],
    pub(super) channels: usize,
}

impl Padded {
    fn row(&self) -> usize {
        self.size[1] * self.channels
    }

    fn count(&self) -> usize {
        self.size[0] * self.row()
    }

    /// The images, each of `height` by `width`, side by side in a group, as far as they fit, with zeros around them.
    fn of(&self, images: &[f32], [height, width]: [usize; 2], group: usize) -> Buffer<f32> {
        let mut out = Buffer::uninit(self.count() * group);
        // With a large stride no window may reach the image behind its padding.
        let [top, left] = [self.before[0], self.before[1].min(self.size[1])];
        let (line, image) = (width * self.channels, height * width * self.channels);
        let copied = width.min(self.size[1] - left) * self.channels;
        for (y, row) in out.chunks_exact_mut(self.row() * group).enumerate() {
            let y = y.wrapping_sub(top);
            if y < height {
                let (before, rest) = row.split_at_mut(left * self.channels * group);
                let (middle, after) = rest.split_at_mut(copied * group);
                before.fill(0.0);
                interleave(&images[y * line..], image, images.len() / image, group, middle);
                after.fill(0.0);
            } else {
                row.fill(0.0);
            }
        }
        out
    }
}

/// The entries of a kernel that meet the pixels of one phase, along one axis: every `stride`-th from `first` on.
#[derive(Clone, Copy)]
pub(super) struct Phase {
    pub(super) first: usize,
    pub(super) taps: usize,
}

/// How many images are computed side by side: as many as fill the registers best that `columns` of a single one do not
/// fill, better two registers than one, since both share the number that multiplies them. Images so large that together
/// they leave the cache are computed one by one.
fn group(images: usize, columns: usize, image: usize) -> usize {
    const CACHED: usize = 1 << 18;
    let lanes = lanes();
    let filled = |group: &usize| {
        let registers = (columns * group).div_ceil(lanes);
        (100 * columns * group / (registers * lanes), registers.min(2))
    };
    let possible = |group: &usize| *group <= lanes.min(images) && group * image <= CACHED;
    [8, 4, 2].into_iter().filter(possible).chain([1]).max_by_key(filled).unwrap_or(1)
}

/// Every number `group` times.
fn repeated(numbers: &[f32], group: usize) -> Buffer<f32> {
    let mut out = Buffer::uninit(numbers.len() * group);
    out.chunks_exact_mut(group).zip(numbers).for_each(|(out, &x)| out.fill(x));
    out
}

impl Rows {
    /// The same rows for images side by side.
    fn grouped(self, group: usize) -> Rows {
        Rows { a: self.a.map(|x| x * group), out: self.out.map(|x| x * group), ..self }
    }
}

impl Sums {
    /// The same sums for images side by side.
    fn grouped(self, group: usize) -> Sums {
        let [a_run, a_step, b_run, b_step, columns] =
            [self.a_run, self.a_step, self.b_run, self.b_step, self.columns].map(|x| x * group);
        Sums { a_run, a_step, b_run, b_step, columns, group, ..self }
    }
}

impl Geometry {
    /// Whether this file is for this convolution: no dilation, no groups, and not so much padding around the images
    /// that it must not be written out.
    pub(super) fn is_direct(&self) -> bool {
        let written = |size: [usize; 2]| size[0].saturating_mul(size[1]);
        let input =
            [0, 1].map(|i| self.before[i].saturating_add(self.size[i]).saturating_add(self.kernel[i]));
        let output = [0, 1].map(|i| input[i] / self.conv.stride[i].max(1) + self.kernel[i]);
        let largest = written(input)
            .saturating_mul(self.channels)
            .max(written(output).saturating_mul(self.channels_out));
        self.conv.is_direct() && self.taps() > 0 && largest < 1 << 26
    }

    /// The images as the windows see them.
    pub(super) fn padded_input(&self) -> Padded {
        let size = [0, 1].map(|i| (self.out[i] - 1) * self.conv.stride[i] + self.kernel[i]);
        Padded { size, before: self.before, channels: self.channels }
    }

    pub(super) fn forward_direct(
        &self,
        x: &Numbers<'_>,
        kernel: &[f32],
        finish: &mut Finisher<'_>,
    ) -> Buffer<f32> {
        if self.is_empty() {
            return Buffer::uninit(0);
        }
        let (padded, outputs) = (self.padded_input(), self.channels_out);
        let taps = self.kernel[1] * self.channels;
        let [down, right] = self.conv.stride;
        let group = group(self.n, outputs, padded.count());
        let rows = Rows {
            count: self.positions(),
            width: self.out[1],
            a: [0, down * padded.row(), right * self.channels],
            out: [0, self.out[1] * outputs, outputs],
        };
        let sums = Sums {
            runs: self.kernel[0],
            len: taps,
            a_run: padded.row(),
            a_step: 1,
            b_run: taps * outputs,
            b_step: outputs,
            b_column: 1,
            columns: outputs,
            group: 1,
            narrow: false,
        };
        let (rows, sums, kernel) = (rows.grouped(group), sums.grouped(group), repeated(kernel, group));
        let (len, chunk) = (self.n * self.image_out(), group * self.image_out());
        finish.compute(
            len,
            chunk,
            || self.ahead(1),
            |i, out, ahead| {
                let present = out.len() / self.image_out();
                let (numbers, mut x) = (x, x.reader());
                let images =
                    padded.of(x.read(i * group * self.image(), present * self.image()), self.size, group);
                numbers.add_to(ahead, (i + 1) * group * self.image(), group * self.image());
                if group == 1 {
                    sums.compute(rows, &images, &kernel, out, false, ahead);
                } else {
                    let mut together = Buffer::uninit(group * self.image_out());
                    sums.compute(rows, &images, &kernel, &mut together, false, ahead);
                    separate(&together, present, group, out);
                }
            },
        )
    }

    /// The outputs as the input pixels of all phases see them: a pixel p takes from outputs q − i for its taps
    /// first + i·stride, where q = (p + before) / stride.
    pub(super) fn padded_output(&self) -> Padded {
        let most = [0, 1].map(|i| self.phase(i, 0).taps);
        let last = [0, 1].map(|i| (self.size[i] - 1 + self.before[i]) / self.conv.stride[i]);
        Padded {
            size: [0, 1].map(|i| most[i] + last[i]),
            before: most.map(|taps| taps - 1),
            channels: self.channels_out,
        }
    }

    /// The phase of the input pixels `p` with `(p + before) mod stride = first`.
    pub(super) fn phase(&self, axis: usize, first: usize) -> Phase {
        Phase { first, taps: self.kernel[axis].saturating_sub(first).div_ceil(self.conv.stride[axis]) }
    }

    pub(super) fn input_grad_direct(
        &self,
        dy: &Numbers<'_>,
        kernel: &[f32],
        finish: &mut Finisher<'_>,
    ) -> Buffer<f32> {
        if self.is_empty() || self.image() == 0 {
            let len = self.n * self.image();
            return finish.compute(len, len.max(1), Ahead::nothing, |_, out, _| out.fill(0.0));
        }
        let (stride, channels, outputs) = (self.conv.stride, self.channels, self.channels_out);
        let padded = self.padded_output();
        let phases = || {
            let mut start = 0;
            (0..stride[0] * stride[1]).map(move |i| {
                let phase = [0, 1].map(|axis| self.phase(axis, [i / stride[1], i % stride[1]][axis]));
                let range = start..start + phase[0].taps * phase[1].taps * channels * outputs;
                start = range.end;
                (phase, range)
            })
        };
        let mut flipped = Buffer::uninit(kernel.len());
        phases().for_each(|(phase, range)| self.flip(kernel, phase, &mut flipped[range]));
        let group = group(self.n, channels, padded.count());
        let flipped = repeated(&flipped, group);
        let (len, chunk) = (self.n * self.image(), group * self.image());
        let ahead = || self.ahead(stride[0] * stride[1]);
        finish.compute(len, chunk, ahead, |i, out, ahead| {
            let present = out.len() / self.image();
            let (numbers, mut dy) = (dy, dy.reader());
            let images =
                padded.of(dy.read(i * group * self.image_out(), present * self.image_out()), self.out, group);
            let mut together = Buffer::uninit(if group == 1 { 0 } else { group * self.image() });
            numbers.add_to(ahead, (i + 1) * group * self.image_out(), group * self.image_out());
            let to = if group == 1 { &mut *out } else { &mut together[..] };
            for (phase, range) in phases() {
                let len = phase[1].taps * outputs;
                let sums = Sums {
                    runs: phase[0].taps,
                    len,
                    a_run: padded.row(),
                    a_step: 1,
                    b_run: len * channels,
                    b_step: channels,
                    b_column: 1,
                    columns: channels,
                    group: 1,
                    narrow: false,
                };
                let (sums, rows) = (sums.grouped(group), self.pixels_of(phase, &padded).grouped(group));
                let flipped = &flipped[range.start * group..range.end * group];
                sums.compute(rows, &images, flipped, to, false, ahead);
            }
            if group > 1 {
                separate(&together, present, group, out);
            }
        })
    }

    /// The kernel entries of a phase, in reverse order, outputs before channels: `[taps, taps, outputs, channels]`.
    pub(super) fn flip(&self, kernel: &[f32], [y, x]: [Phase; 2], out: &mut [f32]) {
        let (channels, outputs) = (self.channels, self.channels_out);
        for (i, out) in out.chunks_exact_mut(channels * outputs).enumerate() {
            let ky = y.first + (y.taps - 1 - i / x.taps) * self.conv.stride[0];
            let kx = x.first + (x.taps - 1 - i % x.taps) * self.conv.stride[1];
            let entry = &kernel[(ky * self.kernel[1] + kx) * channels * outputs..][..channels * outputs];
            for (c, entry) in entry.chunks_exact(outputs).enumerate() {
                entry.iter().enumerate().for_each(|(o, &w)| out[o * channels + c] = w);
            }
        }
    }

    /// The input pixels of a phase: where the outputs they take from begin, and where they are themselves.
    pub(super) fn pixels_of(&self, phase: [Phase; 2], padded: &Padded) -> Rows {
        let axis = |i: usize| {
            let (stride, before, size) = (self.conv.stride[i], self.before[i], self.size[i]);
            let first = (phase[i].first + stride - before % stride) % stride;
            let count = size.saturating_sub(first).div_ceil(stride);
            (count, first, (first + before) / stride + padded.before[i] + 1 - phase[i].taps)
        };
        let ((lines, y, from_y), (width, x, from_x)) = (axis(0), axis(1));
        let (row, outputs, channels) = (padded.row(), self.channels_out, self.channels);
        let line = self.size[1] * channels;
        Rows {
            count: lines * width,
            width: width.max(1),
            a: [from_y * row + from_x * outputs, row, outputs],
            out: [y * line + x * channels, self.conv.stride[0] * line, self.conv.stride[1] * channels],
        }
    }

    pub(super) fn kernel_grad_direct(&self, x: &Numbers<'_>, dy: &Numbers<'_>) -> Buffer<f32> {
        let count = self.kernel_count();
        if self.is_empty() || count == 0 {
            return Buffer::full(count, 0.0);
        }
        let (padded, outputs) = (self.padded_input(), self.channels_out);
        let in_row = self.kernel[1] * self.channels;
        let rows = Rows {
            count: self.kernel[0] * in_row,
            width: in_row,
            a: [0, padded.row(), 1],
            out: [0, in_row * outputs, outputs],
        };
        let sums = Sums {
            runs: self.out[0],
            len: self.out[1],
            a_run: self.conv.stride[0] * padded.row(),
            a_step: self.conv.stride[1] * self.channels,
            b_run: self.out[1] * outputs,
            b_step: outputs,
            b_column: 1,
            columns: outputs,
            group: 1,
            narrow: false,
        };
        let group = group(self.n, outputs, padded.count());
        let (rows, sums) = (rows.grouped(group), sums.grouped(group));
        let per_part = self.n.div_ceil(PARTS).next_multiple_of(group);
        let mut partial = Buffer::uninit(self.n.div_ceil(per_part) * count * group);
        for_each_chunk_mut(&mut partial, count * group, |part, out| {
            let range = part * per_part..((part + 1) * per_part).min(self.n);
            let numbers = [x, dy];
            let (mut x, mut dy) = (x.reader(), dy.reader());
            for first in range.clone().step_by(group) {
                let present = group.min(range.end - first);
                let images =
                    padded.of(x.read(first * self.image(), present * self.image()), self.size, group);
                let dy = dy.read(first * self.image_out(), present * self.image_out());
                let add = first > range.start;
                let mut ahead = self.ahead(1);
                for (numbers, image) in numbers.iter().zip([self.image(), self.image_out()]) {
                    numbers.add_to(&mut ahead, (first + group) * image, group * image);
                }
                if group == 1 {
                    sums.compute(rows, &images, dy, out, add, &mut ahead);
                } else {
                    let mut together = Buffer::uninit(group * self.image_out());
                    interleave(dy, self.image_out(), present, group, &mut together);
                    sums.compute(rows, &images, &together, out, add, &mut ahead);
                }
            }
        });
        add_parts(&partial, count, group)
    }
}

/// The sum of the parts in their order, each of `count` sums, side by side as many as a group has images, which are added
/// up too.
pub(super) fn add_parts(parts: &[f32], count: usize, group: usize) -> Buffer<f32> {
    const GRAIN: usize = 4 << 10;
    let mut total = Buffer::full(count * group, 0.0);
    for_each_chunk_mut(&mut total, GRAIN, |i, total| {
        for part in parts.chunks_exact(count * group) {
            total.iter_mut().zip(&part[i * GRAIN..]).for_each(|(t, &p)| *t += p);
        }
    });
    if group == 1 {
        return total;
    }
    let mut out = Buffer::uninit(count);
    out.iter_mut().zip(total.chunks_exact(group)).for_each(|(out, sums)| *out = sums.iter().sum());
    out
}
