//! How people write the ten digits: the strokes of every style, before any hand has deformed them.
//!
//! A stroke is the list of points `x,y` a pen passes through, in percent of the digit's height, x to the
//! right and y down; ` | ` lifts the pen. A smooth curve is drawn through the points; a point written twice
//! is a corner.

use std::sync::LazyLock;

use super::curve::Point;

/// One way to write a digit.
pub(super) struct Style {
    /// How often it is written, relative to the digit's other styles.
    pub(super) weight: u32,
    /// The points of each of the pen's paths, in units of the digit's height.
    pub(super) strokes: Vec<Vec<Point>>,
}

/// The styles of each digit.
pub(super) static STYLES: LazyLock<[Vec<Style>; 10]> =
    LazyLock::new(|| GLYPHS.map(|styles| styles.iter().map(parse).collect()));

fn parse(&(weight, text): &Glyph) -> Style {
    let coordinate = |text: &str| text.parse::<f32>().expect("the glyphs below hold whole numbers") / 100.0;
    let point = |text: &str| {
        let (x, y) = text.split_once(',').expect("the glyphs below are written x,y");
        [coordinate(x), coordinate(y)]
    };
    let strokes = text.split('|').map(|stroke| stroke.split_whitespace().map(point).collect()).collect();
    Style { weight, strokes }
}

