//! How the panels of digits are drawn.

use super::png::{TEST_COLUMNS, TRAINING_COLUMNS, png};
use super::read::{Digits, TEST, TRAINING};
use super::sheet::{axis, sheet};
use crate::digits::data::{Dataset, Split};
use crate::digits::preprocess;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use std::sync::{Arc, OnceLock};
use train::show::colours::{WRONG, WRONG_MARK};
use train::show::{Colour, Place, Refusal, Shape, View};
use train::watch::{Content, Event, Events, Shown};

const SCRIPTS: &str = concat!(include_str!("digits.js"), include_str!("drawing.js"));

/// Pictures of training digits in a page that is a file.
const SHEETS: usize = 30;

/// Draws the digits that events speak of, where they are at hand.
pub(crate) struct DigitView {
    data: Option<Arc<Dataset>>,
    /// The picture of all test digits, once somebody has asked for it.
    test: OnceLock<Option<Vec<u8>>>,
}

impl DigitView {
    pub(crate) fn new(data: Option<Arc<Dataset>>) -> DigitView {
        DigitView { data, test: OnceLock::new() }
    }

    fn test(&self) -> Option<Vec<u8>> {
        let draw = || {
            let test = &self.data.as_ref()?.test;
            let all: Vec<usize> = (0..test.len()).collect();
            Some(png(test, &all, TEST_COLUMNS))
        };
        self.test.get_or_init(draw).clone()
    }

    /// The digits of a training batch. A run that is read from a file may speak of any.
    fn training(&self, content: &Content) -> Option<Vec<u8>> {
        let train = &self.data.as_ref()?.train;
        let digits = Digits::of(content).filter(|digits| are_in(digits, train))?;
        Some(png(train, &digits.indices, TRAINING_COLUMNS))
    }
}

/// Whether all of them are in the data.
fn are_in(digits: &Digits, split: &Split) -> bool {
    digits.indices.iter().all(|&index| index < split.len())
}

/// What was shown of training batches.
fn training(event: &Event) -> Option<&Shown> {
    match event {
        Event::Shown(shown) if shown.panel == TRAINING => Some(shown),
        _ => None,
    }
}

impl View for DigitView {
    fn draw(&self, panel: &str, content: &Content, [x, y, w, h]: Place, shapes: &mut Vec<Shape>) -> bool {
        let (Some(data), Some(digits)) = (&self.data, Digits::of(content)) else {
            return panel == TRAINING || panel == TEST;
        };
        match panel {
            TRAINING if are_in(&digits, &data.train) => {
                sheet(shapes, [x + 30.0, y, h, h], &digits, &data.train, [10, 10]);
            }
            TEST if are_in(&digits, &data.test) => {
                let within = [x, y, w - 44.0, (w - 44.0) * 25.0 / 40.0];
                sheet(shapes, within, &digits, &data.test, [25, 40]);
                axis(shapes, within, &digits);
            }
            TRAINING | TEST => {}
            _ => return false,
        }
        true
    }

