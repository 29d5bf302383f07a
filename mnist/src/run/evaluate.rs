//! How good a model is on images it was not trained on.

use crate::digits::data::Split;
use crate::run::engine::Engine;
use crate::run::mode::Mode;
use crate::watch::event::Score;
use nn::Layer;

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
pub fn evaluate(model: &(impl Layer + 'static), split: &Split) -> Option<Score> {
    Engine::new(Mode::Compiled, 0).test(model, split)
}
