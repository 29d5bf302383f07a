//! Where things are in the figure of the six panels.

use super::Run;
use super::shape::{Anchor, Colour, Shape};
use crate::digits::data::{Dataset, Split};
use crate::watch::event::{Digits, StepRecord};

/// Size of the figure.
pub(crate) const SIZE: (usize, usize) = (1200, 760);

pub(super) const TEXT: Colour = [32, 36, 42];
const MUTED: Colour = [115, 122, 132];
const GRID: Colour = [220, 223, 227];
pub(crate) const PAPER: Colour = [255; 3];
pub(crate) const TRAIN: Colour = [63, 127, 193];
pub(crate) const TEST: Colour = [208, 86, 27];
/// What misrecognised digits lie on, and what marks them.
pub(crate) const WRONG: Colour = [255, 157, 148];
pub(crate) const WRONG_MARK: Colour = [179, 38, 30];
pub(super) const SMALL: f64 = 11.0;

/// Left, top, width and height.
pub(super) type Place = [f64; 4];

/// The six panels of a run, without sheets of digits where the digits are not at hand.
pub(crate) fn panels(run: &Run<'_>, data: Option<&Dataset>) -> Vec<Shape> {
    let last = run.steps.last();
    let mut shapes = vec![heading(run)];
    let place = |panel: usize| {
        let (column, row) = (panel % 3, panel / 3);
        [10.0 + 397.0 * column as f64, 76.0 + 346.0 * row as f64, 380.0, 312.0]
    };
    let steps = last.map_or(1, |record| record.step.max(1)) as f64;
    let titles = run.histograms.last().map(|h| h.titles.clone()).unwrap_or_default();
    let names =
        ["accuracy", "cross-entropy loss × 100", "training digits", &titles[0], &titles[1], "test digits"];
    for (panel, name) in names.into_iter().enumerate() {
        let [x, y, ..] = place(panel);
        shapes.push(Shape::text((x, y - 14.0), Anchor::Start, name, 13.0, TEXT));
    }
    for (panel, name) in [(0, "training, thick: test"), (1, "training, thick: test")] {
        let [x, y, w, _] = place(panel);
        shapes.push(Shape::text((x + w - 6.0, y - 14.0), Anchor::End, name, SMALL, MUTED));
    }
    let scale = |factor: f64| move |value: Option<f64>| value.map(|v| v * factor);
    curves(&mut shapes, place(0), run, [steps, 0.0, 1.0], &|record| {
        [record.train_accuracy, record.test.map(|test| test.accuracy)]
    });
    curves(&mut shapes, place(1), run, [steps, 0.0, 100.0], &|record| {
        [record.train_loss, record.test.map(|test| test.loss)].map(scale(100.0))
    });
    for which in 0..2 {
        bands(&mut shapes, place(3 + which), run, steps, which);
    }
    if let Some(data) = data {
        if let Some(digits) = run.training {
            let [x, y, _, h] = place(2);
            sheet(&mut shapes, [x + 30.0, y, h, h], digits, &data.train, [10, 10]);
        }
        if let Some(digits) = run.tests {
            let [x, y, w, _] = place(5);
            let within = [x, y, w - 44.0, (w - 44.0) * 25.0 / 40.0];
            sheet(&mut shapes, within, digits, &data.test, [25, 40]);
            axis(&mut shapes, within, digits);
        }
    }
    shapes
}

fn heading(run: &Run<'_>) -> Shape {
    let name = run.start.map_or("", |start| &*start.name);
    let step = run.steps.last().map_or(0, |record| record.step);
    let accuracies = || run.steps.iter().filter_map(|record| record.test.map(|test| test.accuracy));
    let results = match (accuracies().next_back(), accuracies().reduce(f64::max)) {
        (Some(last), Some(best)) => format!(", test accuracy {last:.4}, max {best:.4}"),
        _ => String::new(),
    };
    Shape::text((10.0, 28.0), Anchor::Start, format!("{name}: step {step}{results}"), 16.0, TEXT)
}

