//! What a pen makes of a path: its width and ink along the way.

use super::curve::Point;
use super::random::Dice;

/// One point of a drawn line.
#[derive(Clone, Copy)]
pub(super) struct Dab {
    /// Where, in pixels.
    pub(super) at: Point,
    /// Half the width of the line, in pixels; 0 where the pen has lost contact.
    pub(super) radius: f32,
}

/// The pen of one image. Lengths are in pixels of the 20 x 20 box that a digit fills.
pub(super) struct Pen {
    /// Half the usual width of the line.
    pub(super) radius: f32,
    /// The darkest it writes, of 255.
    pub(super) ink: f32,
    /// Width of the blurred edge.
    pub(super) softness: f32,
    /// Half the difference between the widths of strokes along and across the nib.
    contrast: f32,
    nib: Point,
    /// How much the width wanders along a stroke.
    unsteady: f32,
    /// How thin the ends become.
    taper: f32,
    /// How far the line trembles.
    tremor: f32,
}

impl Pen {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let thick = dice.unit();
        let angle = dice.between(-1.0, 1.0);
        let norm = (1.0 + angle * angle).sqrt();
        let faint = dice.unit() * dice.unit();
        Self {
            radius: 0.76 + 0.92 * dice.unit() + 0.55 * thick * thick * thick,
            ink: 255.0 * (1.0 - 0.35 * faint * faint * faint * faint),
            softness: dice.between(0.9, 1.3),
            contrast: dice.between(0.0, 0.22),
            nib: [1.0 / norm, angle / norm],
            unsteady: dice.between(0.03, 0.15),
            taper: dice.between(0.0, 0.45),
            tremor: dice.between(0.02, 0.09),
        }
    }

    /// Draws along a path in pixels.
    pub(super) fn draw(&self, path: &[Point], dice: &mut Dice) -> Vec<Dab> {
        let last = path.len().saturating_sub(1);
        let (mut width, mut shake_x, mut shake_y) = (Drift::new(dice), Drift::new(dice), Drift::new(dice));
        let skip = dice.chance(0.02).then(|| dice.below(path.len() as u32) as usize);
        let blot = dice.chance(0.03).then(|| dice.below(path.len() as u32) as usize);
        (0..path.len())
            .map(|i| {
                let (from, to) = (path[i.saturating_sub(1)], path[(i + 1).min(last)]);
                let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
                let along =
                    (dx * self.nib[0] + dy * self.nib[1]).abs() / (dx * dx + dy * dy).sqrt().max(1e-6);
                let from_end = (i.min(last - i) as f32 / 6.0).min(1.0);
                let mut radius = self.radius
                    * (1.0 + self.contrast * (1.0 - 2.0 * along))
                    * (1.0 + self.unsteady * width.next(dice))
                    * (1.0 - self.taper * (1.0 - from_end));
                if skip == Some(i) {
                    radius = 0.0;
                }
                if blot.is_some_and(|b| i.abs_diff(b) < 2) {
                    radius *= 1.5;
                }
                let [x, y] = path[i];
                Dab {
                    at: [x + self.tremor * shake_x.next(dice), y + self.tremor * shake_y.next(dice)],
                    radius,
                }
            })
            .collect()
    }
}

/// A speck of dirt somewhere around the digit.
pub(super) fn speck(dice: &mut Dice) -> Vec<Dab> {
    let at = [dice.between(4.0, 24.0), dice.between(4.0, 24.0)];
    let end = [0, 1].map(|c| at[c] + dice.between(-1.0, 1.0));
    let radius = dice.between(0.3, 0.8);
    vec![Dab { at, radius }, Dab { at: end, radius }]
}

/// A random number that changes slowly, as muscles do: an autoregressive process of variance 1.
struct Drift(f32);

impl Drift {
    fn new(dice: &mut Dice) -> Self {
        Self(dice.normal())
    }

    fn next(&mut self, dice: &mut Dice) -> f32 {
        self.0 = 0.8 * self.0 + 0.6 * dice.normal();
        self.0
    }
}
