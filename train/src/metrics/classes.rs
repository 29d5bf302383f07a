//! Classification: how often which class was taken for which.

use super::{class_numbers, numbers};
use nn::Tensor;
use std::fmt;

/// How many elements of each class were taken for each class.
///
/// Precision, recall and F1 are those of scikit-learn with the labels of all classes; where nothing was found or nothing was there they are
/// 0. An element with a NaN among its scores is taken for no class, as in [`nn::loss::accuracy`], and counts as not recognised.
///
/// ```
/// use nn::Tensor;
/// use train::metrics::ConfusionMatrix;
///
/// let mut matrix = ConfusionMatrix::new(2);
/// let scores = Tensor::from([[0.9_f32, 0.1], [0.2, 0.8], [0.4, 0.6]]); // logits or probabilities
/// matrix.add(&scores, &Tensor::from([0_i64, 1, 0]));
/// assert_eq!(matrix.accuracy(), Some(2.0 / 3.0));
/// assert_eq!((matrix.precision(1), matrix.recall(1), matrix.f1(1)), (0.5, 1.0, 2.0 / 3.0));
/// println!("{matrix}"); // a row for each class, a column for what it was taken for
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// Of class `i` taken for class `j`, at `i · classes + j`.
    counts: Vec<u64>,
    /// Elements of each class that were taken for none.
    none: Vec<u64>,
}

impl ConfusionMatrix {
    /// For so many classes.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(classes: usize) -> ConfusionMatrix {
        assert!(classes > 0, "confusion matrix: there must be a class");
        ConfusionMatrix { classes, counts: vec![0; classes * classes], none: vec![0; classes] }
    }

    /// Counts a batch: the class with the largest score, the first of several, against `labels`.
    ///
    /// # Panics
    /// If `scores` are not floats `[n, classes]`, or `labels` not class numbers, `i64 [n]`.
    #[track_caller]
    pub fn add(&mut self, scores: &Tensor, labels: &Tensor) {
        const METRIC: &str = "confusion matrix";
        let rows = rows(METRIC, scores, self.classes);
        let labels = class_numbers(METRIC, labels, rows.len(), self.classes);
        for (row, label) in rows.iter().zip(labels) {
            if row.iter().any(|score| score.is_nan()) {
                self.none[label] += 1;
                continue;
            }
            let best = (0..self.classes).fold(0, |best, c| if row[c] > row[best] { c } else { best });
            self.counts[label * self.classes + best] += 1;
        }
    }

    /// Adds what another has counted.
    ///
    /// # Panics
    /// If it has another number of classes.
    #[track_caller]
    pub fn merge(&mut self, other: &ConfusionMatrix) {
        assert_eq!(self.classes, other.classes, "confusion matrix: of another number of classes");
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.none.iter_mut().zip(&other.none).for_each(|(count, other)| *count += other);
    }

    /// How many elements of the class `label` were taken for `computed`.
    pub fn count(&self, label: usize, computed: usize) -> u64 {
        self.counts[label * self.classes + computed]
    }

    /// All counts: a row for each class, a column for what it was taken for.
    pub fn counts(&self) -> Vec<Vec<u64>> {
        self.counts.chunks(self.classes).map(<[u64]>::to_vec).collect()
    }

    /// How many elements of the class `label` there were.
    fn there(&self, label: usize) -> u64 {
        (0..self.classes).map(|computed| self.count(label, computed)).sum::<u64>() + self.none[label]
    }

    /// The share of all elements that was recognised; `None` if there were none. It is precision, recall and F1 in the micro average.
    pub fn accuracy(&self) -> Option<f64> {
        let all: u64 = self.counts.iter().chain(&self.none).sum();
        let right: u64 = (0..self.classes).map(|c| self.count(c, c)).sum();
        (all > 0).then(|| right as f64 / all as f64)
    }

    /// Of what was taken for this class, the share that is of it.
    pub fn precision(&self, class: usize) -> f64 {
        share(self.count(class, class), (0..self.classes).map(|label| self.count(label, class)).sum())
    }

    /// Of this class, the share that was taken for it.
    pub fn recall(&self, class: usize) -> f64 {
        share(self.count(class, class), self.there(class))
    }

    /// The harmonic mean of precision and recall, `2 · right / (found + there)`.
    pub fn f1(&self, class: usize) -> f64 {
        let found: u64 = (0..self.classes).map(|label| self.count(label, class)).sum();
        share(2 * self.count(class, class), found + self.there(class))
    }

    /// The mean of [`precision`](ConfusionMatrix::precision) over the classes.
    pub fn macro_precision(&self) -> f64 {
        self.mean(Self::precision)
    }

    /// The mean of [`recall`](ConfusionMatrix::recall) over the classes.
    pub fn macro_recall(&self) -> f64 {
        self.mean(Self::recall)
    }

    /// The mean of [`f1`](ConfusionMatrix::f1) over the classes.
    pub fn macro_f1(&self) -> f64 {
        self.mean(Self::f1)
    }

    fn mean(&self, of: fn(&Self, usize) -> f64) -> f64 {
        (0..self.classes).map(|class| of(self, class)).sum::<f64>() / self.classes as f64
    }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.counts.iter().max().map_or(1, |most| most.to_string().len()).max(3);
        for row in self.counts.chunks_exact(self.classes) {
            let cells: Vec<String> = row.iter().map(|count| format!("{count:>width$}")).collect();
            writeln!(f, "{}", cells.join(" "))?;
        }
        Ok(())
    }
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// The rows of scores.
#[track_caller]
fn rows(metric: &str, scores: &Tensor, classes: usize) -> Vec<Vec<f64>> {
    if scores.shape().len() != 2 || scores.shape()[1] != classes {
        panic!(
            "{metric}: the scores are {}; they must be [n, {classes}], a row for each element",
            scores.shape()
        );
    }
    numbers(metric, scores).chunks_exact(classes).map(<[f64]>::to_vec).collect()
}

