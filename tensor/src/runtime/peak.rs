//! What the machine could do at most, to hold measurements against.

use crate::runtime::lanes::{self, Kernel, Lanes, lanes};
use crate::runtime::threads::{for_each, threads};
use std::time::{Duration, Instant};

/// Products in flight at once: more than any CPU's latency times its units.
const CHAINS: usize = 12;
const ROUNDS: usize = 200_000;
/// How long it is tried.
const LONG: Duration = Duration::from_millis(100);

/// The most `f32` operations a second that [`threads`] threads reach here: products and sums of numbers
/// that are in registers already, the best of many tries. It takes a tenth of a second: threads that have just been started or
/// woken may share a CPU for a while.
///
/// A product and the sum it goes into count as two operations, as usual; so the work of an `m × k` by `k × n` matrix
/// product is `2·m·k·n`.
///
/// ```
/// let billions = tensor::peak_flops() / 1e9;
/// println!("at most {billions:.0} GFLOP/s");
/// assert!(billions > 0.0);
/// ```
pub fn peak_flops() -> f64 {
    let (threads, lanes) = (threads(), lanes());
    let (first, mut best) = (Instant::now(), f64::INFINITY);
    while first.elapsed() < LONG {
        let begun = Instant::now();
        for_each(threads, &|_| {
            let mut number = 1.0;
            lanes::run(Chains(&mut number));
            std::hint::black_box(number);
        });
        best = best.min(begun.elapsed().as_secs_f64());
    }
    (2 * threads * ROUNDS * CHAINS * lanes) as f64 / best
}

/// Multiplies and adds as often as [`peak_flops`] counts; something of the result is left in it, so that nothing can be left out.
struct Chains<'a>(&'a mut f32);

impl Kernel for Chains<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: by this function's contract.
        unsafe {
            let (a, b) = (L::splat(std::hint::black_box(*self.0)), L::splat(std::hint::black_box(1e-9)));
            let mut total = [L::splat(0.0); CHAINS];
            for _ in 0..ROUNDS {
                for total in &mut total {
                    *total = total.add_product(a, b);
                }
            }
            *self.0 = total.into_iter().reduce(|sum, x| sum.add_product(x, a)).unwrap_or(a).sum();
        }
    }
}
