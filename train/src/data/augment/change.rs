//! One picture, resampled.

use super::affine::Affine;

/// A picture, its pixels row by row: `[height, width, channels]`.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a> {
    pub(super) pixels: &'a [f32],
    pub(super) size: [usize; 2],
    pub(super) channels: usize,
    /// What lies around it.
    pub(super) fill: f32,
}

impl Picture<'_> {
    /// Writes the picture as `map` and the displacements along x and y, if there are some, move its pixels, of `size` pixels. It is
    /// resampled once, bilinearly.
    pub(super) fn moved(
        &self,
        map: &Affine,
        displacements: Option<&[Vec<f64>; 2]>,
        size: [usize; 2],
        out: &mut [f32],
    ) {
        for (place, out) in out.chunks_exact_mut(self.channels).enumerate() {
            let (row, column) = (place / size[1], place % size[1]);
            let mut from = map.at(column as f64, row as f64);
            if let Some([x, y]) = displacements {
                from = [from[0] + x[place], from[1] + y[place]];
            }
            self.sample(from, out);
        }
    }

    /// The pixel at a place between pixels: with (a, b) its fraction, (1−a)(1−b) p₀₀ + a (1−b) p₁₀ + (1−a) b p₀₁ + a b p₁₁.
    #[inline]
    fn sample(&self, [x, y]: [f64; 2], out: &mut [f32]) {
        let (left, top) = (floor(x), floor(y));
        let (a, b) = ((x - left as f64) as f32, (y - top as f64) as f32);
        let step = self.channels;
        // All four are inside, as nearly always.
        if let (Some(row), Some(column)) = (self.inside(top, 0), self.inside(left, 1)) {
            let upper = &self.pixels[(row * self.size[1] + column) * step..][..2 * step];
            let lower = &self.pixels[((row + 1) * self.size[1] + column) * step..][..2 * step];
            for (channel, out) in out.iter_mut().enumerate() {
                let upper = between(upper[channel], upper[step + channel], a);
                let lower = between(lower[channel], lower[step + channel], a);
                *out = between(upper, lower, b);
            }
            return;
        }
        let corners = [(left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)];
        let pixels = corners.map(|(x, y)| self.pixel(x, y));
        for (channel, out) in out.iter_mut().enumerate() {
            let [p00, p10, p01, p11] = pixels.map(|pixel| pixel.map_or(self.fill, |pixel| pixel[channel]));
            *out = between(between(p00, p10, a), between(p01, p11, a), b);
        }
    }

    /// The number of a row or column that has another behind it.
    #[inline]
    fn inside(&self, place: i64, axis: usize) -> Option<usize> {
        usize::try_from(place).ok().filter(|&place| place + 1 < self.size[axis])
    }

    /// A pixel, unless it lies outside.
    fn pixel(&self, x: i64, y: i64) -> Option<&[f32]> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        let [height, width] = self.size;
        (x < width && y < height).then(|| &self.pixels[(y * width + x) * self.channels..][..self.channels])
    }
}

/// The largest whole number that is not above `x`: what is far outside is far outside, and what is no number at 0.
#[inline]
fn floor(x: f64) -> i64 {
    const FAR: f64 = (1_i64 << 52) as f64;
    let whole = x.clamp(-FAR, FAR) as i64;
    if whole as f64 > x { whole - 1 } else { whole }
}

/// The first, where nothing of the second is asked for, whatever that is.
#[inline]
fn between(p: f32, q: f32, share: f32) -> f32 {
    if share == 0.0 { p } else { p + (q - p) * share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_those_of_f64() {
        for x in [-3.0, -2.5, -0.0, 0.0, 0.25, 7.999, 8.0, -1e-300, 1e15 + 0.5, -1e15 - 0.5] {
            assert_eq!(floor(x), f64::floor(x) as i64, "{x}");
        }
    }

    #[test]
    fn a_place_between_pixels_has_their_mean_by_distance() {
        let pixels = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 5.0, 50.0, 8.0, 80.0, 13.0, 130.0];
        let picture = Picture { pixels: &pixels, size: [2, 3], channels: 2, fill: -1.0 };
        let at = |x: f64, y: f64| {
            let mut out = [0.0; 2];
            picture.sample([x, y], &mut out);
            out
        };
        assert_eq!(at(1.0, 1.0), [8.0, 80.0]);
        assert_eq!(at(0.5, 0.0), [1.5, 15.0]);
        assert_eq!(at(1.25, 0.5), [(2.25 + (8.0 + 0.25 * 5.0)) / 2.0, (22.5 + 92.5) / 2.0]);
        // Half a pixel outside: half of what lies around.
        assert_eq!(at(2.5, 1.0), [6.0, 64.5]);
        assert_eq!(at(-7.0, 0.0), [-1.0, -1.0]);
        for far in [f64::MAX, f64::MIN, f64::INFINITY] {
            assert!(at(far, 0.0).iter().all(|x| *x == -1.0 || x.is_nan()), "{far}");
        }
        assert!(at(f64::NAN, 0.0)[0].is_nan());
        // At a pixel its neighbours do not matter.
        let infinite = Picture { pixels: &[1.0, f32::INFINITY], size: [1, 2], channels: 1, fill: f32::NAN };
        let mut out = [0.0];
        infinite.sample([0.0, 0.0], &mut out);
        assert_eq!(out, [1.0]);
    }
}
