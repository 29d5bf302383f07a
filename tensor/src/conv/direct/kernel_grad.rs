//! The gradient of the kernel.

use super::super::Geometry;
use super::{PARTS, Padded, add_parts, group};
use crate::array::storage::Buffer;
use crate::conv::batch_packing::pack_batch;
use crate::fusion::Numbers;
use crate::gemm::{GemmSpec, Prefetcher, Rows};
use crate::runtime::threads::for_each_chunk_mut;

/// What up to `group` images side by side add to the kernel's gradient, for each a sum beside those of the others.
pub(in super::super) struct KernelGrad<'a> {
    geometry: &'a Geometry,
    padded: Padded,
    rows: Rows,
    sums: GemmSpec,
    group: usize,
}

impl<'a> KernelGrad<'a> {
    pub(in super::super) fn new(geometry: &'a Geometry, group: usize) -> Self {
        let (padded, outputs) = (geometry.padded_input(), geometry.channels_out);
        let in_row = geometry.kernel[1] * geometry.channels;
        let rows = Rows {
            count: geometry.kernel[0] * in_row,
            width: in_row,
            a: [0, padded.row(), 1],
            out: [0, in_row * outputs, outputs],
        };
        let sums = GemmSpec {
            runs: geometry.out[0],
            len: geometry.out[1],
            a_run: geometry.conv.stride[0] * padded.row(),
            a_step: geometry.conv.stride[1] * geometry.channels,
            b_run: geometry.out[1] * outputs,
            b_step: outputs,
            b_column: 1,
            columns: outputs,
            group: 1,
            small_n: false,
        };
        KernelGrad { geometry, padded, rows: rows.grouped(group), sums: sums.grouped(group), group }
    }

    /// Adds to what is in `out` if `add`.
    pub(in super::super) fn compute(
        &self,
        [x, dy]: [&[f32]; 2],
        out: &mut [f32],
        add: bool,
        prefetcher: &mut Prefetcher,
    ) {
        let (g, group) = (self.geometry, self.group);
        let images = self.padded.of(x, g.size, group);
        if group == 1 {
            self.sums.compute(self.rows, &images, dy, out, add, prefetcher);
        } else {
            let mut together = Buffer::uninit(group * g.image_out());
            pack_batch(dy, g.image_out(), dy.len() / g.image_out(), group, &mut together);
            self.sums.compute(self.rows, &images, &together, out, add, prefetcher);
        }
    }
}

impl Geometry {
    pub(in super::super) fn kernel_grad_direct(&self, x: &Numbers<'_>, dy: &Numbers<'_>) -> Buffer<f32> {
        let count = self.kernel_count();
        if self.is_empty() || count == 0 {
            return Buffer::full(count, 0.0);
        }
        let group = group(self.n, self.channels_out, self.padded_input().count());
        let kernel_grad = KernelGrad::new(self, group);
        let per_part = self.n.div_ceil(PARTS).next_multiple_of(group);
        let mut partial = Buffer::uninit(self.n.div_ceil(per_part) * count * group);
        for_each_chunk_mut(&mut partial, count * group, |part, out| {
            let range = part * per_part..((part + 1) * per_part).min(self.n);
            let numbers = [x, dy];
            let (mut x, mut dy) = (x.reader(), dy.reader());
            for first in range.clone().step_by(group) {
                let present = group.min(range.end - first);
                let mut prefetcher = self.prefetcher(1);
                for (numbers, image) in numbers.iter().zip([self.image(), self.image_out()]) {
                    numbers.add_to(&mut prefetcher, (first + group) * image, group * image);
                }
                let x = x.read(first * self.image(), present * self.image());
                let dy = dy.read(first * self.image_out(), present * self.image_out());
                kernel_grad.compute([x, dy], out, first > range.start, &mut prefetcher);
            }
        });
        add_parts(&partial, count, group)
    }
}