/// A weight and the strokes.
type Glyph = (u32, &'static str);

const GLYPHS: [&[Glyph]; 10] = [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

const ZERO: &[Glyph] = &[
    // oval
    (9, "54,2 34,8 17,30 14,60 28,90 50,98 72,86 85,54 78,20 54,2"),
    // round
    (5, "52,2 20,14 3,50 20,86 52,98 84,84 98,50 82,14 52,2"),
    // overlapping ends
    (4, "70,12 46,3 20,24 12,56 28,92 54,97 78,76 84,40 68,10 44,8 30,22"),
    // unclosed
    (2, "66,8 38,5 16,32 14,64 32,95 60,94 82,64 82,30 76,14"),
    // narrow
    (3, "52,1 38,22 32,60 42,94 54,98 66,80 68,36 60,6 46,4"),
    // tail inside
    (2, "40,14 56,2 30,12 15,45 22,85 50,98 76,82 86,45 74,14 56,12 48,26"),
    // slashed
    (1, "52,2 24,16 14,52 28,88 52,98 76,82 85,50 76,16 52,2 | 84,8 50,50 18,94"),
];

const ONE: &[Glyph] = &[
    // bar
    (14, "50,0 50,50 50,100"),
    // leaning bar
    (6, "68,0 52,46 34,100"),
    // serif
    (4, "30,22 52,0 52,0 51,50 50,100"),
    // serif and foot
    (2, "30,20 52,0 52,0 51,50 50,98 | 24,99 52,98 80,99"),
    // hooked
    (2, "36,14 50,4 54,20 52,60 50,100"),
];

const TWO: &[Glyph] = &[
    // plain
    (7, "16,24 30,5 56,2 74,18 68,42 44,70 14,96 14,96 50,95 88,94"),
    // looped
    (6, "18,20 38,3 64,8 68,34 48,66 24,90 10,90 14,76 32,78 58,93 92,92"),
    // small loop
    (3, "14,22 40,2 68,14 62,46 36,76 14,96 10,88 30,86 62,94 94,86"),
    // straight back
    (4, "10,12 42,3 80,8 72,24 40,60 8,94 8,94 50,92 94,96"),
    // wavy foot
    (3, "20,28 26,8 50,0 70,16 60,46 20,90 20,90 40,84 62,94 88,88"),
    // swan
    (2, "26,30 20,14 42,0 66,14 62,44 40,76 10,94 10,94 50,98 84,98"),
];

const THREE: &[Glyph] = &[
    // round
    (8, "18,14 44,1 70,14 66,34 40,46 40,46 70,54 80,76 60,96 34,98 12,86"),
    // flat top
    (4, "18,5 46,4 76,3 76,3 58,24 42,42 42,42 70,50 80,74 62,95 34,98 12,88"),
    // middle loop
    (3, "16,12 46,1 70,14 58,38 38,50 34,42 48,43 76,58 76,84 46,98 14,90"),
    // shallow waist
    (3, "22,8 50,2 70,18 60,40 52,47 66,56 76,76 56,96 20,96"),
    // long tail
    (3, "30,10 58,2 76,16 66,36 46,46 46,46 68,58 64,82 38,95 2,92"),
];

const FOUR: &[Glyph] = &[
    // open
    (7, "24,4 18,30 14,54 14,54 46,56 84,50 | 70,8 66,52 62,98"),
    // open, one stroke
    (5, "20,6 14,32 24,50 50,48 72,28 78,4 78,4 70,50 62,100"),
    // closed
    (4, "66,2 38,34 8,66 8,66 50,64 94,64 | 66,2 64,50 63,98"),
    // closed, one stroke
    (3, "62,100 66,50 70,2 70,2 44,28 18,58 18,58 54,58 92,54"),
    // wide bar
    (3, "36,2 22,30 4,58 4,58 50,56 100,48 | 64,22 56,60 50,98"),
    // slanting hook
    (3, "38,0 28,20 18,44 30,54 56,46 82,36 | 84,4 66,46 46,100"),
];

const FIVE: &[Glyph] = &[
    // one stroke
    (6, "84,4 58,4 32,6 32,6 29,24 26,44 26,44 52,38 76,54 74,82 46,98 12,90"),
    // top apart
    (6, "34,8 30,26 28,44 54,44 76,62 66,88 36,99 10,90 | 36,7 60,5 90,2"),
    // rounded
    (4, "82,6 52,3 32,14 32,34 56,48 74,66 62,92 36,99 12,88"),
    // slanting
    (4, "96,2 70,6 46,8 46,8 40,26 32,44 32,44 56,46 68,64 52,88 26,97 4,88"),
    // long hat, small bowl
    (3, "34,12 32,36 36,48 60,50 68,72 52,95 24,92 | 32,14 64,9 98,8"),
    // angular
    (2, "80,4 52,5 24,4 24,4 24,24 24,46 24,46 50,45 76,50 78,72 70,95 44,97 18,96"),
];

const SIX: &[Glyph] = &[
    // curved stem
    (8, "66,2 40,20 20,52 18,80 36,98 62,92 74,72 62,56 38,62 22,82"),
    // straight stem
    (5, "60,0 42,30 24,62 26,88 48,99 70,84 68,62 46,60 28,78"),
    // small bowl
    (3, "70,0 44,20 22,54 20,86 40,98 60,88 60,72 42,68 24,84"),
    // spiral
    (3, "76,8 50,4 24,26 12,60 26,92 58,98 80,78 70,56 48,54 38,70 48,80"),
    // unclosed bowl
    (2, "60,2 32,26 18,62 28,94 58,96 74,76 62,58 44,58 38,66"),
    // upright
    (2, "40,0 28,30 24,64 34,94 56,98 74,82 66,62 46,60 27,74"),
];

const SEVEN: &[Glyph] = &[
    // plain
    (9, "14,8 48,5 84,4 84,4 66,42 48,98"),
    // barred
    (4, "16,8 50,5 84,4 84,4 64,48 46,98 | 36,52 60,50 84,47"),
    // serif
    (3, "16,24 18,6 18,6 50,7 82,4 82,4 68,44 54,98"),
    // curved
    (5, "14,20 28,6 50,10 80,6 80,6 62,34 52,66 48,98"),
    // round shoulder
    (3, "12,14 40,5 70,8 74,26 62,56 50,98"),
    // steep
    (2, "26,10 46,6 70,4 70,4 64,50 60,100"),
];

const EIGHT: &[Glyph] = &[
    // one stroke
    (7, "70,14 48,1 26,14 34,38 62,58 74,80 52,99 26,84 36,58 62,38 72,16"),
    // open at the top
    (4, "80,10 50,2 28,18 42,42 66,62 68,88 44,99 24,84 40,58 66,34 84,12"),
    // two circles
    (3, "50,2 30,10 28,32 50,46 70,32 70,10 50,2 | 50,46 24,58 22,86 50,99 78,84 76,58 50,46"),
    // slanting
    (4, "82,18 66,2 44,14 46,38 60,60 52,90 30,98 20,80 40,56 68,40 84,22"),
    // begun in the middle
    (2, "50,48 28,28 38,4 64,4 72,26 48,50 24,76 38,98 66,94 74,72 48,46"),
];

const NINE: &[Glyph] = &[
    // straight
    (7, "74,14 50,2 26,18 26,42 48,50 70,34 76,8 76,8 73,50 68,100"),
    // leaning stem
    (5, "78,12 54,2 28,20 26,42 46,46 70,30 80,10 72,38 58,70 42,100"),
    // curled
    (4, "74,18 54,2 28,14 24,38 46,50 70,34 76,12 76,44 68,80 44,98 18,90"),
    // unclosed bowl
    (3, "62,8 40,4 22,24 30,46 54,44 74,16 74,16 70,54 62,100"),
    // round
    (3, "64,44 36,46 20,26 36,4 66,4 78,26 72,58 56,84 38,98"),
    // small bowl
    (2, "70,12 52,4 36,16 38,32 56,34 70,16 68,50 60,100"),
];
