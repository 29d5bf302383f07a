//! Convolution with many channels on the matrix unit, in two parts (see [`amx`](crate::gemm::amx)).
//!
//! What two parts leave out is as little as what Winograd's algorithm loses: below `2·10⁻⁵` of the largest output for images
//! and kernels as they are met, and for any below `3.1·10⁻⁵` of what the products' magnitudes add up to.
//!
//! All passes read the images with their padding around them, in lines of which every `stride`-th is next to the one before,
//! so that the windows of one line of outputs after the other are evenly spaced. All return `None` if a sum is not finite, or all are tiny.

use super::Geometry;
use super::direct::{PARTS, Padded, add_parts};
use crate::array::storage::Buffer;
use crate::fusion::{Numbers, Reader, TileEpilogue};
use crate::gemm::Prefetcher;
use crate::gemm::amx::{BLOCK, Grid, NOTHING, Panels, Parts, Product, STEP, Split, Terms, Watch};
use crate::runtime::simd::{SimdLevel, simd_level};
use crate::runtime::threads::for_each_chunk_mut;
use crate::runtime::transpose::transpose_into;

/// Lines that a kernel may have.
const MOST_LINES: usize = 16;
/// Phases that a stride may make.
const PHASES: usize = 16;
/// Terms of a kernel's gradient that are added up before it is gone through again, if there are images enough, …
const TERMS: usize = 512;
/// … and these images.
const IMAGES: usize = 8;

/// An image with its padding, in parts: `groups` groups of `lines` lines, each of `width` pixels.
struct Lines {
    groups: usize,
    lines: usize,
    width: usize,
    channels: usize,
    before: [usize; 2],
}

impl Lines {
    /// Those of a padded image, of which every `down`-th is next to the one before, and which have a multiple of `right` pixels.
    fn of(padded: &Padded, [down, right]: [usize; 2]) -> Lines {
        let [height, width] = padded.size;
        Lines {
            groups: down,
            lines: height.div_ceil(down),
            width: width.next_multiple_of(right),
            channels: padded.channels,
            before: padded.before,
        }
    }

    fn row(&self) -> usize {
        self.width * self.channels
    }

    fn count(&self) -> usize {
        self.groups * self.lines * self.row()
    }

    /// Where a line begins, counted from the image's first one with its padding.
    fn line(&self, y: usize) -> usize {
        (y % self.groups * self.lines + y / self.groups) * self.row()
    }

    /// Image `i`, which has `height` by `width` pixels, line by line.
    fn put(&self, images: &mut Reader<'_>, i: usize, [height, width]: [usize; 2], to: &mut Split, at: usize) {
        // With a large stride no window may reach the image behind its padding.
        let (line, [top, left]) = (width * self.channels, [self.before[0], self.before[1].min(self.width)]);
        let copied = width.min(self.width - left) * self.channels;
        for y in 0..self.groups * self.lines {
            let (first, end) = (at + self.line(y), at + self.line(y) + self.row());
            if let Some(from) = y.checked_sub(top).filter(|&y| y < height) {
                let begin = first + left * self.channels;
                to.clear(first..begin);
                to.put(begin, images.read((i * height + from) * line, copied));
                to.clear(begin + copied..end);
            } else {
                to.clear(first..end);
            }
        }
    }
}

impl Geometry {
    /// Whether the unit is faster: where enough of its tiles is filled. It does not depend on the batch, whose images so have
    /// the same bits as each alone.
    pub(super) fn is_for_amx(&self) -> bool {
        simd_level() >= SimdLevel::Amx
            && self.is_direct()
            && self.channels.min(self.channels_out) >= 16
            && self.kernel[0] <= MOST_LINES
            && self.conv.stride[0].saturating_mul(self.conv.stride[1]) <= PHASES
            && self.n * self.image() * self.image_out() > 0
    }

