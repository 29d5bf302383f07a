//! The mean of a number over all elements.

/// The mean over all elements of what is known as a mean over batches, a loss say: batches count by their sizes, so that the last, smaller
/// one has its share.
///
/// ```
/// let mut loss = train::metrics::Mean::default();
/// loss.add(2.0, 100); // a batch of 100
/// loss.add(5.0, 50);
/// assert_eq!(loss.value(), Some(3.0));
/// let mut cross_entropy = train::metrics::Mean::default();
/// cross_entropy.add(8.0_f64.ln(), 10);
/// assert!((cross_entropy.perplexity().unwrap() - 8.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    /// What adding to `sum` has rounded away (Neumaier, 1974).
    lost: f64,
    count: u64,
}

impl Mean {
    /// Adds the mean over a batch of so many elements.
    pub fn add(&mut self, mean: f64, elements: usize) {
        if elements == 0 {
            return; // the mean of nothing is NaN
        }
        self.add_sum(mean * elements as f64);
        self.count += elements as u64;
    }

    fn add_sum(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() { (self.sum - sum) + x } else { (x - sum) + self.sum };
        self.sum = sum;
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Mean) {
        self.add_sum(other.sum);
        self.lost += other.lost;
        self.count += other.count;
    }

    /// The mean; `None` if there were no elements.
    pub fn value(&self) -> Option<f64> {
        // Beyond the largest number, or of NaN, there is nothing to make up for.
        let sum = if self.lost.is_finite() { self.sum + self.lost } else { self.sum };
        (self.count > 0).then(|| sum / self.count as f64)
    }

    /// `e^mean`: of cross-entropies in natural logarithms, the number of equally likely answers that would be as hard.
    pub fn perplexity(&self) -> Option<f64> {
        self.value().map(f64::exp)
    }
}