/// A plot's grid and labels, and from values to points in it.
pub(super) fn plot(
    shapes: &mut Vec<Shape>,
    [x, y, w, h]: Place,
    [steps, low, high]: [f64; 3],
) -> impl Fn(f64, f64) -> (f64, f64) + use<> {
    let (left, top, width, height) = (x + 44.0, y, w - 50.0, h - 20.0);
    let point = move |step: f64, value: f64| {
        let within = ((value - low) / (high - low)).clamp(0.0, 1.0);
        (left + step / steps * width, top + height * (1.0 - within))
    };
    for value in round_numbers(low, high) {
        let at = point(0.0, value);
        shapes.push(Shape::Line { points: vec![at, (left + width, at.1)], width: 1.0, colour: GRID });
        shapes.push(Shape::text((left - 6.0, at.1 + 4.0), Anchor::End, number(value), SMALL, MUTED));
    }
    for step in round_numbers(0.0, steps) {
        let at = (left + step / steps * width, top + height + 16.0);
        let anchor = if step > steps * 0.97 { Anchor::End } else { Anchor::Middle };
        shapes.push(Shape::text(at, anchor, format!("{step:.0}"), SMALL, MUTED));
    }
    point
}

/// Round numbers that cut a range into about five parts.
fn round_numbers(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let size = (high - low) / 5.0;
    let power = 10_f64.powf(size.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= size * 0.999);
    let step = factor.unwrap_or(10.0) * power;
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(move |i| i as f64 * step)
}

/// Three digits that count.
fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 || value == 0.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn curves(
    shapes: &mut Vec<Shape>,
    place: Place,
    run: &Run<'_>,
    range: [f64; 3],
    values: &dyn Fn(&StepRecord) -> [Option<f64>; 2],
) {
    let point = plot(shapes, place, range);
    for (which, (colour, width)) in [(TRAIN, 1.0), (TEST, 3.0)].into_iter().enumerate() {
        let at = |record: &&StepRecord| values(record)[which].map(|value| (record.step as f64, value));
        let all: Vec<_> = run.steps.iter().filter_map(at).collect();
        for piece in pieces_below(range[2], &all) {
            let points: Vec<_> = piece.into_iter().map(|(step, value)| point(step, value)).collect();
            if points.len() > 1 {
                shapes.push(Shape::Line { points, width, colour });
            }
        }
    }
}

/// What is to be seen of a curve that leaves the plot at its upper edge: drawn along the edge it would be a lie.
fn pieces_below(high: f64, curve: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = vec![vec![]];
    let mut before: Option<(f64, f64)> = None;
    for &(x, y) in curve {
        if let Some((x0, y0)) = before.filter(|&(_, y0)| (y0 > high) != (y > high)) {
            let crossing = x0 + (x - x0) * (high - y0) / (y - y0);
            // From an infinite loss the way is straight down.
            let edge = (if crossing.is_finite() { crossing } else { x }, high);
            pieces.last_mut().expect("there is one from the start").push(edge);
            if y > high {
                pieces.push(vec![]);
            }
        }
        if y <= high {
            pieces.last_mut().expect("there is one from the start").push((x, y));
        }
        before = Some((x, y));
    }
    pieces
}

fn bands(shapes: &mut Vec<Shape>, place: Place, run: &Run<'_>, steps: f64, which: usize) {
    let edges = || run.histograms.iter().map(|h| h.edges[which].map(f64::from));
    let low = edges().map(|e| e[0]).fold(f64::INFINITY, f64::min);
    let high = edges().map(|e| e[7]).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return;
    }
    let margin = if high > low { (high - low) * 0.05 } else { 0.1 };
    let point = plot(shapes, place, [steps, low - margin, high + margin]);
    for (band, opacity) in [0.18, 0.25, 0.35, 0.5].into_iter().enumerate() {
        let line = |edge: usize| {
            run.histograms.iter().map(move |h| (h.step as f64, f64::from(h.edges[which][edge])))
        };
        let points = line(band).chain(line(7 - band).rev()).map(|(step, value)| point(step, value)).collect();
        shapes.push(Shape::Area { points, colour: TRAIN, opacity });
    }
}

