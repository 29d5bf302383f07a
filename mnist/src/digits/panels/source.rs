//! What the panels of digits see of a training.

use super::read::{Digits, TEST, TRAINING};
use crate::digits::recognize::probabilities;
use crate::run::engine::Engine;
use crate::run::mode::Mode;
use nn::{Sequential, Tensor};
use train::watch::{Curve, Panel, Shown};
use train::{PanelSource, Seen};

/// Digits of a training batch that are shown.
const TRAINING_DIGITS: usize = 100;
/// Test digits that are shown: a tenth of MNIST's, so that a percent of errors is a tenth of the panel.
const TEST_DIGITS: usize = 1000;

/// The six panels of the tutorial.
pub(crate) fn panels() -> Vec<Panel> {
    let own = |name: &str, title: &str, note: &str| Panel::Own {
        name: name.to_owned(),
        title: title.to_owned(),
        note: note.to_owned(),
    };
    let loss = Curve {
        title: "cross-entropy loss × 100".to_owned(),
        factor: 100.0,
        ranges: vec![[0.0, 100.0], [0.0, 20.0], [0.0, 5.0]],
        log: Some([0.01, 1000.0]),
        ..Curve::of("loss")
    };
    vec![
        Panel::Curve(Curve::of("accuracy")),
        Panel::Curve(loss),
        own(TRAINING, "training digits", "left the right digit, right the computed one"),
        Panel::Bands(0),
        Panel::Bands(1),
        own(TEST, "test digits", ""),
    ]
}

/// Shows what the model takes digits for, and reads those that are drawn.
pub(crate) struct DigitSource {
    engine: Engine,
    /// Of the set that is evaluated: what the digits are, and what they were taken for.
    labels: Vec<u8>,
    computed: Vec<u8>,
}

impl DigitSource {
    pub(crate) fn new(mode: Mode) -> DigitSource {
        DigitSource { engine: Engine::new(mode, 0), labels: vec![], computed: vec![] }
    }
}

fn labels(labels: &Tensor) -> Vec<u8> {
    labels.to_vec::<i64>().into_iter().map(|digit| digit as u8).collect()
}

fn computed(logits: &Tensor) -> Vec<u8> {
    labels(&logits.argmax(-1))
}

impl PanelSource<Sequential> for DigitSource {
    fn panels(&self) -> Vec<Panel> {
        panels().into_iter().filter(|panel| matches!(panel, Panel::Own { .. })).collect()
    }

    fn trained(&mut self, seen: &Seen<'_>) -> Option<Shown> {
        let (labels, computed) = (labels(&seen.inputs[1]), computed(&seen.outputs[1]));
        let digits = Digits::new(seen.indices, &labels, &computed, TRAINING_DIGITS);
        Some(digits.shown(TRAINING, seen.step))
    }

    fn begin(&mut self) {
        (self.labels, self.computed) = (vec![], vec![]);
    }

    fn evaluating(&mut self, seen: &Seen<'_>) {
        self.labels.extend(labels(&seen.inputs[1]));
        self.computed.extend(computed(&seen.outputs[1]));
    }

    fn evaluated(&mut self, _: &Sequential, step: u64) -> Vec<Shown> {
        let all: Vec<usize> = (0..self.labels.len()).collect();
        vec![Digits::new(&all, &self.labels, &self.computed, TEST_DIGITS).shown(TEST, step)]
    }

    fn answer(&mut self, model: &Sequential, pixels: &[u8]) -> Option<Result<String, String>> {
        Some(answer(&mut self.engine, model, pixels))
    }
}

/// The probabilities of the ten digits for a drawing, in JSON.
pub(crate) fn answer(engine: &mut Engine, model: &Sequential, pixels: &[u8]) -> Result<String, String> {
    let probabilities = probabilities(engine, model, pixels.to_vec());
    if probabilities.iter().any(|p| !p.is_finite()) {
        return Err("what the network computes is not a number any more".to_owned());
    }
    Ok(serde_json::to_string(&probabilities).expect("numbers can be written"))
}
