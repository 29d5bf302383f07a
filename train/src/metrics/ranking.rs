//! How well scores rank elements of a class before the others.

use super::{class_numbers, numbers};
use nn::Tensor;

/// The area under the receiver operating characteristic: the probability that an element of class 1 has a larger score than one of class
/// 0, equal scores counting a half (Hanley and McNeil, 1982; scikit-learn's `roc_auc_score`). It keeps all scores.
///
/// ```
/// use nn::Tensor;
///
/// let mut auc = train::metrics::RocAuc::default();
/// auc.add(&Tensor::from([0.1_f32, 0.4, 0.35, 0.8]), &Tensor::from([0_i64, 0, 1, 1]));
/// assert_eq!(auc.value(), Some(0.75));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RocAuc {
    /// Scores of class 0 and of class 1.
    scores: [Vec<f64>; 2],
}

impl RocAuc {
    /// Takes a batch: scores `[n]`, the larger the more of class 1, and labels 0 and 1.
    ///
    /// # Panics
    /// If the scores are no floats `[n]` or one is NaN, or the labels are not 0 and 1, `i64 [n]`.
    #[track_caller]
    pub fn add(&mut self, scores: &Tensor, labels: &Tensor) {
        const METRIC: &str = "ROC AUC";
        if scores.shape().len() != 1 {
            panic!("{METRIC}: the scores are {}; they must be [n], one for each element", scores.shape());
        }
        let scores = numbers(METRIC, scores);
        if scores.iter().any(|score| score.is_nan()) {
            panic!("{METRIC}: a score is NaN, which is neither before nor after another");
        }
        let labels = class_numbers(METRIC, labels, scores.len(), 2);
        scores.into_iter().zip(labels).for_each(|(score, label)| self.scores[label].push(score));
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &RocAuc) {
        self.scores.iter_mut().zip(&other.scores).for_each(|(scores, others)| scores.extend(others));
    }

    /// The area, from 0 to 1; `None` if one of the classes has no elements.
    pub fn value(&self) -> Option<f64> {
        let [zeros, ones] = &self.scores;
        if zeros.is_empty() || ones.is_empty() {
            return None;
        }
        let mut all: Vec<(f64, bool)> = zeros
            .iter()
            .map(|&score| (score, false))
            .chain(ones.iter().map(|&score| (score, true)))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Twice the number of pairs in the right order, an equal pair being half of one: whole numbers.
        let (mut pairs, mut below) = (0_u128, 0_u128);
        for equal in all.chunk_by(|a, b| a.0 == b.0) {
            let ones = equal.iter().filter(|(_, is_one)| *is_one).count() as u128;
            let zeros = equal.len() as u128 - ones;
            pairs += ones * (2 * below + zeros);
            below += zeros;
        }
        Some(pairs as f64 / (2.0 * zeros.len() as f64 * ones.len() as f64))
    }
}
