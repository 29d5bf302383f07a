//! The figure of several runs.

use super::SIZE;
use super::panels::{SMALL, TEXT, plot};
use super::shape::{Anchor, Colour, Shape};
use crate::watch::event::StepRecord;

/// Colours that are told apart without red and green.
const COLOURS: [Colour; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [230, 159, 0],
    [90, 90, 90],
    [120, 60, 20],
];

/// A run in the figure.
pub(crate) struct Curve {
    pub(crate) name: String,
    /// Its records with a test.
    pub(crate) tests: Vec<StepRecord>,
}

/// What the accuracies may begin with, and what the losses may end with.
const LOWEST: [f64; 5] = [0.98, 0.9, 0.8, 0.5, 0.0];
const HIGHEST: [f64; 6] = [5.0, 10.0, 20.0, 50.0, 100.0, 250.0];

/// Test accuracy and test loss of all runs over each other, as large as leaves a good part of each curve in sight.
pub(crate) fn comparison(curves: &[Curve]) -> Vec<Shape> {
    let mut shapes = vec![];
    let steps = curves.iter().flat_map(|curve| &curve.tests).map(|record| record.step).max();
    let steps = steps.unwrap_or(0).max(1) as f64;
    type Value = fn(&StepRecord) -> Option<f64>;
    let values: [Value; 2] =
        [|record| record.test.map(|test| test.accuracy), |record| record.test.map(|test| test.loss * 100.0)];
    // The best of the run that has the worst.
    let best = |of: Value, better: fn(f64, f64) -> f64| {
        move |curve: &Curve| curve.tests.iter().filter_map(of).filter(|v| v.is_finite()).reduce(better)
    };
    let accuracy = curves.iter().filter_map(best(values[0], f64::max)).fold(1.0, f64::min);
    let loss = curves.iter().filter_map(best(values[1], f64::min)).fold(0.0, f64::max);
    let lowest = LOWEST.into_iter().find(|low| accuracy - low > 0.2 * (1.0 - low)).unwrap_or(0.0);
    let highest = HIGHEST.into_iter().find(|high| loss < 0.7 * high).unwrap_or(loss.max(1.0));
    let from = if lowest > 0.0 { format!(", from {lowest}") } else { String::new() };
    let plots = [
        (format!("test accuracy{from}"), [lowest, 1.0], values[0]),
        ("test loss × 100".to_owned(), [0.0, highest], values[1]),
    ];
    let width = SIZE.0 as f64 / 2.0;
    for (panel, (title, [low, high], value)) in plots.into_iter().enumerate() {
        let x = 10.0 + panel as f64 * width;
        shapes.push(Shape::text((x, 26.0), Anchor::Start, title, 15.0, TEXT));
        let height = SIZE.1 as f64 - 70.0 - 18.0 * curves.len().div_ceil(2) as f64;
        let point = plot(&mut shapes, [x, 40.0, width - 20.0, height], [steps, low, high]);
        for (curve, colour) in curves.iter().zip(COLOURS.into_iter().cycle()) {
            // What is below the plot is not drawn along its edge.
            let inside = |record: &&StepRecord| value(record).is_some_and(|v| (low..=high).contains(&v));
            let drawn = curve.tests.iter().filter(inside);
            let points: Vec<_> = drawn.filter_map(|r| Some(point(r.step as f64, value(r)?))).collect();
            shapes.push(Shape::Line { points, width: 1.5, colour });
        }
    }
    for (i, (curve, colour)) in curves.iter().zip(COLOURS.into_iter().cycle()).enumerate() {
        let (x, y) = (
            54.0 + (i % 2) as f64 * width,
            SIZE.1 as f64 - 10.0 - 18.0 * ((curves.len() - 1 - i) / 2) as f64,
        );
        shapes.push(Shape::Line { points: vec![(x, y - 4.0), (x + 24.0, y - 4.0)], width: 3.0, colour });
        shapes.push(Shape::text((x + 32.0, y), Anchor::Start, curve.name.clone(), SMALL, TEXT));
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::event::Score;

    /// The curves that are drawn, with the accuracies and losses of a run.
    fn lines(accuracy: f64, loss: f64) -> (usize, String) {
        let record = |step| StepRecord {
            step,
            epoch: 1,
            train_loss: None,
            train_accuracy: None,
            lr: None,
            test: Some(Score { accuracy, loss }),
        };
        let curve = Curve { name: "run".into(), tests: vec![record(0), record(10)] };
        let shapes = comparison(&[curve]);
        let drawn =
            |shape: &&Shape| matches!(shape, Shape::Line { points, width: 1.5, .. } if points.len() == 2);
        let Some(Shape::Text { text, .. }) = shapes.first() else { panic!() };
        (shapes.iter().filter(drawn).count(), text.clone())
    }

    #[test]
    fn every_run_is_in_sight_however_good_it_is() {
        assert_eq!(lines(0.9954, 0.014), (2, "test accuracy, from 0.98".into()));
        assert_eq!(lines(0.926, 0.27), (2, "test accuracy, from 0.9".into()));
        assert_eq!(lines(0.88, 0.4), (2, "test accuracy, from 0.8".into()));
        assert_eq!(lines(0.1, 2.3), (2, "test accuracy".into()));
        assert_eq!(lines(0.1, 9e9), (2, "test accuracy".into()));
    }
}
