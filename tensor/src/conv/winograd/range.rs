//! Whether numbers are of such a range that Winograd's algorithm keeps the digits of all outputs.
//!
//! The points of a tile mix all of its pixels. What is not finite reaches every output of the tile so, and what is large
//! leaves its rounding error in outputs that do not see it. An image is measured by *cells* of a few pixels, every window
//! over it holding at least one whole cell:
//!
//! - its numbers are finite, and so is the sum of the magnitudes of each cell;
//! - no magnitude is above [`LOUDEST`] times the sum of the magnitudes of any cell that is not all zeros: a window's
//!   outputs are sums over as much;
//! - magnitudes, and products with those of the other operand, leave room for the points to neither overflow nor
//!   underflow: the largest are from 2⁻⁸⁰ to 2⁸⁰.
//!
//! Each channel that a kernel computes is measured alike: a cell is an entry of the kernel, with all channels that are read, and
//! the largest magnitude is not above [`LOUDEST`] times the sum of all others either.

use crate::array::storage::Buffer;
use crate::runtime::simd::vectorize;

/// How many times the sum of a cell's magnitudes a single number may be. The error that a number leaves in the outputs of
/// its tile is about a hundred roundings of its product with a number of the kernel, so that with this the error of every
/// output stays well below 512 ε of the sum of its products' magnitudes, if no part of the kernel is much smaller
/// than the others.
const LOUDEST: f32 = 4.0;

/// Powers of 2 that the largest magnitudes lie between.
const SCALE: std::ops::RangeInclusive<f32> = 1.0 / (1u128 << 80) as f32..=(1u128 << 80) as f32;

/// Numbers that are added up at a time.
const LANES: usize = 8;

/// What is measured of an image or a kernel.
#[derive(Clone, Copy)]
pub(super) struct Range {
    /// The largest magnitude; meaningless unless `is_even`.
    largest: f32,
    /// Whether all numbers are finite, and none so large that the digits of others are lost.
    is_even: bool,
}

impl Range {
    /// That of an image with so many numbers in a line, in cells of `cell` lines and `cell` pixels of `channels`.
    pub(super) fn of_image(image: &[f32], line: usize, channels: usize, cell: usize) -> Range {
        vectorize(
            #[inline(always)]
            || {
                let (mut largest, mut quietest, mut total) = ([0.0; LANES], f32::INFINITY, 0.0);
                for lines in image.chunks(cell * line) {
                    for first in (0..line).step_by(cell * channels) {
                        let end = (first + cell * channels).min(line);
                        let mut sums = [0.0; LANES];
                        for line in lines.chunks_exact(line) {
                            let (whole, rest) = line[first..end].as_chunks::<LANES>();
                            whole.iter().for_each(
                                #[inline(always)]
                                |x| add(x, &mut sums, &mut largest),
                            );
                            if !rest.is_empty() {
                                let mut last = [0.0; LANES];
                                last[..rest.len()].copy_from_slice(rest);
                                add(&last, &mut sums, &mut largest);
                            }
                        }
                        let [a, b, c, d, e, f, g, h] = sums;
                        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
                        quietest = if sum > 0.0 && sum < quietest { sum } else { quietest };
                        // Stays finite as long as they are, and is no number if one is not.
                        total += sum * 0.0;
                    }
                }
                let largest = largest.into_iter().fold(0.0, f32::max);
                Range { largest, is_even: total == 0.0 && largest <= LOUDEST * quietest }
            },
        )
    }

    /// That of a kernel with a matrix for each of its entries, of as many rows as its input has channels and a column for each
    /// of its output.
    pub(super) fn of_kernel(kernel: &[f32], [rows, columns]: [usize; 2]) -> Range {
        let zeros = || Buffer::full(columns, 0.0);
        let (mut sums, mut largest, mut totals) = (zeros(), zeros(), zeros());
        let mut quietest = Buffer::full(columns, f32::INFINITY);
        for entry in kernel.chunks_exact(rows * columns) {
            sums.fill(0.0);
            vectorize(
                #[inline(always)]
                || {
                    for row in entry.chunks_exact(columns) {
                        for ((x, sum), largest) in row.iter().zip(&mut *sums).zip(&mut *largest) {
                            *sum += x.abs();
                            *largest = if *largest < x.abs() { x.abs() } else { *largest };
                        }
                    }
                    for ((&sum, total), quietest) in sums.iter().zip(&mut *totals).zip(&mut *quietest) {
                        *total += sum;
                        *quietest = if sum > 0.0 && sum < *quietest { sum } else { *quietest };
                    }
                },
            );
        }
        let is_even = largest.iter().zip(&*totals).zip(&*quietest).all(|((&largest, &total), &quietest)| {
            total.is_finite() && largest <= LOUDEST * quietest.min(total - largest)
        });
        Range { largest: largest.iter().copied().fold(0.0, f32::max), is_even }
    }

    /// Whether the algorithm keeps the digits of what it makes of numbers of these ranges.
    pub(super) fn suits(self, other: Range) -> bool {
        let is_scaled = |x: f32| x == 0.0 || SCALE.contains(&x);
        let largest = [self.largest, other.largest];
        let product = largest[0] * largest[1];
        self.is_even
            && other.is_even
            && largest.iter().all(|&x| is_scaled(x))
            && (largest.contains(&0.0) || SCALE.contains(&product))
    }
}

/// Adds magnitudes to sums, and keeps the largest.
#[inline(always)]
fn add(x: &[f32; LANES], sums: &mut [f32; LANES], largest: &mut [f32; LANES]) {
    for ((x, sum), largest) in x.iter().zip(sums).zip(largest) {
        *sum += x.abs();
        *largest = if *largest < x.abs() { x.abs() } else { *largest };
    }
}
