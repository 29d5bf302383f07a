//! The figure of several runs.

use super::SIZE;
use super::panels::{SMALL, TEXT, plot};
use super::shape::{Anchor, Colour, Shape};
use crate::event::StepRecord;

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

/// Test accuracy from 0.9 on, and test loss, of all runs over each other.
pub(crate) fn comparison(curves: &[Curve]) -> Vec<Shape> {
    let mut shapes = vec![];
    let steps = curves.iter().flat_map(|curve| &curve.tests).map(|record| record.step).max();
    let steps = steps.unwrap_or(0).max(1) as f64;
    type Value = fn(&StepRecord) -> Option<f64>;
    let plots: [(&str, [f64; 2], Value); 2] = [
        ("test accuracy, from 0.9", [0.9, 1.0], |record| record.test.map(|test| test.accuracy)),
        ("test loss × 100", [0.0, 20.0], |record| record.test.map(|test| test.loss * 100.0)),
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
