//! Figures as pixels: shapes are filled on a canvas three times as fine, which is then averaged.

use super::font;
use crate::show::shape::{Colour, Shape};

/// Fine pixels along a side of each pixel.
const FINE: usize = 3;
/// Height of capitals in relation to the size of a text.
const CAPITALS: f64 = 0.75;

/// Draws shapes on white, `zoom` times as large as they are. Gives rows of red, green and blue.
pub(crate) fn raster(shapes: &[Shape], (width, height): (usize, usize), zoom: f64) -> Vec<u8> {
    let scaled = |n: usize| (n as f64 * zoom).round() as usize;
    let (width, height) = (scaled(width), scaled(height));
    let mut canvas = Canvas { width: width * FINE, pixels: vec![[255; 3]; width * height * FINE * FINE] };
    shapes.iter().for_each(|shape| canvas.draw(shape, zoom * FINE as f64));
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let fine = (0..FINE * FINE).map(|i| {
                    let at = (y * FINE + i / FINE) * canvas.width + x * FINE + i % FINE;
                    u32::from(canvas.pixels[at][channel])
                });
                rgb.push((fine.sum::<u32>() / (FINE * FINE) as u32) as u8);
            }
        }
    }
    rgb
}

struct Canvas {
    width: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    fn draw(&mut self, shape: &Shape, zoom: f64) {
        match shape {
            Shape::Area { points, colour, opacity } => {
                let points: Vec<_> = points.iter().map(|(x, y)| (x * zoom, y * zoom)).collect();
                self.fill(&points, *colour, *opacity);
            }
            Shape::Line { points, width, colour } => {
                let points: Vec<_> = points.iter().map(|(x, y)| (x * zoom, y * zoom)).collect();
                points.windows(2).for_each(|ends| self.stroke(ends[0], ends[1], width * zoom, *colour));
            }
            Shape::Text { at: (x, y), anchor, text, size, colour } => {
                let unit = size * zoom * CAPITALS / font::HEIGHT as f64;
                let length = text.chars().count() as f64 * font::ADVANCE as f64 * unit;
                let left = x * zoom - length * [0.0, 0.5, 1.0][*anchor as usize];
                for (i, c) in text.chars().enumerate() {
                    let left = left + i as f64 * font::ADVANCE as f64 * unit;
                    self.glyph(c, left, y * zoom, unit, *colour);
                }
            }
            Shape::Picture { within, columns, pixels } => {
                self.picture(within.map(|v| v * zoom), *columns, pixels);
            }
        }
    }

    /// Fills a polygon line by line, between the edges' crossings in pairs.
    fn fill(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64) {
        let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min).floor().max(0.0);
        let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max).ceil();
        for y in low as usize..(high.max(0.0) as usize).min(self.pixels.len() / self.width) {
            let middle = y as f64 + 0.5;
            let mut crossings: Vec<f64> = points
                .iter()
                .zip(points.iter().cycle().skip(1))
                .filter(|(a, b)| (a.1 <= middle) != (b.1 <= middle))
                .map(|(a, b)| a.0 + (middle - a.1) / (b.1 - a.1) * (b.0 - a.0))
                .collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let edge = |x: f64| (x.round().max(0.0) as usize).min(self.width);
                let row = &mut self.pixels[y * self.width..][..self.width];
                for pixel in &mut row[edge(pair[0])..edge(pair[1])] {
                    *pixel = blended(*pixel, colour, opacity);
                }
            }
        }
    }

    /// A thick line with square ends, long enough that the next one joins without a notch.
    fn stroke(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), width: f64, colour: Colour) {
        let length = (x1 - x0).hypot(y1 - y0).max(1e-9);
        let (dx, dy) = ((x1 - x0) / length * width / 2.0, (y1 - y0) / length * width / 2.0);
        let (x0, y0, x1, y1) = (x0 - dx / 2.0, y0 - dy / 2.0, x1 + dx / 2.0, y1 + dy / 2.0);
        self.fill(
            &[(x0 - dy, y0 + dx), (x0 + dy, y0 - dx), (x1 + dy, y1 - dx), (x1 - dy, y1 + dx)],
            colour,
            1.0,
        );
    }

    fn glyph(&mut self, c: char, left: f64, base: f64, unit: f64, colour: Colour) {
        for (row, bits) in font::glyph(c).into_iter().enumerate() {
            for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                let (x, y) = (left + column as f64 * unit, base + (row as f64 - 7.0) * unit);
                self.fill(&[(x, y), (x + unit, y), (x + unit, y + unit), (x, y + unit)], colour, 1.0);
            }
        }
    }

    fn picture(&mut self, [left, top, width, height]: [f64; 4], columns: usize, pixels: &[Colour]) {
        let rows = pixels.len() / columns;
        for y in top.round() as usize..((top + height).round() as usize).min(self.pixels.len() / self.width) {
            for x in left.round() as usize..((left + width).round() as usize).min(self.width) {
                let part = |at: usize, from: f64, length: f64, count: usize| {
                    (((at as f64 + 0.5 - from) / length * count as f64).max(0.0) as usize).min(count - 1)
                };
                let from = part(y, top, height, rows) * columns + part(x, left, width, columns);
                self.pixels[y * self.width + x] = pixels[from];
            }
        }
    }
}

fn blended(below: Colour, above: Colour, opacity: f64) -> Colour {
    std::array::from_fn(|i| {
        (f64::from(below[i]) * (1.0 - opacity) + f64::from(above[i]) * opacity).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::shape::Anchor;

    #[test]
    fn areas_lines_and_pictures_cover_their_pixels() {
        let red = [200, 0, 0];
        let area = |points: [_; 4], colour, opacity| Shape::Area { points: points.to_vec(), colour, opacity };
        let shapes = [
            area([(1.0, 1.0), (3.0, 1.0), (3.0, 4.0), (1.0, 4.0)], red, 1.0),
            Shape::Line { points: vec![(5.0, 2.5), (9.0, 2.5)], width: 1.0, colour: [0, 0, 255] },
            Shape::Picture { within: [6.0, 4.0, 2.0, 1.0], columns: 2, pixels: vec![[1; 3], [2; 3]] },
            area([(0.0, 5.0), (4.0, 5.0), (4.0, 6.0), (0.0, 6.0)], [0; 3], 0.5),
        ];
        let rgb = raster(&shapes, (10, 6), 1.0);
        let at = |x: usize, y: usize| &rgb[(y * 10 + x) * 3..][..3];
        assert_eq!(
            [at(1, 1), at(2, 3), at(3, 1), at(0, 1), at(1, 4)],
            [&red[..], &red, &[255; 3], &[255; 3], &[255; 3]]
        );
        assert_eq!([at(7, 2), at(7, 1), at(7, 3)], [&[0, 0, 255][..], &[255; 3], &[255; 3]]);
        assert_eq!([at(6, 4), at(7, 4), at(8, 4)], [&[1; 3][..], &[2; 3], &[255; 3]]);
        assert_eq!(at(2, 5), [128; 3]);
        assert_eq!(raster(&shapes, (10, 6), 2.0).len(), 4 * rgb.len());
    }

    #[test]
    fn text_ends_where_it_is_anchored() {
        let text = Shape::text((20.0, 8.0), Anchor::End, "1", 7.0 / CAPITALS, [0; 3]);
        let rgb = raster(&[text], (30, 9), 1.0);
        let inked: Vec<usize> = (0..30).filter(|x| (0..9).any(|y| rgb[(y * 30 + x) * 3] < 128)).collect();
        assert_eq!(inked, [15, 16, 17], "a 1 is three pixels wide, with a gap to the right");
    }
}
