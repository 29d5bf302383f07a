//! The gradient of the kernel, summed up at the points.

use super::super::direct::{self, PARTS, add_parts};
use super::matrices::{Known, Matrices};
use super::transform::Direction;
use super::{Winograd, point_stride};
use crate::array::storage::Buffer;
use crate::fusion::Numbers;
use crate::gemm::{GemmSpec, Prefetcher, Rows};
use crate::runtime::simd::vectorize;
use crate::runtime::threads::for_each_chunk_mut;

impl<const N: usize, const M: usize, const R: usize> Winograd<'_, N, M, R>
where
    Matrices<N, M, R>: Known,
{
    /// `x` and `dy` multiplied at the points, as in the forward pass the kernel is with `x`. Images that are read together, and of
    /// which some do not suit the algorithm, are computed directly.
    pub(super) fn kernel_grad(&self, x: &Numbers<'_>, dy: &Numbers<'_>) -> Option<Buffer<f32>> {
        let (g, tiles) = (self.0, self.0.out.map(|out| out.div_ceil(M)));
        let (from, to) = (self.inputs(), self.outputs(0));
        let (inputs, outputs, images) = (from.entries(), to.entries(), self.images(tiles));
        let per_part = g.n.div_ceil(PARTS);
        let mut parts = Buffer::uninit(g.n.div_ceil(per_part) * g.kernel_count());
        let directly = direct::KernelGrad::new(g, 1);
        for_each_chunk_mut(&mut parts, g.kernel_count(), |part, out| {
            let mut products = Buffer::uninit(N * N * inputs * outputs);
            let (mut some, mut others) = (false, None);
            let end = ((part + 1) * per_part).min(g.n);
            let numbers = [x, dy];
            let (mut x, mut dy) = (x.reader(), dy.reader());
            for first_image in (part * per_part..end).step_by(images) {
                let present = images.min(end - first_image);
                let x = x.read(first_image * g.image(), present * g.image());
                let dy = dy.read(first_image * g.image_out(), present * g.image_out());
                let both = x.chunks_exact(g.image()).zip(dy.chunks_exact(g.image_out()));
                if !both.clone().all(|(x, dy)| from.range(x).suits(to.range(dy))) {
                    let sum = others.get_or_insert_with(|| Buffer::full(g.kernel_count(), 0.0));
                    both.for_each(|(x, dy)| directly.compute([x, dy], sum, true, &mut Prefetcher::nothing()));
                    continue;
                }
                let [x, dy] = [(x, &from, Direction::Input), (dy, &to, Direction::Spread)]
                    .map(|(images, side, direction)| self.points_of(images, side, tiles, direction));
                let mut prefetcher = g.prefetcher(N * N);
                for (numbers, image) in numbers.iter().zip([g.image(), g.image_out()]) {
                    numbers.add_to(&mut prefetcher, (first_image + images) * image, images * image);
                }
                let terms = present * tiles[0] * tiles[1];
                let stride = [inputs, outputs].map(|entries| point_stride(terms, entries));
                let sums = GemmSpec::of_matrices(terms, inputs, [outputs, 1], outputs);
                for (p, out) in products.chunks_exact_mut(inputs * outputs).enumerate() {
                    let rows = Rows::of_matrix(inputs, 1, outputs);
                    let (x, dy) = (&x[p * stride[0]..], &dy[p * stride[1]..]);
                    sums.compute(rows, x, dy, out, some, &mut prefetcher);
                }
                some = true;
            }
            if some {
                self.kernel_of(&products, out);
            } else {
                out.fill(0.0);
            }
            if let Some(others) = others {
                out.iter_mut().zip(&*others).for_each(|(out, x)| *out += x);
            }
        });
        Some(add_parts(&parts, g.kernel_count(), 1))
    }

    /// The adjoint of [`points_of_kernel`](Winograd::points_of_kernel) as the forward pass calls it: `Gᵀ·p·G`, one side
    /// after the other.
    fn kernel_of(&self, points: &[f32], kernel: &mut [f32]) {
        let (g, stride) = (self.0, self.stride());
        let entry = g.channels * g.channels_out;
        let matrix = stride * stride * entry;
        let weights = &<Matrices<N, M, R> as Known>::MATRICES.kernel;
        let add = |to: &mut [f32], weight: f32, from: &[f32]| {
            if weight != 0.0 {
                vectorize(
                    #[inline(always)]
                    || to.iter_mut().zip(from).for_each(|(to, &x)| *to += weight * x),
                );
            }
        };
        let mut half = Buffer::uninit(R * matrix);
        kernel.fill(0.0);
        for (i, row) in points.chunks_exact(N * matrix).enumerate() {
            for (tap, half) in half.chunks_exact_mut(matrix).enumerate() {
                half.fill(0.0);
                row.chunks_exact(matrix).enumerate().for_each(|(j, point)| add(half, weights[j][tap], point));
            }
            for (entry_at, kernel) in kernel.chunks_exact_mut(entry).enumerate() {
                let [u, v] = [entry_at / g.kernel[1], entry_at % g.kernel[1]];
                let phase = u % stride * stride + v % stride;
                add(kernel, weights[i][u / stride], &half[v / stride * matrix + phase * entry..][..entry]);
            }
        }
    }
}
