//! The gradient of the images, phase by phase.

use super::super::Geometry;
use super::{Padded, Phase, group, repeated};
use crate::array::storage::Buffer;
use crate::conv::batch_packing::separate;
use crate::fusion::{Numbers, TileEpilogue};
use crate::gemm::{GemmSpec, Prefetcher};
use std::ops::Range;

/// The gradient of up to `group` images side by side, phase by phase.
pub(in super::super) struct InputGrad<'a> {
    geometry: &'a Geometry,
    padded: Padded,
    /// The kernels of all phases, one after the other.
    flipped: Buffer<f32>,
    group: usize,
}

impl<'a> InputGrad<'a> {
    pub(in super::super) fn new(geometry: &'a Geometry, kernel: &[f32], group: usize) -> Self {
        let mut flipped = Buffer::uninit(kernel.len());
        Self::phases(geometry).for_each(|(phase, range)| geometry.flip(kernel, phase, &mut flipped[range]));
        InputGrad { geometry, padded: geometry.padded_output(), flipped: repeated(&flipped, group), group }
    }

    /// All phases, and where the kernel of each is.
    fn phases(g: &Geometry) -> impl Iterator<Item = ([Phase; 2], Range<usize>)> {
        let (stride, mut start) = (g.conv.stride, 0);
        (0..stride[0] * stride[1]).map(move |i| {
            let phase = [0, 1].map(|axis| g.phase(axis, [i / stride[1], i % stride[1]][axis]));
            let range = start..start + phase[0].taps * phase[1].taps * g.channels * g.channels_out;
            start = range.end;
            (phase, range)
        })
    }

    pub(in super::super) fn compute(&self, dy: &[f32], out: &mut [f32], prefetcher: &mut Prefetcher) {
        let (g, padded, group) = (self.geometry, &self.padded, self.group);
        let (channels, outputs) = (g.channels, g.channels_out);
        let images = padded.of(dy, g.out, group);
        let mut together = Buffer::uninit(if group == 1 { 0 } else { group * g.image() });
        let to = if group == 1 { &mut *out } else { &mut together[..] };
        for (phase, range) in Self::phases(g) {
            let len = phase[1].taps * outputs;
            let sums = GemmSpec {
                runs: phase[0].taps,
                len,
                a_run: padded.row(),
                a_step: 1,
                b_run: len * channels,
                b_step: channels,
                b_column: 1,
                columns: channels,
                group: 1,
                small_n: false,
            };
            let (sums, rows) = (sums.grouped(group), g.pixels_of(phase, padded).grouped(group));
            let flipped = &self.flipped[range.start * group..range.end * group];
            sums.compute(rows, &images, flipped, to, false, prefetcher);
        }
        if group > 1 {
            separate(&together, out.len() / g.image(), group, out);
        }
    }
}

impl Geometry {
    pub(in super::super) fn input_grad_direct(
        &self,
        dy: &Numbers<'_>,
        kernel: &[f32],
        epilogue: &mut TileEpilogue<'_>,
    ) -> Buffer<f32> {
        if self.is_empty() || self.image() == 0 {
            let len = self.n * self.image();
            return epilogue.for_each_tile(len, len.max(1), Prefetcher::nothing, |_, out, _| out.fill(0.0));
        }
        let group = group(self.n, self.channels, self.padded_output().count());
        let input_grad = InputGrad::new(self, kernel, group);
        let prefetcher = || self.prefetcher(self.conv.stride[0] * self.conv.stride[1]);
        epilogue.for_each_tile(
            self.n * self.image(),
            group * self.image(),
            prefetcher,
            |i, out, prefetcher| {
                let present = out.len() / self.image();
                dy.add_to(prefetcher, (i + 1) * group * self.image_out(), group * self.image_out());
                let mut dy = dy.reader();
                input_grad.compute(
                    dy.read(i * group * self.image_out(), present * self.image_out()),
                    out,
                    prefetcher,
                );
            },
        )
    }
}
