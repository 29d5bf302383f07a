//! The figure of several runs.

use super::colours::{CURVES, SMALL, TEXT};
use super::panels::range;
use super::plot::plot;
use crate::show::shape::{Anchor, Shape};
use crate::watch::{Curve, Record};

/// Size of the figure.
const SIZE: (usize, usize) = (1200, 760);

/// A run in the figure.
pub(crate) struct Compared {
    pub(crate) name: String,
    /// Its records with an evaluation.
    pub(crate) records: Vec<Record>,
}

/// What shares may begin with, and what other values that begin at 0 may end with.
const LOWEST: [f64; 5] = [0.98, 0.9, 0.8, 0.5, 0.0];
const HIGHEST: [f64; 6] = [5.0, 10.0, 20.0, 50.0, 100.0, 250.0];

/// The values of these curves on a set of all runs over each other, as large as leaves a good part of each in sight; and the figure's size.
pub(crate) fn comparison(runs: &[Compared], curves: &[Curve], set: &str) -> (Vec<Shape>, (usize, usize)) {
    let mut shapes = vec![];
    let steps = runs.iter().flat_map(|run| &run.records).map(|record| record.step).max();
    let steps = steps.unwrap_or(0).max(1) as f64;
    let columns = curves.len().clamp(1, 2);
    let rows = curves.len().div_ceil(columns).max(1);
    let legend = 18.0 * runs.len().div_ceil(2) as f64;
    let (width, height) = (SIZE.0 as f64 / columns as f64, (SIZE.1 as f64 - 30.0 - legend) / rows as f64);
    for (i, curve) in curves.iter().enumerate() {
        let (x, y) = (10.0 + (i % columns) as f64 * width, (i / columns) as f64 * height);
        let name = format!("{set}_{}", curve.value);
        let value = |record: &Record| Some(record.values.get(&name)? * curve.factor);
        let ([low, high], title) = axis(runs, curve, set, &value);
        shapes.push(Shape::text((x, y + 26.0), Anchor::Start, title, 15.0, TEXT));
        let point = plot(&mut shapes, [x, y + 40.0, width - 20.0, height - 40.0], [steps, low, high]);
        for (run, colour) in runs.iter().zip(CURVES.into_iter().cycle()) {
            // What is below the plot is not drawn along its edge.
            let inside = |record: &Record| value(record).filter(|v| (low..=high).contains(v));
            let drawn =
                run.records.iter().filter_map(|record| Some(point(record.step as f64, inside(record)?)));
            shapes.push(Shape::Line { points: drawn.collect(), width: 1.5, colour });
        }
    }
    let half = SIZE.0 as f64 / 2.0;
    for (i, (run, colour)) in runs.iter().zip(CURVES.into_iter().cycle()).enumerate() {
        let below = (runs.len() - 1 - i) / 2;
        let (x, y) = (54.0 + (i % 2) as f64 * half, SIZE.1 as f64 - 10.0 - 18.0 * below as f64);
        shapes.push(Shape::Line { points: vec![(x, y - 4.0), (x + 24.0, y - 4.0)], width: 3.0, colour });
        shapes.push(Shape::text((x + 32.0, y), Anchor::Start, run.name.clone(), SMALL, TEXT));
    }
    (shapes, SIZE)
}

/// What of a value's axis is to be seen, and what stands above it.
fn axis(
    runs: &[Compared],
    curve: &Curve,
    set: &str,
    value: &dyn Fn(&Record) -> Option<f64>,
) -> ([f64; 2], String) {
    let values = |run: &Compared| -> Vec<f64> {
        run.records.iter().filter_map(value).filter(|value| value.is_finite()).collect()
    };
    // The best of the run that has the worst.
    let best = |better: fn(f64, f64) -> f64| {
        runs.iter().filter_map(move |run| values(run).into_iter().reduce(better)).collect::<Vec<_>>()
    };
    let factor = if curve.factor == 1.0 { String::new() } else { format!(" × {}", curve.factor) };
    let title = format!("{set} {}{factor}", curve.value.replace('_', " "));
    match curve.ranges.first() {
        Some([0.0, 1.0]) => {
            let worst = best(f64::max).into_iter().fold(1.0, f64::min);
            let low = LOWEST.into_iter().find(|low| worst - low > 0.2 * (1.0 - low)).unwrap_or(0.0);
            let from = if low > 0.0 { format!(", from {low}") } else { String::new() };
            ([low, 1.0], title + &from)
        }
        Some([0.0, _]) => {
            let worst = best(f64::min).into_iter().fold(0.0, f64::max);
            let high = HIGHEST.into_iter().find(|high| worst < 0.7 * high).unwrap_or(worst.max(1.0));
            ([0.0, high], title)
        }
        _ => (range(runs.iter().flat_map(values)), title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The curves that are drawn, and what stands above the first, with the accuracies and losses of a run.
    fn lines(accuracy: f64, loss: f64) -> (usize, String) {
        let values = || [("test_accuracy", accuracy), ("test_loss", loss)].into_iter().collect();
        let record = |step| Record { step, epoch: 1, values: values() };
        let run = Compared { name: "run".into(), records: vec![record(0), record(10)] };
        let loss = Curve { factor: 100.0, ranges: vec![[0.0, 100.0]], ..Curve::of("loss") };
        let (shapes, _) = comparison(&[run], &[Curve::of("accuracy"), loss], "test");
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