    pub(super) fn forward_amx(
        &self,
        x: &Numbers<'_>,
        kernel: &[f32],
        epilogue: &mut TileEpilogue<'_>,
    ) -> Option<Buffer<f32>> {
        let (padded, outputs) = (Lines::of(&self.padded_input(), self.conv.stride), self.channels_out);
        let in_row = self.kernel[1] * self.channels;
        let runs: [usize; MOST_LINES] = std::array::from_fn(|y| padded.line(y));
        let terms = Terms { len: in_row, runs: &runs[..self.kernel[0]] };
        let grid = Grid {
            lines: self.out[0],
            width: self.out[1],
            pitch: padded.width / self.conv.stride[1],
            a: [0, self.conv.stride[1] * self.channels],
            out: [0, self.out[1] * outputs, outputs],
            whole: false,
        };
        let b = Panels::of_terms(&Split::of(Parts::Two, kernel), terms, outputs, outputs);
        let watch = Watch::default();
        let out = epilogue.for_each_tile(
            self.n * self.image_out(),
            self.image_out(),
            Prefetcher::nothing,
            |i, out, _| {
                let mut a = Split::uninit(Parts::Two, padded.count(), grid.slack());
                padded.put(&mut x.reader(), i, self.size, &mut a, 0);
                let product = Product { grid, terms, a: &a, b: &b, lines: [0, terms.lines_of_run()] };
                watch.note(product.compute(0..outputs, out, false));
            },
        );
        watch.then(out)
    }

    /// A pixel of a phase takes from the outputs before it, as many as its kernel has entries.
    pub(super) fn input_grad_amx(
        &self,
        dy: &Numbers<'_>,
        kernel: &[f32],
        epilogue: &mut TileEpilogue<'_>,
    ) -> Option<Buffer<f32>> {
        let (stride, channels, outputs) = (self.conv.stride, self.channels, self.channels_out);
        let seen = self.padded_output();
        let padded = Lines::of(&seen, [1, 1]);
        let runs: [usize; MOST_LINES] = std::array::from_fn(|y| padded.line(y));
        let phases: [_; PHASES] = std::array::from_fn(|i| {
            let [y, x] =
                [(0, i / stride[1]), (1, i % stride[1])].map(|(axis, first)| self.phase(axis, first));
            if i >= stride[0] * stride[1] {
                return None;
            }
            let mut flipped = Buffer::uninit(y.taps * x.taps * channels * outputs);
            self.flip(kernel, [y, x], &mut flipped);
            let terms = Terms { len: x.taps * outputs, runs: &runs[..y.taps] };
            let b = Panels::of_terms(&Split::of(Parts::Two, &flipped), terms, channels, channels);
            Some((Grid::of_lines(&self.pixels_of([y, x], &seen)), terms, b))
        });
        let watch = Watch::default();
        let out =
            epilogue.for_each_tile(self.n * self.image(), self.image(), Prefetcher::nothing, |i, out, _| {
                let mut a = Split::uninit(Parts::Two, padded.count(), BLOCK * outputs + STEP);
                padded.put(&mut dy.reader(), i, self.out, &mut a, 0);
                for (grid, terms, b) in phases.iter().flatten() {
                    let lines = [0, terms.lines_of_run()];
                    let product = Product { grid: *grid, terms: *terms, a: &a, b, lines };
                    watch.note(product.compute(0..channels, out, false));
                }
            });
        watch.then(out)
    }

