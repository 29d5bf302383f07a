//! How good a model is on images it was not trained on.

use crate::data::Split;
use crate::engine::{Engine, Mode};
use nn::Layer;
use serde::{Deserialize, Serialize};

/// Loss and accuracy on a set of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean cross-entropy.
    #[serde(rename = "test_loss")]
    pub loss: f64,
    /// Share of the images that are recognised, from 0 to 1.
    #[serde(rename = "test_accuracy")]
    pub accuracy: f64,
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
pub fn evaluate(model: &impl Layer, split: &Split) -> Option<Score> {
    Engine::new(Mode::Compiled, 0).test(model, split)
}