/// How often the right class is among the `k` with the largest scores.
///
/// ```
/// use nn::Tensor;
///
/// let mut top = train::metrics::TopK::new(2);
/// top.add(&Tensor::from([[0.1_f32, 0.7, 0.2], [0.1, 0.7, 0.2]]), &Tensor::from([2_i64, 0]));
/// assert_eq!(top.value(), Some(0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    k: usize,
    right: u64,
    all: u64,
}

impl TopK {
    /// Among the `k` largest.
    ///
    /// # Panics
    /// If `k` is 0.
    #[track_caller]
    pub fn new(k: usize) -> TopK {
        assert!(k > 0, "top k: k must be at least 1");
        TopK { k, right: 0, all: 0 }
    }

    /// Counts a batch. Of equal scores the class with the smaller number comes first; with a NaN among its scores an element is never
    /// right.
    ///
    /// # Panics
    /// As [`ConfusionMatrix::add`], for as many classes as there are scores in a row.
    #[track_caller]
    pub fn add(&mut self, scores: &Tensor, labels: &Tensor) {
        const METRIC: &str = "top k";
        let classes = scores.shape().get(1).copied().unwrap_or(1).max(1);
        let rows = rows(METRIC, scores, classes);
        let labels = class_numbers(METRIC, labels, rows.len(), classes);
        for (row, label) in rows.iter().zip(labels) {
            let before = |c: &usize| row[*c] > row[label] || row[*c] == row[label] && *c < label;
            let better = (0..classes).filter(before).count();
            self.right += u64::from(better < self.k && !row.iter().any(|score| score.is_nan()));
            self.all += 1;
        }
    }

    /// Adds what another has counted.
    ///
    /// # Panics
    /// If it has another `k`.
    #[track_caller]
    pub fn merge(&mut self, other: &TopK) {
        assert_eq!(self.k, other.k, "top k: of another k");
        (self.right, self.all) = (self.right + other.right, self.all + other.all);
    }

    /// The share; `None` if there were no elements.
    pub fn value(&self) -> Option<f64> {
        (self.all > 0).then(|| self.right as f64 / self.all as f64)
    }
}
