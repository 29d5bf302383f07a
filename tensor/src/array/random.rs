//! Random numbers: one named, portable generator, and tensors drawn from it.

use crate::array::dtype::{DType, for_float};
use crate::array::shape::{OrPanic, Shape};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::runtime::threads::for_each_chunk_mut;
use rand::seq::SliceRandom;
use rand::{Rng as _, RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A seeded generator of random numbers: Xoshiro256++, the same on every machine.
///
/// Independent uses of one seed take separate streams, so that drawing more for one does not change another.
///
/// ```
/// use tensor::{DType, Rng, Tensor};
/// let a = Tensor::uniform([3], 0.0, 1.0, DType::F32, &mut Rng::new(42));
/// let b = Tensor::uniform([3], 0.0, 1.0, DType::F32, &mut Rng::new(42));
/// assert_eq!(a, b);
/// assert_ne!(a, Tensor::uniform([3], 0.0, 1.0, DType::F32, &mut Rng::stream(42, 1)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Rng {
        Rng(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// The generator of stream `stream` of this seed; stream 0 is not [`Rng::new`]'s.
    pub fn stream(seed: u64, stream: u64) -> Rng {
        // SplitMix64's increment and first mixing step keep neighbouring streams apart.
        let mut z = stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let first = Xoshiro256PlusPlus::seed_from_u64(seed).next_u64();
        Rng(Xoshiro256PlusPlus::seed_from_u64(first ^ z ^ (z >> 27)))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// A number from the normal distribution of mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Puts the elements in random order, each order as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }
}

/// Truth values that one stream of random numbers is asked for.
const BLOCK: usize = 8 << 10;

#[track_caller]
fn draw(op: &str, shape: Shape, dtype: DType, mut number: impl FnMut() -> f64) -> Tensor {
    for_float!(dtype, T => {
        let mut out = Buffer::<T>::uninit(shape.numel());
        out.iter_mut().for_each(|x| *x = number() as T);
        Tensor::from_buffer(out, shape)
    }, else panic!("{op}: {shape}: random numbers are f32 or f64, not {dtype}"))
}

#[track_caller]
fn uniform(shape: Shape, low: f64, high: f64, dtype: DType, rng: &mut Rng) -> Tensor {
    if !(low < high && (high - low).is_finite()) {
        panic!("uniform: {shape}: no finite range from {low} up to {high}");
    }
    draw("uniform", shape, dtype, || low + (high - low) * rng.unit())
}

#[track_caller]
fn normal(shape: Shape, mean: f64, std: f64, dtype: DType, rng: &mut Rng) -> Tensor {
    check_normal("normal", shape, mean, std);
    draw("normal", shape, dtype, || mean + std * rng.normal())
}

#[track_caller]
fn truncated_normal(shape: Shape, mean: f64, std: f64, dtype: DType, rng: &mut Rng) -> Tensor {
    check_normal("truncated_normal", shape, mean, std);
    draw("truncated_normal", shape, dtype, || {
        loop {
            let z = rng.normal();
            if z.abs() <= 2.0 {
                return mean + std * z;
            }
        }
    })
}

#[track_caller]
fn bernoulli(shape: Shape, p: f64, dtype: DType, rng: &mut Rng) -> Tensor {
    if !(0.0..=1.0).contains(&p) {
        panic!("bernoulli: {shape}: {p} is not a probability, which is from 0 to 1");
    }
    let seed = rng.bits();
    // Of 32 random bits each; a stream for every block, so that threads can share the work.
    let threshold = (p * (1_u64 << 32) as f64).round() as u64;
    for_float!(dtype, T => {
        let mut out = Buffer::<T>::uninit(shape.numel());
        for_each_chunk_mut(&mut out, BLOCK, |block, out| {
            let mut rng = Rng::stream(seed, block as u64);
            for pair in out.chunks_mut(2) {
                let bits = rng.bits();
                for (x, bits) in pair.iter_mut().zip([bits >> 32, bits & u64::from(u32::MAX)]) {
                    *x = u8::from(bits < threshold).into();
                }
            }
        });
        Tensor::from_buffer(out, shape)
    }, else panic!("bernoulli: {shape}: random numbers are f32 or f64, not {dtype}"))
}

impl Tensor {
    /// Numbers drawn evenly from `low` up to but not including `high` (which rounding to `f32` may reach).
    ///
    /// # Panics
    /// If `low` is not below `high`, both finite, or the type is no float.
    #[track_caller]
    pub fn uniform(shape: impl Into<Shape>, low: f64, high: f64, dtype: DType, rng: &mut Rng) -> Tensor {
        uniform(shape.into(), low, high, dtype, rng)
    }

    /// Numbers from the normal distribution of this mean and standard deviation.
    ///
    /// # Panics
    /// If the deviation is negative or either is not finite, or the type is no float.
    #[track_caller]
    pub fn normal(shape: impl Into<Shape>, mean: f64, std: f64, dtype: DType, rng: &mut Rng) -> Tensor {
        normal(shape.into(), mean, std, dtype, rng)
    }

    /// Numbers from the normal distribution, drawn anew where they are more than two deviations from the mean
    /// (TensorFlow's `truncated_normal`). What remains has a deviation of 0.8796 `std`.
    ///
    /// # Panics
    /// If the deviation is negative or either is not finite, or the type is no float.
    #[track_caller]
    pub fn truncated_normal(
        shape: impl Into<Shape>,
        mean: f64,
        std: f64,
        dtype: DType,
        rng: &mut Rng,
    ) -> Tensor {
        truncated_normal(shape.into(), mean, std, dtype, rng)
    }

    /// Ones with probability `p`, else zeros.
    ///
    /// # Panics
    /// If `p` is not within 0..=1, or the type is no float.
    #[track_caller]
    pub fn bernoulli(shape: impl Into<Shape>, p: f64, dtype: DType, rng: &mut Rng) -> Tensor {
        bernoulli(shape.into(), p, dtype, rng)
    }

    /// The integers `0..n` in random order.
    ///
    /// # Panics
    /// If there are more than fit in memory.
    #[track_caller]
    pub fn permutation(n: usize, rng: &mut Rng) -> Tensor {
        let shape = Shape::of(&[n], "permutation").or_panic();
        let mut numbers = Buffer::<i64>::uninit(n);
        numbers.iter_mut().zip(0..).for_each(|(x, i)| *x = i);
        rng.shuffle(&mut numbers);
        Tensor::from_buffer(numbers, shape)
    }
}

#[track_caller]
fn check_normal(op: &str, shape: Shape, mean: f64, std: f64) {
    if !(std >= 0.0 && std.is_finite() && mean.is_finite()) {
        panic!("{op}: {shape}: mean {mean} and deviation {std} must be finite, the deviation not negative");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The density of the standard normal cut at ±2 has variance 1 − 4φ(2)/(2Φ(2) − 1) and kurtosis as integrated
    /// here by Simpson's rule, independently of how the numbers are drawn.
    #[test]
    fn truncated_normal_has_its_moments() {
        let integral = |power: i32| {
            let (n, h) = (2000, 4.0 / 2000.0);
            let f = |i: usize| {
                let x = -2.0 + h * i as f64;
                x.powi(power) * (-x * x / 2.0).exp()
            };
            (0..n / 2).map(|i| f(2 * i) + 4.0 * f(2 * i + 1) + f(2 * i + 2)).sum::<f64>() * h / 3.0
        };
        let n = 400_000;
        let x = Tensor::truncated_normal([n], 1.0, 0.1, DType::F64, &mut Rng::new(7));
        let z: Vec<f64> = x.to_vec::<f64>().iter().map(|x| (x - 1.0) / 0.1).collect();
        assert!(z.iter().all(|z| z.abs() <= 2.0 + 1e-12));
        assert!(z.iter().any(|z| z.abs() > 1.99));
        for power in 1..=4 {
            let moment = z.iter().map(|z| z.powi(power)).sum::<f64>() / n as f64;
            let expected = integral(power) / integral(0);
            assert!((moment - expected).abs() < 0.01, "moment {power}: {moment}, expected {expected}");
        }
        let std = integral(2) / integral(0);
        assert!((std.sqrt() - 0.8796).abs() < 1e-4);
    }

    #[test]
    fn a_permutation_has_every_number_once() {
        let mut p = Tensor::permutation(1000, &mut Rng::new(3)).to_vec::<i64>();
        assert_ne!(p[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        p.sort_unstable();
        assert!(p.iter().enumerate().all(|(i, &x)| i as i64 == x));
    }

    #[test]
    fn uniform_and_bernoulli_have_their_means() {
        let x = Tensor::uniform([100_000], -1.0, 3.0, DType::F32, &mut Rng::new(1));
        assert!((x.mean(..).item() - 1.0).abs() < 0.02);
        assert!((x.var(.., 0).item() - 16.0 / 12.0).abs() < 0.02);
        let b = Tensor::bernoulli([100_000], 0.3, DType::F64, &mut Rng::new(1));
        assert!((b.mean(..).item() - 0.3).abs() < 0.01);
    }
}
