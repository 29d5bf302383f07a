//! Digits side by side in a figure.

use super::read::Digits;
use crate::digits::data::Split;
use train::show::colours::{GRID, MUTED, PAPER, SMALL, WRONG, WRONG_MARK};
use train::show::{Anchor, Place, Shape, number};

/// A sheet of digits, dark on light, those that are wrong on red.
pub(super) fn sheet(
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
pub(super) fn axis(shapes: &mut Vec<Shape>, [x, y, w, h]: Place, digits: &Digits) {
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
    use crate::digits::synthetic;

    #[test]
    fn sheets_have_dark_digits_on_paper_and_on_red() {
        let (images, labels) = synthetic::digits(6, 3);
        let split = Split { images, labels, rows: 28, cols: 28 };
        let digits = Digits::new(&[0, 1, 2], &[4, 5, 6], &[4, 0, 6], 100);
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
}
