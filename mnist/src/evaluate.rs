//! How good a model is on images it was not trained on.

use crate::data::Split;
use nn::{Graph, Layer, Tensor, loss};
use serde::Serialize;

/// Loss and accuracy on a set of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Mean cross-entropy.
    #[serde(rename = "test_loss")]
    pub loss: f64,
    /// Share of the images that are recognised, from 0 to 1.
    #[serde(rename = "test_accuracy")]
    pub accuracy: f64,
}

/// Images classified at a time: enough to keep the kernels busy, few enough that what they compute stays small.
const BATCH: usize = 200;

/// Images as a model takes them, `[n, 28, 28, 1]` from 0 to 1, and their labels.
pub(crate) fn tensors(split: &Split, indices: &[usize]) -> (Tensor, Tensor) {
    let mut images = vec![0.0; indices.len() * split.pixels()];
    let mut labels = vec![0; indices.len()];
    split.gather_images(indices, &mut images);
    split.gather_labels(indices, &mut labels);
    let images = Tensor::from(images).reshape([indices.len(), split.rows, split.cols, 1]);
    (images, Tensor::from(labels))
}

/// Classifies all images of `split`. `None` if there are none.
///
/// ```
/// use mnist::{data::Split, evaluate, models, synthetic};
/// use nn::Rng;
/// let (images, labels) = synthetic::digits(1, 50);
/// let test = Split { images, labels, rows: 28, cols: 28 };
/// let untrained = models::softmax(&mut Rng::new(0));
/// let score = evaluate(&untrained, &test).unwrap();
/// assert!((score.loss - 10.0_f64.ln()).abs() < 1e-5); // all digits equally likely
/// ```
pub fn evaluate(model: &dyn Layer, split: &Split) -> Option<Score> {
    if split.is_empty() {
        return None;
    }
    let (mut loss, mut right) = (0.0, 0.0);
    let all: Vec<usize> = (0..split.len()).collect();
    for indices in all.chunks(BATCH) {
        let (images, labels) = tensors(split, indices);
        let graph = Graph::inference();
        let logits = model.forward(graph.input(images));
        let n = indices.len() as f64;
        loss += loss::softmax_cross_entropy(logits, graph.input(labels.clone())).item() * n;
        right += loss::accuracy(&logits.value(), &labels) * n;
    }
    let n = split.len() as f64;
    Some(Score { loss: loss / n, accuracy: (right / n * 1e9).round() / 1e9 })
}
