//! What the machine could do at most, to hold measurements against.

use crate::lanes::{Lanes, lanes};
use crate::parallel::{for_each, threads};
use crate::simd::{Level, simd_level};
use std::time::Instant;

/// Products in flight at once: more than any CPU's latency times its units.
const CHAINS: usize = 12;
const ROUNDS: usize = 200_000;

/// The most `f32` operations a second that [`threads`](crate::threads) threads reach here: products and sums of numbers
/// that are in registers already, the best of several tries. It takes about ten milliseconds.
///
/// A product and the sum it goes into count as two operations, as usual; so the work of an `m × k` by `k × n` matrix
/// product is `2·m·k·n`.
///
/// ```
/// let billions = tensor::fma_peak() / 1e9;
/// println!("at most {billions:.0} GFLOP/s");
/// assert!(billions > 0.1);
/// ```
pub fn fma_peak() -> f64 {
    let (threads, lanes) = (threads(), lanes());
    let seconds = (0..10).map(|_| {
        let begun = Instant::now();
        for_each(threads, |_| {
            std::hint::black_box(chains(1.0));
        });
        begun.elapsed().as_secs_f64()
    });
    let best = seconds.fold(f64::INFINITY, f64::min);
    (2 * threads * ROUNDS * CHAINS * lanes) as f64 / best
}

fn chains(x: f32) -> f32 {
    match simd_level() {
        // SAFETY: the CPU has the level's instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(x) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(x) },
        // SAFETY: every CPU has these instructions.
        _ => unsafe { multiply::<[f32; 4]>(x) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(x: f32) -> f32 {
    // SAFETY: compiled for these instructions.
    unsafe { multiply::<std::arch::x86_64::__m512>(x) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(x: f32) -> f32 {
    // SAFETY: compiled for these instructions.
    unsafe { multiply::<std::arch::x86_64::__m256>(x) }
}

/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn multiply<L: Lanes>(x: f32) -> f32 {
    let mut first = [0.0; 16];
    // SAFETY: by this function's contract; no register has more than sixteen elements.
    unsafe {
        let (a, b) = (L::splat(std::hint::black_box(x)), L::splat(std::hint::black_box(1e-9)));
        let mut total = [L::splat(0.0); CHAINS];
        for _ in 0..ROUNDS {
            for total in &mut total {
                *total = total.add_product(a, b);
            }
        }
        let sum = total.into_iter().reduce(|sum, x| sum.add_product(x, a)).unwrap_or(a);
        sum.store(first.as_mut_ptr());
    }
    first[0]
}