    fn script(&self) -> &'static str {
        SCRIPTS
    }

    fn parts(&self) -> [&'static str; 2] {
        [
            include_str!("drawing.html"),
            r#"<span id="drawing" data-asks> · <kbd>Tab</kbd> to the drawing: arrow keys draw, <kbd>Tab</kbd> leaves it</span>"#,
        ]
    }

    fn resource(&self, path: &str, events: &Events) -> Option<(&'static str, Vec<u8>)> {
        let picture = match path.strip_prefix("digits/")? {
            "test" => self.test()?,
            other => {
                let step: u64 = other.strip_prefix("training/")?.parse().ok()?;
                let all = events.all();
                let shown =
                    all.iter().filter_map(|event| training(event)).find(|shown| shown.step == step)?;
                self.training(&shown.content)?
            }
        };
        Some(("image/png", picture))
    }

    /// Of the training digits evenly spaced ones are kept.
    fn embed(&self, events: &mut Vec<Arc<Event>>) -> Map<String, Value> {
        let count = events.iter().filter(|event| training(event).is_some()).count();
        let every = count.div_ceil(SHEETS).max(1);
        let mut seen = count;
        events.retain(|event| {
            let is_training = training(event).is_some();
            seen -= usize::from(is_training);
            !is_training || seen.is_multiple_of(every)
        });
        let uri = |png: Vec<u8>| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
        let pictures = events
            .iter()
            .filter_map(|event| training(event))
            .filter_map(|shown| Some((shown.step.to_string(), uri(self.training(&shown.content)?).into())));
        let training: Map<String, Value> = pictures.collect();
        let test = self.test().map(uri);
        [("training".to_owned(), training.into()), ("test".to_owned(), test.into())].into_iter().collect()
    }

    /// A drawing is a square of grey values of which the bright ones are ink.
    fn question(&self, path: &str, drawing: &[u8]) -> Option<Result<Vec<u8>, Refusal>> {
        let side = drawing.len().isqrt();
        (path == "read").then(|| {
            if side == 0 || side * side != drawing.len() {
                return Err(Refusal::Malformed("a drawing is a square of bytes"));
            }
            preprocess::digit(side, side, drawing).ok_or(Refusal::Empty("nothing is drawn"))
        })
    }

    fn fades(&self) -> &'static [[Colour; 2]] {
        &[[WRONG, [0; 3]], [WRONG, WRONG_MARK]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::data::Source;
    use crate::digits::synthetic;
    use train::watch::{History, Observer};

    fn view() -> DigitView {
        let digits = |seed, n| {
            let (images, labels) = synthetic::digits(seed, n);
            Split { images, labels, rows: 28, cols: 28 }
        };
        let source = Source::Synthetic { seed: 1 };
        DigitView::new(Some(Arc::new(Dataset { train: digits(1, 20), test: digits(2, 30), source })))
    }

    #[test]
    fn pictures_of_the_digits_that_were_shown() {
        let (view, mut history) = (view(), History::new());
        let ask = |history: &History, path: &str| view.resource(path, &history.events());
        let is_png =
            |found: Option<(&str, Vec<u8>)>| found.is_some_and(|(_, bytes)| bytes.starts_with(b"\x89PNG"));
        assert!(is_png(ask(&history, "digits/test")));
        assert!(ask(&history, "digits/training/7").is_none());
        let shown = |step, indices: &[usize]| {
            Event::Shown(Digits::new(indices, &[1, 2], &[1, 1], 100).shown(TRAINING, step))
        };
        history.on_event(&shown(7, &[3, 4]));
        assert!(is_png(ask(&history, "digits/training/7")));
        history.on_event(&shown(8, &[3, 99]));
        assert!(ask(&history, "digits/training/8").is_none(), "a foreign run's digits");
        assert!(DigitView::new(None).resource("digits/test", &history.events()).is_none());
    }

    #[test]
    fn a_file_keeps_evenly_spaced_training_digits_with_the_last() {
        let mut events: Vec<Arc<Event>> = (0..100)
            .map(|step| Arc::new(Event::Shown(Digits::new(&[3], &[1], &[1], 100).shown(TRAINING, step))))
            .collect();
        let embedded = view().embed(&mut events);
        let steps: Vec<u64> = events.iter().filter_map(|event| Some(training(event)?.step)).collect();
        assert_eq!((steps.len(), steps.first(), steps.last()), (25, Some(&3), Some(&99)));
        assert_eq!(embedded["training"].as_object().unwrap().len(), 25);
        assert!(embedded["test"].as_str().unwrap().starts_with("data:image/png;base64,"));
    }

    #[test]
    fn drawings_are_squares_with_ink() {
        let mut drawing = vec![0; 140 * 140];
        (30..110).for_each(|row| drawing[row * 140 + 66..row * 140 + 76].fill(255));
        let view = view();
        assert_eq!(view.question("read", &drawing).unwrap().unwrap().len(), 784);
        assert!(matches!(view.question("read", &[0; 140 * 140]), Some(Err(Refusal::Empty(_)))));
        assert!(matches!(view.question("read", &[0; 7]), Some(Err(Refusal::Malformed(_)))));
        assert!(view.question("elsewhere", &drawing).is_none());
    }
}
