//! What a hand does to the shape of a glyph: no two people, and no two attempts, write it alike.

use super::curve::Point;
use super::random::Dice;

/// Nodes of the elastic field along each side of the page.
const NODES: usize = 5;

/// The deformations of one image. They act on points in units of the digit's height, around its middle.
pub(super) struct Hand {
    /// How carelessly this digit is written: most are near the smallest value, a few far above it.
    slop: f32,
    aspect: f32,
    shear: f32,
    /// Cosine and sine of the rotation.
    rotation: [f32; 2],
    /// Sideways arc of the whole digit.
    bend: f32,
    /// How much wider the bottom is than the top.
    taper: f32,
    /// How much lower than usual the middle lies: the size of the upper loop against the lower.
    balance: f32,
    /// The same sideways: which half is the wider one.
    lean: f32,
    /// Displacements at the nodes of a square grid over the page.
    elastic: [[Point; NODES]; NODES],
}

impl Hand {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let careless = dice.unit();
        let slop = 0.65 + 1.25 * careless * careless * careless;
        // Half-angle formulas: an exact rotation without a sine.
        let t = 0.045 * slop * dice.normal();
        let rotation = [(1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)];
        Self {
            slop,
            aspect: (0.88 + 0.16 * dice.normal()).clamp(0.55, 1.2),
            // Right-handed writing leans to the right.
            shear: (0.14 + 0.24 * dice.normal()).clamp(-0.5, 0.65),
            rotation,
            bend: 0.10 * slop * dice.normal(),
            taper: 0.15 * slop * dice.normal(),
            balance: 0.18 * slop * dice.normal(),
            lean: 0.18 * slop * dice.normal(),
            elastic: std::array::from_fn(|_| {
                std::array::from_fn(|_| [0.075 * slop * dice.normal(), 0.075 * slop * dice.normal()])
            }),
        }
    }

    /// The knots of one stroke as this hand aims at them: all moved together a little, then each on its own.
    pub(super) fn aim(&self, stroke: &[Point], dice: &mut Dice) -> Vec<Point> {
        let mut wobble = |amount: f32| [0, 1].map(|_| amount * self.slop * dice.normal());
        let together = wobble(0.025);
        let mut knots: Vec<Point> = Vec::with_capacity(stroke.len() + 1);
        for (i, &knot) in stroke.iter().enumerate() {
            let moved = match knots.last() {
                Some(&corner) if stroke[i - 1] == knot => corner,
                _ => {
                    // The pen starts and ends with less care than it passes.
                    let end = i == 0 || i + 1 == stroke.len();
                    let alone = wobble(if end { 0.028 } else { 0.016 });
                    [0, 1].map(|c| knot[c] + together[c] + alone[c])
                }
            };
            knots.push(moved);
        }
        if dice.chance(0.06) {
            // A hook where the pen leaves for the next digit.
            let end = knots[knots.len() - 1];
            knots.push([end[0] + dice.between(-0.16, 0.16), end[1] + dice.between(-0.14, 0.05)]);
        }
        knots
    }

    /// Where a point of the glyph ends up.
    pub(super) fn place(&self, point: Point) -> Point {
        let [mut x, mut y] = point.map(|c| c - 0.5);
        let dip = |c: f32| (0.25 - c * c).max(0.0);
        y += self.balance * dip(y);
        x += self.lean * dip(x);
        x *= self.aspect * (1.0 + self.taper * 2.0 * y);
        x += self.bend * 2.0 * dip(y);
        x -= self.shear * y;
        let [cos, sin] = self.rotation;
        let [dx, dy] = self.displacement([x, y]);
        [cos * x - sin * y + dx, sin * x + cos * y + dy]
    }

    /// The elastic field at a point, a quadratic B-spline over its nodes: smooth, as in Simard, Steinkraus
    /// and Platt, "Best practices for convolutional neural networks applied to visual document analysis"
    /// (2003).
    fn displacement(&self, point: Point) -> Point {
        let [(column, across), (row, down)] = point.map(|c| {
            let at = ((c + 0.6) / 1.2).clamp(0.0, 0.9999) * (NODES - 2) as f32;
            let t = at - at.floor();
            let weights = [0.5 * (1.0 - t) * (1.0 - t), 0.75 - (t - 0.5) * (t - 0.5), 0.5 * t * t];
            (at as usize, weights)
        });
        let mut sum = [0.0; 2];
        for (nodes, v) in self.elastic[row..].iter().zip(down) {
            for (node, u) in nodes[column..].iter().zip(across) {
                sum = [0, 1].map(|c| sum[c] + u * v * node[c]);
            }
        }
        sum
    }
}
