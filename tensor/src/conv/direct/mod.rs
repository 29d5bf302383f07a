//! Convolution in `f32` without dilation and groups, directly on the images.
//!
//! With channels last, the part of a window that lies in one row of the image is a run of neighbouring numbers. So each
//! pass is a sum of few runs (see [`gemm`](crate::gemm)) on an image with its padding around it, which is small
//! enough for the cache.

mod forward;
mod input_grad;
mod kernel_grad;

use super::Geometry;
use crate::array::storage::Buffer;
use crate::conv::batch_packing::pack_batch;
use crate::gemm::{GemmSpec, Rows};
use crate::runtime::lanes::lanes;
use crate::runtime::threads::for_each_chunk_mut;

pub(super) use forward::Forward;
pub(super) use input_grad::InputGrad;
pub(super) use kernel_grad::KernelGrad;

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
                pack_batch(&images[y * line..], image, images.len() / image, group, middle);
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

impl GemmSpec {
    /// The same sums for images side by side.
    fn grouped(self, group: usize) -> GemmSpec {
        let [a_run, a_step, b_run, b_step, columns] =
            [self.a_run, self.a_step, self.b_run, self.b_step, self.columns].map(|x| x * group);
        GemmSpec { a_run, a_step, b_run, b_step, columns, group, ..self }
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
