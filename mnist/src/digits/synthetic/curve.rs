//! Smooth pen paths through a few points.

/// A point or a displacement: x to the right, y down.
pub(super) type Point = [f32; 2];

/// Points sampled on each span between two knots.
const SAMPLES: usize = 6;

/// The uniform Catmull-Rom spline through `knots` as a polyline. A knot that is repeated is a corner.
pub(super) fn catmull_rom(knots: &[Point]) -> Vec<Point> {
    let mut line = Vec::with_capacity(knots.len() * SAMPLES + 1);
    line.extend(knots.first());
    for (i, span) in knots.windows(2).enumerate() {
        let (from, to) = (span[0], span[1]);
        if from == to {
            continue;
        }
        let before = knots[i.saturating_sub(1)];
        let after = knots[(i + 2).min(knots.len() - 1)];
        line.extend((1..=SAMPLES).map(|k| {
            let t = k as f32 / SAMPLES as f32;
            [0, 1].map(|c| {
                let (a, b, c, d) = (before[c], from[c], to[c], after[c]);
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            })
        }));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_through_its_knots() {
        let knots = [[0.0, 0.0], [1.0, 0.5], [1.0, 2.0], [0.0, 3.0]];
        let line = catmull_rom(&knots);
        assert_eq!(line.len(), 3 * SAMPLES + 1);
        for (i, knot) in knots.iter().enumerate() {
            let point = line[i * SAMPLES];
            assert!(
                (point[0] - knot[0]).abs() < 1e-6 && (point[1] - knot[1]).abs() < 1e-6,
                "{point:?} {knot:?}"
            );
        }
    }

    #[test]
    fn a_repeated_knot_is_a_corner() {
        let line = catmull_rom(&[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]);
        assert_eq!(line.len(), 2 * SAMPLES + 1);
        assert!(line[..=SAMPLES].iter().all(|p| p[1] == 0.0), "the first leg is straight: {line:?}");
        assert!(line[SAMPLES..].iter().all(|p| p[0] == 1.0), "and so is the second: {line:?}");
    }
}
