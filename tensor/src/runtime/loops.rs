//! Loops over slices, compiled for the widest vectors.

use super::simd::{vectorize, vectorize_for};
use crate::array::dtype::Element;

/// `out[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map<T: Element, O>(x: &[T], out: &mut [O], f: impl Fn(T) -> O) {
    vectorize_for::<T>(
        #[inline(always)]
        || out.iter_mut().zip(x).for_each(|(o, &x)| *o = f(x)),
    );
}

/// `out[i] = f(x[i], y[i])`.
#[inline(always)]
pub(crate) fn map_pairs<T: Element, O>(x: &[T], y: &[T], out: &mut [O], f: impl Fn(T, T) -> O) {
    vectorize_for::<T>(
        #[inline(always)]
        || out.iter_mut().zip(x.iter().zip(y)).for_each(|(o, (&x, &y))| *o = f(x, y)),
    );
}

/// `out[i] = f([x[0][i], x[1][i], …])`. So many numbers are read before any is written, that the compiler need not look
/// whether the slices overlap.
#[inline(always)]
pub(crate) fn map_all<const N: usize>(x: [&[f32]; N], out: &mut [f32], f: impl Fn([f32; N]) -> f32) {
    const BLOCK: usize = 16;
    let x = x.map(|x| x[..out.len()].as_chunks::<BLOCK>());
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    vectorize(
        #[inline(always)]
        || {
            for (b, out) in blocks.iter_mut().enumerate() {
                let x: [[f32; BLOCK]; N] = std::array::from_fn(|k| x[k].0[b]);
                *out = std::array::from_fn(|i| f(std::array::from_fn(|k| x[k][i])));
            }
            for (i, out) in rest.iter_mut().enumerate() {
                *out = f(std::array::from_fn(|k| x[k].1[i]));
            }
        },
    );
}
