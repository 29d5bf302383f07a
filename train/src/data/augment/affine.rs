//! Shift, rotation, scale, reflection and crop as one map.

use nn::Tensor;

/// Where the pixels of the result come from: p = M q + b, with places (x, y), x to the right and y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// M, row by row.
    matrix: [[f64; 2]; 2],
    /// b.
    offset: [f64; 2],
}

/// What is done to a picture of a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    /// Counterclockwise, in radians.
    pub(super) angle: f64,
    pub(super) scale: f64,
    /// To the right, and downwards.
    pub(super) shift: [f64; 2],
    pub(super) flip: bool,
    /// Where the result's first pixel lies in the changed picture.
    pub(super) corner: [f64; 2],
}

impl Affine {
    /// The inverse of p ↦ c + t + F R s (p − c), then cropped at o: p = c + R⁻¹ F (q + o − c − t) / s, where c is the picture's centre,
    /// t the shift, s the scale, R the rotation and F the reflection.
    pub(super) fn of(motion: Motion, [height, width]: [usize; 2]) -> Affine {
        let Motion { angle, scale, shift, flip, corner } = motion;
        // The library's own functions: the same on every system.
        let [cos, sin] = [Tensor::from(angle).cos().item(), Tensor::from(angle).sin().item()];
        let sign = if flip { -1.0 } else { 1.0 };
        let matrix = [[sign * cos / scale, -sin / scale], [sign * sin / scale, cos / scale]];
        let centre = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
        let from = [0, 1].map(|axis| corner[axis] - centre[axis] - shift[axis]);
        let offset = [0, 1].map(|row| centre[row] + (matrix[row][0] * from[0] + matrix[row][1] * from[1]));
        Affine { matrix, offset }
    }

    /// The place that the pixel at (x, y) comes from.
    pub(super) fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [0, 1].map(|row| self.matrix[row][0] * x + self.matrix[row][1] * y + self.offset[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    const STILL: Motion = Motion { angle: 0.0, scale: 1.0, shift: [0.0; 2], flip: false, corner: [0.0; 2] };

    #[test]
    fn each_motion_alone_moves_as_its_name_says() {
        let from = |motion: Motion, x: f64, y: f64| Affine::of(motion, [4, 7]).at(x, y);
        // To the bit, so that pictures that are only reflected and cropped keep their pixels.
        assert_eq!(from(STILL, 5.0, 2.0), [5.0, 2.0]);
        assert_eq!(from(Motion { flip: true, ..STILL }, 5.0, 2.0), [1.0, 2.0]);
        assert_eq!(from(Motion { corner: [2.0, -3.0], flip: true, ..STILL }, 1.0, 3.0), [3.0, 0.0]);
        // What is moved to the right comes from the left.
        assert_eq!(from(Motion { shift: [1.5, -1.0], ..STILL }, 5.0, 2.0), [3.5, 3.0]);
        assert_eq!(from(Motion { scale: 2.0, ..STILL }, 5.0, 3.5), [4.0, 2.5]);
        // A quarter turn counterclockwise: what is now above the centre, at (3, 1.5), was to its right.
        let [x, y] = from(Motion { angle: FRAC_PI_2, ..STILL }, 3.0, 0.5);
        assert!((x - 4.0).abs() < 1e-12 && (y - 1.5).abs() < 1e-12, "{x} {y}");
    }

    /// The map's definition, forwards: from where the map says a pixel comes from, it goes to where the pixel is.
    #[test]
    fn all_motions_together_are_the_inverse_of_what_is_done() {
        let rng = &mut nn::Rng::new(5);
        for _ in 0..100 {
            let mut number = |low: f64, high: f64| low + (high - low) * rng.unit();
            let motion = Motion {
                angle: number(-3.0, 3.0),
                scale: number(0.5, 2.0),
                shift: [number(-4.0, 4.0), number(-4.0, 4.0)],
                flip: number(0.0, 1.0) < 0.5,
                corner: [number(-4.0, 4.0), number(-4.0, 4.0)],
            };
            let (qx, qy) = (number(0.0, 20.0), number(0.0, 20.0));
            let [x, y] = Affine::of(motion, [9, 12]).at(qx, qy);
            let (cx, cy) = (5.5, 4.0);
            let (dx, dy) = (motion.scale * (x - cx), motion.scale * (y - cy));
            // Upwards is −y.
            let (sin, cos) = motion.angle.sin_cos();
            let (rx, ry) = (dx * cos + dy * sin, -dx * sin + dy * cos);
            let rx = if motion.flip { -rx } else { rx };
            let [tx, ty] = motion.shift;
            let [ox, oy] = motion.corner;
            assert!(
                (cx + tx + rx - ox - qx).abs() < 1e-9 && (cy + ty + ry - oy - qy).abs() < 1e-9,
                "{motion:?}"
            );
        }
    }
}
