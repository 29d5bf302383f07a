//! Registers as wide as those that only some CPUs have, for tests on the others.

use super::Lanes;
use crate::runtime::simd::vectorize;
use std::ops::Range;

/// A register of `W` numbers: 8 as `__m256`, 16 as `__m512`. Every method gives the bits of theirs, NaN's payload aside.
///
/// The methods are functions, as the emulated ones are instructions: inlined, the tiles would be compiled for minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Emulated<const W: usize>([f32; W]);

impl<const W: usize> Lanes for Emulated<W> {
    const N: usize = W;
    const REGISTERS: usize = if W == 16 { 32 } else { 16 };
    type Mask = [bool; W];

    #[inline(never)]
    unsafe fn splat(x: f32) -> Self {
        Emulated([x; W])
    }
    #[inline(never)]
    unsafe fn repeat<const G: usize>(from: *const f32) -> Self {
        // SAFETY: by the contract there are `G` elements.
        Emulated(std::array::from_fn(|i| unsafe { *from.add(i % G) }))
    }
    #[inline(never)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: by the contract there are `W` elements; an array is aligned like its elements.
        Emulated(unsafe { from.cast::<[f32; W]>().read() })
    }
    #[inline(never)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: by the contract there are `n` elements.
        Emulated(std::array::from_fn(|i| if i < n { unsafe { *from.add(i) } } else { 0.0 }))
    }
    #[inline(never)]
    unsafe fn mask(lanes: Range<usize>) -> [bool; W] {
        std::array::from_fn(|i| lanes.contains(&i))
    }
    #[inline(never)]
    unsafe fn load_masked(from: *const f32, mask: [bool; W]) -> Self {
        // SAFETY: by the contract these elements are there.
        Emulated(std::array::from_fn(|i| if mask[i] { unsafe { *from.wrapping_add(i) } } else { 0.0 }))
    }
    #[inline(never)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: by the contract there is room for `W` elements.
        unsafe { to.cast::<[f32; W]>().write(self.0) }
    }
    #[inline(never)]
    unsafe fn store_masked(self, to: *mut f32, mask: [bool; W]) {
        for (i, x) in self.0.into_iter().enumerate().filter(|&(i, _)| mask[i]) {
            // SAFETY: by the contract there is room for these elements.
            unsafe { *to.wrapping_add(i) = x }
        }
    }
    #[inline(never)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        for (i, x) in self.0.into_iter().enumerate().take(n) {
            // SAFETY: by the contract there is room for `n` elements.
            unsafe { *to.add(i) = x }
        }
    }
    #[inline(never)]
    unsafe fn add_into(self, to: *mut f32, _: usize, mask: [bool; W], before: [bool; W]) {
        for (i, x) in self.0.into_iter().enumerate().filter(|&(i, _)| mask[i]) {
            // SAFETY: by the contract these elements are there.
            unsafe { *to.wrapping_add(i) = if before[i] { *to.wrapping_add(i) } else { 0.0 } + x }
        }
    }
    /// Rounded once.
    #[inline(never)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        vectorize(
            #[inline(always)]
            || {
                let mut sum = self.0;
                for (sum, (&a, &b)) in sum.iter_mut().zip(a.0.iter().zip(&b.0)) {
                    *sum = a.mul_add(b, *sum);
                }
                Emulated(sum)
            },
        )
    }
    /// The upper half is added to the lower one until there is one number.
    #[inline(never)]
    unsafe fn sum(self) -> f32 {
        let (mut sums, mut half) = (self.0, W / 2);
        while half > 0 {
            let (lower, upper) = sums.split_at_mut(half);
            lower.iter_mut().zip(upper).for_each(|(x, &mut y)| *x += y);
            half /= 2;
        }
        sums[0]
    }
    #[inline(never)]
    unsafe fn nonzero(self) -> u32 {
        self.0.into_iter().rev().fold(0, |bits, x| bits << 1 | u32::from(x != 0.0))
    }
}

#[cfg(test)]
mod tests;
