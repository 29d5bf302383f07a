//! The forward pass.

use super::super::Geometry;
use super::{Padded, group, repeated};
use crate::array::storage::Buffer;
use crate::conv::batch_packing::separate;
use crate::fusion::{Numbers, TileEpilogue};
use crate::gemm::{GemmSpec, Prefetcher, Rows};

/// The forward pass of up to `group` images side by side.
pub(in super::super) struct Forward<'a> {
    geometry: &'a Geometry,
    padded: Padded,
    rows: Rows,
    sums: GemmSpec,
    kernel: Buffer<f32>,
    group: usize,
}

impl<'a> Forward<'a> {
    pub(in super::super) fn new(geometry: &'a Geometry, kernel: &[f32], group: usize) -> Self {
        let (padded, outputs) = (geometry.padded_input(), geometry.channels_out);
        let taps = geometry.kernel[1] * geometry.channels;
        let [down, right] = geometry.conv.stride;
        let rows = Rows {
            count: geometry.positions(),
            width: geometry.out[1],
            a: [0, down * padded.row(), right * geometry.channels],
            out: [0, geometry.out[1] * outputs, outputs],
        };
        let sums = GemmSpec {
            runs: geometry.kernel[0],
            len: taps,
            a_run: padded.row(),
            a_step: 1,
            b_run: taps * outputs,
            b_step: outputs,
            b_column: 1,
            columns: outputs,
            group: 1,
            small_n: false,
        };
        let (rows, sums, kernel) = (rows.grouped(group), sums.grouped(group), repeated(kernel, group));
        Forward { geometry, padded, rows, sums, kernel, group }
    }

    pub(in super::super) fn compute(&self, images: &[f32], out: &mut [f32], prefetcher: &mut Prefetcher) {
        let (g, group) = (self.geometry, self.group);
        let images = self.padded.of(images, g.size, group);
        if group == 1 {
            self.sums.compute(self.rows, &images, &self.kernel, out, false, prefetcher);
        } else {
            let mut together = Buffer::uninit(group * g.image_out());
            self.sums.compute(self.rows, &images, &self.kernel, &mut together, false, prefetcher);
            separate(&together, out.len() / g.image_out(), group, out);
        }
    }
}

impl Geometry {
    pub(in super::super) fn forward_direct(
        &self,
        x: &Numbers<'_>,
        kernel: &[f32],
        epilogue: &mut TileEpilogue<'_>,
    ) -> Buffer<f32> {
        if self.is_empty() {
            return Buffer::uninit(0);
        }
        let group = group(self.n, self.channels_out, self.padded_input().count());
        let forward = Forward::new(self, kernel, group);
        let chunk = group * self.image_out();
        epilogue.for_each_tile(
            self.n * self.image_out(),
            chunk,
            || self.prefetcher(1),
            |i, out, prefetcher| {
                let present = out.len() / self.image_out();
                x.add_to(prefetcher, (i + 1) * group * self.image(), group * self.image());
                let mut x = x.reader();
                forward.compute(x.read(i * group * self.image(), present * self.image()), out, prefetcher);
            },
        )
    }
}
