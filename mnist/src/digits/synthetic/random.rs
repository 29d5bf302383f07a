//! The few distributions a digit is drawn with.
//!
//! Only arithmetic that rounds alike everywhere is used, never the platform's `exp`, `ln` or `sin`, so
//! that a seed gives the same digits on every machine.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The source of all chance in one image.
pub(super) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The generator of image `index` of the set `seed`: a stream of its own, so that images can be drawn in
    /// any order and by any number of threads.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut set = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self(Xoshiro256PlusPlus::seed_from_u64(set.next_u64() ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Uniform on `[0, 1)`, with 24 bits.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform on `[low, high)`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Mean 0, standard deviation 1, within ±3.5: the sum of four uniform numbers (Irwin-Hall), which is
    /// close enough to a normal distribution and has no tail to draw a digit off the page.
    pub(super) fn normal(&mut self) -> f32 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 1.732_050_8
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// A whole number below `n`.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }
}
