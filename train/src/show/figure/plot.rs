//! A plot's grid, curves and bands.

use super::colours::{GRID, MUTED, SMALL, TRAIN};
use crate::show::shape::{Anchor, Colour, Place, Shape};

/// Draws a plot's grid and labels, of steps up to `steps` and values from `low` to `high`; gives the point of a step and a value in it.
pub fn plot(
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
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    // Of a range of nothing there are none, of one of foreign numbers not too many.
    let count = if step > 0.0 && last >= first { (last - first).min(20.0) as usize + 1 } else { 0 };
    (0..count).map(move |i| (first + i as f64) * step)
}

/// Three digits that count.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".into();
    } else if !(1e-6..1e6).contains(&size) {
        return format!("{value:.0e}");
    }
    let digits = (2 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A curve, cut where it leaves the range from `low` to `high`.
pub(super) fn curve(
    shapes: &mut Vec<Shape>,
    point: &impl Fn(f64, f64) -> (f64, f64),
    all: &[(f64, f64)],
    high: f64,
    (colour, width): (Colour, f64),
) {
    for piece in pieces_below(high, all) {
        let points: Vec<_> = piece.into_iter().map(|(step, value)| point(step, value)).collect();
        if points.len() > 1 {
            shapes.push(Shape::Line { points, width, colour });
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

/// The distributions of a kind of values over the steps.
pub(super) fn bands(shapes: &mut Vec<Shape>, place: Place, all: &[(f64, [f64; 8])], steps: f64) {
    let low = all.iter().map(|(_, e)| e[0]).fold(f64::INFINITY, f64::min);
    let high = all.iter().map(|(_, e)| e[7]).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return;
    }
    let margin = if high > low { (high - low) * 0.05 } else { 0.1 };
    let point = plot(shapes, place, [steps, low - margin, high + margin]);
    for (band, opacity) in [0.18, 0.25, 0.35, 0.5].into_iter().enumerate() {
        let line = |edge: usize| all.iter().map(move |(step, edges)| (*step, edges[edge]));
        let points = line(band).chain(line(7 - band).rev()).map(|(step, value)| point(step, value)).collect();
        shapes.push(Shape::Area { points, colour: TRAIN, opacity });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            [0.0, 0.2, 1.0, 95.5, 100.0, -0.25, 0.00125, 4e9].map(number),
            ["0", "0.2", "1", "95.5", "100", "-0.25", "0.00125", "4e9"]
        );
    }
}
