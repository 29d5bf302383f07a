//! Convolutions and products of matrices against the definition in f64, at every level of vector instructions on every machine:
//! levels that the CPU has not are emulated.
//!
//! What stands around the thresholds of the kernels is tried in every run, and besides a few hundred random cases. More of them,
//! and others:
//!
//! ```text
//! SWEEP_CASES=5000 SWEEP_SEED=7 cargo test -p tensor --test every_level
//! ```

mod convolution;
mod families;
mod levels;
mod matmul;

use tensor::{DType, Rng, Tensor};

/// Random cases of a run, unless `SWEEP_CASES` says another number.
const CASES: usize = 400;

/// How many random cases to try, and what they are drawn from.
fn cases() -> (usize, Rng) {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}: expected a number")),
        Err(_) => default,
    };
    let (cases, seed) = (number("SWEEP_CASES", CASES as u64), number("SWEEP_SEED", 1));
    (cases as usize, Rng::new(seed))
}

/// One of these.
fn any<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[(rng.bits() % choices.len() as u64) as usize]
}

fn numbers(shape: &[usize], rng: &mut Rng) -> Tensor {
    Tensor::uniform(shape, -1.0, 1.0, DType::F32, rng)
}

/// Sums of products by their definition, and what the products' magnitudes add up to.
struct Exact {
    sums: Vec<f64>,
    magnitudes: Vec<f64>,
}

impl Exact {
    fn zeros(len: usize) -> Exact {
        Exact { sums: vec![0.0; len], magnitudes: vec![0.0; len] }
    }

    fn add(&mut self, at: usize, product: f64) {
        self.sums[at] += product;
        self.magnitudes[at] += product.abs();
    }

    /// Whether every number is right: to what the matrix unit leaves out and Winograd's algorithm loses, which is below `3.1·10⁻⁵` of
    /// what the magnitudes of the products add up to, here of the largest such sum.
    fn expect(&self, found: &Tensor, what: &dyn std::fmt::Debug) {
        let found = found.to_vec::<f32>();
        assert_eq!(found.len(), self.sums.len(), "{what:?}");
        let bound = 3.1e-5 * self.magnitudes.iter().copied().fold(0.0, f64::max);
        for (i, (&x, y)) in found.iter().zip(&self.sums).enumerate() {
            assert!((f64::from(x) - y).abs() <= bound, "{what:?}: element {i} is {x}, {y} by the definition");
        }
    }
}
