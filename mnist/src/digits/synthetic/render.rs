//! From pen lines to a grey image, framed as the images of MNIST are: the digit fills a 20 x 20 box, and its
//! centre of mass lies in the middle of 28 x 28 pixels.

use super::curve::Point;
use super::pen::{Dab, Pen};

/// Pixels along each side of an image.
pub(super) const SIDE: usize = 28;

/// Pixels in an image.
pub(super) const PIXELS: usize = SIDE * SIDE;

/// The middle of the frame, in pixels from its upper left corner.
const MIDDLE: f32 = SIDE as f32 / 2.0;

/// Scales and moves the paths, in place, so that a line of the given half width drawn along them fits a
/// square of `size` pixels in the middle of the frame, without changing their proportions.
pub(super) fn fit(paths: &mut [Vec<Point>], size: f32, radius: f32) {
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for point in paths.iter().flatten() {
        for c in 0..2 {
            low[c] = low[c].min(point[c]);
            high[c] = high[c].max(point[c]);
        }
    }
    let extent = (high[0] - low[0]).max(high[1] - low[1]).max(0.1);
    let scale = (size - 2.0 * radius) / extent;
    for point in paths.iter_mut().flatten() {
        *point = [0, 1].map(|c| MIDDLE + scale * (point[c] - (low[c] + high[c]) / 2.0));
    }
}

/// Draws the lines: a pixel is as dark as the line that covers it best, judged by its distance from that
/// line.
pub(super) fn ink(lines: &[Vec<Dab>], pen: &Pen, image: &mut [u8; PIXELS]) {
    let mut cover = [0.0f32; PIXELS];
    for line in lines {
        for span in line.windows(2) {
            cover_span(span[0], span[1], pen.softness, &mut cover);
        }
    }
    for (pixel, cover) in image.iter_mut().zip(cover) {
        *pixel = (pen.ink * cover) as u8;
    }
}

/// Darkens the pixels under the line from one dab to the next, whose width changes evenly on the way.
fn cover_span(from: Dab, to: Dab, softness: f32, cover: &mut [f32; PIXELS]) {
    if from.radius.min(to.radius) <= 0.0 {
        return;
    }
    let reach = from.radius.max(to.radius) + softness / 2.0;
    let pixels = |c: usize| {
        let (low, high) = (from.at[c].min(to.at[c]) - reach, from.at[c].max(to.at[c]) + reach);
        low.max(0.0) as usize..(high.max(0.0) as usize + 1).min(SIDE)
    };
    let [dx, dy] = [0, 1].map(|c| to.at[c] - from.at[c]);
    let length = (dx * dx + dy * dy).max(1e-9);
    for row in pixels(1) {
        let y = row as f32 + 0.5 - from.at[1];
        for column in pixels(0) {
            let x = column as f32 + 0.5 - from.at[0];
            let t = ((x * dx + y * dy) / length).clamp(0.0, 1.0);
            let (ex, ey) = (x - t * dx, y - t * dy);
            let radius = from.radius + t * (to.radius - from.radius);
            let inside = (radius - (ex * ex + ey * ey).sqrt()) / softness + 0.5;
            let pixel = &mut cover[row * SIDE + column];
            *pixel = pixel.max(inside.clamp(0.0, 1.0));
        }
    }
}

/// Moves the image by whole pixels so that its centre of mass comes to lie in the middle of the frame, give
/// or take `offset`, but never so far that ink leaves the frame.
pub(super) fn centre(image: &mut [u8; PIXELS], offset: Point) {
    let mut mass = 0.0;
    let mut moment = [0.0; 2];
    let (mut low, mut high) = ([SIDE; 2], [0; 2]);
    for (i, &pixel) in image.iter().enumerate().filter(|(_, pixel)| **pixel > 0) {
        mass += f32::from(pixel);
        for (c, at) in [i % SIDE, i / SIDE].into_iter().enumerate() {
            moment[c] += f32::from(pixel) * (at as f32 + 0.5);
            low[c] = low[c].min(at);
            high[c] = high[c].max(at);
        }
    }
    if mass == 0.0 {
        return;
    }
    let [right, down] = [0, 1].map(|c| {
        let shift = (MIDDLE + offset[c] - moment[c] / mass).round() as isize;
        shift.clamp(-(low[c] as isize), (SIDE - 1 - high[c]) as isize)
    });
    // Within the clamp only blank pixels wrap around.
    let shift = down * SIDE as isize + right;
    image.rotate_right(shift.rem_euclid(PIXELS as isize) as usize);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::synthetic::random::Dice;

    #[test]
    fn fits_the_square_with_its_proportions() {
        let mut paths = vec![vec![[0.0, 0.0], [2.0, 8.0]], vec![[1.0, 4.0]]];
        fit(&mut paths, 20.0, 2.0);
        assert_eq!(paths, [vec![[12.0, 6.0], [16.0, 22.0]], vec![[14.0, 14.0]]]);
    }

    #[test]
    fn darkness_falls_with_the_distance_from_the_line() {
        let mut pen = Pen::new(&mut Dice::new(0, 0));
        (pen.ink, pen.softness) = (200.0, 1.0);
        let mut image = [0; PIXELS];
        let dab = |x| Dab { at: [x, 10.5], radius: 1.25 };
        ink(&[vec![dab(5.5), dab(20.5)]], &pen, &mut image);
        let column: Vec<u8> = (7..14).map(|row| image[row * SIDE + 12]).collect();
        assert_eq!(column, [0, 0, 150, 200, 150, 0, 0]);
        assert_eq!(image[10 * SIDE + 3], 0, "the line ends at x = 5.5 - 1.25");
    }

    #[test]
    fn centring_moves_all_ink_and_loses_none() {
        for (at, offset, expected) in [
            ((2, 3), [0.0, 0.0], (14, 14)),
            ((25, 27), [0.0, 0.0], (14, 14)),
            ((9, 9), [100.0, -100.0], (SIDE - 2, 0)),
        ] {
            let mut image = [0; PIXELS];
            let (column, row) = at;
            image[row * SIDE + column] = 7;
            image[row * SIDE + column + 1] = 7;
            centre(&mut image, offset);
            let inked: Vec<usize> = (0..PIXELS).filter(|&i| image[i] == 7).collect();
            assert!(inked.len() == 2 && inked[1] == inked[0] + 1, "{inked:?}");
            let (dx, dy) = (inked[0] % SIDE, inked[0] / SIDE);
            assert!(
                dx.abs_diff(expected.0) <= 1 && dy.abs_diff(expected.1) <= 1,
                "({dx}, {dy}), not {expected:?}"
            );
        }
    }
}
