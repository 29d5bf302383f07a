//! Regression: how far numbers are from those they should be.

use super::{Mean, numbers};
use nn::Tensor;

/// Errors of predicted numbers: mean squared, mean absolute, and the share of the variance that is explained.
///
/// ```
/// use nn::Tensor;
///
/// let mut errors = train::metrics::Regression::default();
/// errors.add(&Tensor::from([2.5_f64, 0.0, 2.0, 8.0]), &Tensor::from([3.0_f64, -0.5, 2.0, 7.0]));
/// assert_eq!((errors.mse(), errors.mae()), (Some(0.375), Some(0.5)));
/// assert!((errors.r2().unwrap() - 0.9486081370449679).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regression {
    squared: Mean,
    absolute: Mean,
    count: f64,
    /// Mean of the targets, and the sum of the squares of their distances from it.
    mean: f64,
    spread: f64,
}

impl Regression {
    /// Takes a batch of predictions and targets, floats of one shape.
    ///
    /// # Panics
    /// If their shapes differ, or they are no floats.
    #[track_caller]
    pub fn add(&mut self, predictions: &Tensor, targets: &Tensor) {
        const METRIC: &str = "regression";
        if predictions.shape() != targets.shape() {
            panic!(
                "{METRIC}: predictions {} and targets {} must have one shape; reshape one",
                predictions.shape(),
                targets.shape()
            );
        }
        for (y, target) in numbers(METRIC, predictions).into_iter().zip(numbers(METRIC, targets)) {
            let error = y - target;
            self.squared.add(error * error, 1);
            self.absolute.add(error.abs(), 1);
            self.take(1.0, target, 0.0);
        }
    }

    /// Joins the targets' mean and spread with those of others (Chan, Golub and LeVeque, 1979).
    fn take(&mut self, count: f64, mean: f64, spread: f64) {
        if count == 0.0 {
            return;
        }
        let (all, apart) = (self.count + count, mean - self.mean);
        self.spread += spread + apart * apart * self.count * count / all;
        self.mean += apart * count / all;
        self.count = all;
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Regression) {
        self.squared.merge(&other.squared);
        self.absolute.merge(&other.absolute);
        self.take(other.count, other.mean, other.spread);
    }

    /// The mean squared error; `None` if there were no elements.
    pub fn mse(&self) -> Option<f64> {
        self.squared.value()
    }

    /// The mean absolute error.
    pub fn mae(&self) -> Option<f64> {
        self.absolute.value()
    }

    /// `R² = 1 − Σ(y − t)² / Σ(t − t̄)²`: 1 if all is right, 0 for who says the mean, below for worse. `None` if there were no elements,
    /// or all targets are the same.
    pub fn r2(&self) -> Option<f64> {
        (self.spread > 0.0).then(|| self.mse().map(|mse| 1.0 - mse * self.count / self.spread))?
    }
}
