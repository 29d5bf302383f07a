//! A trainer for a model of digits.

use crate::digits::data::{Dataset, Half};
use crate::digits::panels::{DigitSource, panels};
use crate::run::engine::{LOSS_SCALE, TEST_BATCH, forward};
use crate::run::mode::Mode;
use nn::{Sequential, Var, loss};
use optim::{Optimizer, Schedule};
use std::sync::Arc;
use train::Trainer;

/// The [trainer](train::Trainer) of a model of digits, with a test on the test images every so many steps, and the tutorial's panels. The
/// step gives the mean cross-entropy and the logits.
///
/// ```
/// use mnist::data::{Dataset, Half, Source, Split};
/// use mnist::{Mode, models, synthetic, trainer};
/// use nn::Rng;
/// use train::{Batches, Loader};
///
/// let (images, labels) = synthetic::digits(1, 50);
/// let digits = Split { images, labels, rows: 28, cols: 28 };
/// let data = Dataset { train: digits.clone(), test: digits, source: Source::Synthetic { seed: 1 } }.into();
/// let mut trainer = trainer(models::softmax(&mut Rng::new(0)), optim::Sgd::new(), 0.005, &data, 10, Mode::Compiled);
/// let mut loader = Loader::new(Half::train(&data), Batches::new(50, 25, 1)?);
/// let report = trainer.fit(&mut loader, 20)?;
/// assert!(report.best.is_some_and(|(accuracy, _)| accuracy > 0.1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `test_every` is 0.
pub fn trainer(
    model: Sequential,
    optimizer: impl Optimizer + 'static,
    schedule: impl Schedule + 'static,
    data: &Arc<Dataset>,
    test_every: u64,
    mode: Mode,
) -> Trainer<Sequential, 2, 2> {
    Trainer::new(model, optimizer, |model: &Sequential, batch: [Var<'_>; 2]| forward(model, batch))
        .metric("accuracy", |outputs, inputs| loss::accuracy(&outputs[1], &inputs[1]))
        .loss_scale(LOSS_SCALE)
        .schedule(schedule)
        .eager(mode == Mode::Eager)
        .evaluate("test", Half::test(data), test_every)
        .evaluate_batch(TEST_BATCH)
        .largest("test_accuracy")
        .panels(panels())
        .source(DigitSource::new(mode))
}