    /// Rows and columns are exchanged: the terms are the pixels of the output, which has fewer numbers than there are in
    /// windows, and so is the one to be turned over.
    pub(super) fn kernel_grad_amx(&self, x: &Numbers<'_>, dy: &Numbers<'_>) -> Option<Buffer<f32>> {
        let (padded, outputs, count) =
            (Lines::of(&self.padded_input(), self.conv.stride), self.channels_out, self.kernel_count());
        let (in_row, [down, right]) = (self.kernel[1] * self.channels, self.conv.stride);
        // A line of outputs has an even number of terms, so that each begins with a line of panels.
        let in_line = self.out[1].next_multiple_of(2);
        let in_image = (self.out[0] * in_line).next_multiple_of(STEP);
        // As many as the kernel's last line of a group goes on.
        let lines = ((self.kernel[0] - 1) / down * in_line + in_image) / 2;
        let per_part = self.n.div_ceil(PARTS);
        let images = (TERMS / in_image).clamp(1, per_part.min(IMAGES));
        let runs: [usize; IMAGES] = std::array::from_fn(|i| i * in_image);
        let grid = Grid::of_matrix(outputs, images * in_image, in_row);
        let mut rows = Buffer::full(images * 2 * lines, NOTHING);
        for (image, rows) in rows.chunks_exact_mut(2 * lines).enumerate() {
            for (line, rows) in rows.chunks_exact_mut(in_line).take(padded.lines).enumerate() {
                let first = image * padded.count() + line * padded.row();
                for (place, row) in rows[..self.out[1]].iter_mut().enumerate() {
                    *row = (first + place * right * self.channels) as i64;
                }
            }
        }
        let mut parts = Buffer::uninit(self.n.div_ceil(per_part) * count);
        let watch = Watch::default();
        for_each_chunk_mut(&mut parts, count, |part, out| {
            let end = ((part + 1) * per_part).min(self.n);
            let (mut x, mut dy) = (x.reader(), dy.reader());
            let mut windows = Split::uninit(Parts::Two, images * padded.count(), 0);
            let mut spread = Buffer::full(if in_line == self.out[1] { 0 } else { in_image * outputs }, 0.0);
            let mut turned = Buffer::full(in_image * outputs, 0.0);
            let mut a = Split::uninit(Parts::Two, outputs * images * in_image, grid.slack());
            for first in (part * per_part..end).step_by(images) {
                let present = images.min(end - first);
                for i in 0..present {
                    let dy = dy.read((first + i) * self.image_out(), self.image_out());
                    padded.put(&mut x, first + i, self.size, &mut windows, i * padded.count());
                    let line = self.out[1] * outputs;
                    let lines = dy.chunks_exact(line).take(self.out[0]);
                    for (to, from) in spread.chunks_mut(in_line * outputs).zip(lines) {
                        to[..line].copy_from_slice(from);
                    }
                    let from = if spread.is_empty() { dy } else { &spread };
                    // SAFETY: both have so many terms for each output.
                    unsafe {
                        let size = [outputs, from.len() / outputs];
                        transpose_into(from.as_ptr(), [1, outputs], size, turned.as_mut_ptr(), in_image);
                    }
                    for (output, turned) in turned.chunks_exact(in_image).enumerate() {
                        a.put((output * images + i) * in_image, turned);
                    }
                }
                let terms = Terms { len: in_image, runs: &runs[..present] };
                for group in 0..down.min(self.kernel[0]) {
                    let b = Panels::new(
                        &windows,
                        in_row,
                        &rows[..2 * lines * present],
                        group * padded.lines * padded.row(),
                    );
                    for (i, out) in out.chunks_exact_mut(in_row * outputs).enumerate() {
                        if i % down == group {
                            let lines = [i / down * in_line / 2, lines];
                            let product = Product { grid, terms, a: &a, b: &b, lines };
                            watch.note(product.compute(0..in_row, out, first > part * per_part));
                        }
                    }
                }
            }
        });
        let total = add_parts(&parts, count, 1);
        let mut out = Buffer::uninit(count);
        for (to, from) in out.chunks_exact_mut(in_row * outputs).zip(total.chunks_exact(in_row * outputs)) {
            // SAFETY: both have a number for each entry of a line of the kernel and each output.
            unsafe {
                transpose_into(from.as_ptr(), [1, in_row], [in_row, outputs], to.as_mut_ptr(), outputs);
            }
        }
        watch.then(out)
    }
}