/// A sheet of digits, dark on light, those that are wrong on red.
fn sheet(
    shapes: &mut Vec<Shape>,
    within: Place,
    digits: &Digits,
    split: &Split,
    [rows, columns]: [usize; 2],
) {
    let width = columns * split.cols;
    let mut pixels = vec![PAPER; width * rows * split.rows];
    for (i, &index) in digits.indices.iter().enumerate().take(rows * columns) {
        let paper = if i < digits.wrong { WRONG } else { PAPER };
        let (left, top) = (i % columns * split.cols, i / columns * split.rows);
        for (at, &grey) in split.image(index).iter().enumerate() {
            let ink = u32::from(255 - grey);
            let colour = paper.map(|channel| (u32::from(channel) * ink / 255) as u8);
            pixels[(top + at / split.cols) * width + left + at % split.cols] = colour;
        }
    }
    shapes.push(Shape::Picture { within, columns: width, pixels });
    if rows > 10 {
        return;
    }
    let [x, y, w, h] = within;
    let (w, h) = (w / columns as f64, h / rows as f64);
    // Between the tags of neighbours.
    for i in 1..columns {
        let (x, end) = (x + i as f64 * w, y + rows as f64 * h);
        shapes.push(Shape::Line { points: vec![(x, y), (x, end)], width: 1.0, colour: GRID });
    }
    for (i, (label, computed)) in digits.labels.iter().zip(&digits.computed).enumerate().take(rows * columns)
    {
        let (x, y) = (x + (i % columns) as f64 * w, y + (i / columns + 1) as f64 * h - 2.0);
        let colour = if i < digits.wrong { WRONG_MARK } else { MUTED };
        shapes.push(Shape::text((x + 1.0, y), Anchor::Start, label.to_string(), 8.0, colour));
        shapes.push(Shape::text((x + w - 1.0, y), Anchor::End, computed.to_string(), 8.0, colour));
    }
}

/// The share of the test digits that is recognised, beside their sheet: the red area's edge reads it.
fn axis(shapes: &mut Vec<Shape>, [x, y, w, h]: Place, digits: &Digits) {
    let shown = 1000.0 / digits.of as f64;
    for i in 0..=5 {
        let part = f64::from(i) / 5.0;
        let at = (x + w, y + h * part);
        shapes.push(Shape::Line { points: vec![at, (at.0 + 4.0, at.1)], width: 1.0, colour: MUTED });
        let text = format!("{}%", number(100.0 - 100.0 * shown * part));
        shapes.push(Shape::text((at.0 + 7.0, at.1 + 4.0), Anchor::Start, text, SMALL, MUTED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_have_dark_digits_on_paper_and_on_red() {
        let (images, labels) = crate::digits::synthetic::digits(6, 3);
        let split = Split { images, labels, rows: 28, cols: 28 };
        let digits = Digits::new(0, &[0, 1, 2], &[4, 5, 6], &[4, 0, 6], 100);
        let mut shapes = vec![];
        sheet(&mut shapes, [0.0, 0.0, 100.0, 100.0], &digits, &split, [10, 10]);
        let Shape::Picture { columns: 280, pixels, .. } = &shapes[0] else { panic!("{:?}", shapes[0]) };
        // The misrecognised one first; every pixel by its own arithmetic.
        for (cell, image) in [(0, 1), (1, 0), (2, 2)] {
            for y in 0..28 {
                for x in 0..28 {
                    let light = 255 - u32::from(split.images[image * 784 + y * 28 + x]);
                    let paper = if image == 1 { WRONG } else { [255, 255, 255] };
                    let expected = paper.map(|c| (u32::from(c) * light / 255) as u8);
                    assert_eq!(pixels[y * 280 + cell * 28 + x], expected, "digit {image} at {x}, {y}");
                }
            }
        }
        assert_eq!(pixels[5 * 280 + 3 * 28 + 5], [255; 3], "no digit, no ink");
        let tags: Vec<&str> = shapes
            .iter()
            .filter_map(|shape| if let Shape::Text { text, .. } = shape { Some(&**text) } else { None })
            .collect();
        assert_eq!(tags, ["5", "0", "4", "4", "6", "6"]);
    }

    #[test]
    fn a_curve_above_the_plot_is_cut_where_it_leaves_it() {
        let curve = [(0.0, 300.0), (10.0, 50.0), (20.0, 150.0), (30.0, 150.0), (40.0, 50.0)];
        let pieces = pieces_below(100.0, &curve);
        assert_eq!(
            pieces,
            [vec![(8.0, 100.0), (10.0, 50.0), (15.0, 100.0)], vec![(35.0, 100.0), (40.0, 50.0)]]
        );
        let pieces = pieces_below(100.0, &[(0.0, f64::INFINITY), (10.0, 50.0)]);
        assert_eq!(pieces, [vec![(10.0, 100.0), (10.0, 50.0)]]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.2, 1.0, 95.5, 100.0, -0.25].map(number),
            ["0", "0.2", "1", "95.5", "100", "-0.25"]
        );
    }
}
