//! A contact sheet: many small images on one page, to look at a data set with one's own eyes.

/// Pixels along each side of an image.
const SIDE: usize = 28;
/// Every pixel becomes a square of this side, large enough to see.
const ZOOM: usize = 2;
/// Unzoomed size of the cell of one image: the image, its label below, a margin.
const CELL: (usize, usize) = (SIDE + 2, SIDE + 8);
/// Grey of the printed labels.
const LABEL: u8 = 128;

/// The numerals 0 to 9 on 3 x 5 pixels: a row in each three bits, the top row first.
const NUMERALS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

/// Lays images of 28 x 28 grey pixels out in rows of `columns`, each twice as large with its label in small
/// print below, and returns the sheet's width, height and `width * height` grey pixels, row by row.
///
/// `images` holds 784 bytes per label. The last row is filled up with black.
///
/// # Panics
///
/// If `images` does not hold 784 bytes per label, or `columns` is 0.
///
/// ```
/// let (images, labels) = mnist::synthetic::digits(0, 7);
/// let (width, height, pixels) = mnist::contact_sheet(&images, &labels, 4);
/// assert_eq!((width, height, pixels.len()), (4 * 60, 2 * 72, 4 * 60 * 2 * 72));
/// ```
#[track_caller]
pub fn contact_sheet(images: &[u8], labels: &[u8], columns: usize) -> (usize, usize, Vec<u8>) {
    let bytes = images.len();
    assert!(
        bytes == labels.len() * SIDE * SIDE,
        "contact_sheet: {bytes} bytes of images for {} labels: each image must be {SIDE} x {SIDE} bytes",
        labels.len()
    );
    assert!(columns > 0, "contact_sheet: 0 columns: there must be at least one");
    let (width, height) = (columns * CELL.0 * ZOOM, labels.len().div_ceil(columns) * CELL.1 * ZOOM);
    let mut sheet = vec![0; width * height];
    for (i, (image, label)) in images.chunks_exact(SIDE * SIDE).zip(labels).enumerate() {
        let (left, top) = (i % columns * CELL.0 + 1, i / columns * CELL.1 + 1);
        let mut put = |x: usize, y: usize, grey: u8| {
            for row in 0..ZOOM {
                let start = ((top + y) * ZOOM + row) * width + (left + x) * ZOOM;
                sheet[start..start + ZOOM].fill(grey);
            }
        };
        for (at, &grey) in image.iter().enumerate() {
            put(at % SIDE, at / SIDE, grey);
        }
        for (place, numeral) in label.to_string().bytes().map(|c| NUMERALS[usize::from(c - b'0')]).enumerate()
        {
            for (y, row) in numeral.into_iter().enumerate() {
                for x in (0..3).filter(|x| row >> (2 - x) & 1 == 1) {
                    put(4 * place + x, SIDE + 1 + y, LABEL);
                }
            }
        }
    }
    (width, height, sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_stands_in_its_cell_above_its_label() {
        let images: Vec<u8> = [10, 20, 30].into_iter().flat_map(|grey| [grey; SIDE * SIDE]).collect();
        let (width, height, sheet) = contact_sheet(&images, &[1, 7, 230], 2);
        assert_eq!((width, height), (120, 144));
        let at = |x: usize, y: usize| sheet[y * width + x];
        assert_eq!([at(2, 2), at(57, 57), at(62, 2), at(117, 57), at(2, 74)], [10, 10, 20, 20, 30]);
        assert_eq!(
            [at(0, 0), at(58, 2), at(2, 58), at(90, 100)],
            [0; 4],
            "margins and the missing image are black"
        );
        // The top rows of 1 and 7, of which the first is blank at the left.
        assert_eq!([at(2, 60), at(4, 60), at(62, 60)], [0, LABEL, LABEL]);
        let inked = |columns: std::ops::Range<usize>| columns.filter(|&x| at(x, 132) == LABEL).count();
        assert_eq!([inked(2..8), inked(10..16), inked(18..24)], [6, 6, 6], "230 has three numerals");
    }

    #[test]
    #[should_panic(expected = "783 bytes of images for 1 labels")]
    fn a_missing_byte_is_named() {
        contact_sheet(&[0; 783], &[0], 1);
    }
}
