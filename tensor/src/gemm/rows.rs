//! Where the rows of a result are.

/// Where a row of the result begins: in `a`, and in the result.
#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) a: usize,
    pub(super) out: usize,
}

/// The rows of the result, line after line of a grid: the pixels of an image, or just the rows of a matrix in one line.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// How many there are.
    pub(crate) count: usize,
    /// How many in a line.
    pub(crate) width: usize,
    /// Where in `a` the first begins, and how far on the next line and the next in a line do.
    pub(crate) a: [usize; 3],
    /// The same in the result.
    pub(crate) out: [usize; 3],
}

impl Rows {
    /// The rows of a matrix, so far apart.
    pub(crate) fn of_matrix(count: usize, a: usize, out: usize) -> Rows {
        Rows { count, width: count.max(1), a: [0, 0, a], out: [0, 0, out] }
    }

    #[inline(always)]
    pub(super) fn at(&self, line: usize, place: usize) -> Row {
        let of = |[first, by_line, by_place]: [usize; 3]| first + line * by_line + place * by_place;
        Row { a: of(self.a), out: of(self.out) }
    }

    /// Writes a tile's rows, from place `place` of line `line` on; the last one again for those that are missing.
    pub(super) fn tile(&self, [line, place]: [usize; 2], tile: &mut [Row]) {
        let mut row = self.at(line, place);
        let (mut line, mut place) = (line, place);
        // As nearly always: all in one line.
        let end = place + tile.len();
        if end <= self.width && line * self.width + end <= self.count {
            for to in tile {
                *to = row;
                row = Row { a: row.a + self.a[2], out: row.out + self.out[2] };
            }
            return;
        }
        for to in tile {
            *to = row;
            if line * self.width + place + 1 < self.count {
                place += 1;
                if place == self.width {
                    (line, place) = (line + 1, 0);
                }
                row = self.at(line, place);
            }
        }
    }

    /// The farthest beginnings: that of the last row, or of the last in the line before.
    pub(super) fn farthest(&self) -> Row {
        let last = self.count.max(1) - 1;
        let (line, place) = (last / self.width, last % self.width);
        let end = self.at(line, place);
        let before = if line > 0 { self.at(line - 1, self.width - 1) } else { end };
        Row { a: end.a.max(before.a), out: end.out.max(before.out) }
    }
}
