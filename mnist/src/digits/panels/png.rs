//! Digits side by side in a PNG file, from which pages cut them out.

use crate::digits::data::Split;

/// Digits in a row of the picture of a training batch.
pub(crate) const TRAINING_COLUMNS: usize = 10;
/// Digits in a row of the picture of all test digits.
pub(crate) const TEST_COLUMNS: usize = 100;

/// The digits at `indices` in rows of `columns`, white on black in 16 shades, which halves the file.
pub(crate) fn png(split: &Split, indices: &[usize], columns: usize) -> Vec<u8> {
    let (width, height) = (columns * split.cols, indices.len().div_ceil(columns).max(1) * split.rows);
    let stride = width.div_ceil(2);
    let mut packed = vec![0_u8; stride * height];
    for (i, &index) in indices.iter().enumerate() {
        let (left, top) = (i % columns * split.cols, i / columns * split.rows);
        for (at, &grey) in split.image(index).iter().enumerate() {
            let (x, y) = (left + at % split.cols, top + at / split.cols);
            packed[y * stride + x / 2] |= (grey >> 4) << (4 * (1 - x % 2));
        }
    }
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Four);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&packed));
    written.expect("a picture of this size can be written to memory");
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_where_the_page_looks_for_it() {
        let (images, labels) = crate::digits::synthetic::digits(5, 9);
        let split = Split { images, labels, rows: 28, cols: 28 };
        let indices = [8, 0, 3, 3, 7];
        let file = png(&split, &indices, 2);
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut packed = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut packed).unwrap();
        assert_eq!((info.width, info.height), (56, 84));
        // Pixel by pixel, each found by its own arithmetic.
        for y in 0..84 {
            for x in 0..56 {
                let cell = (y / 28) * 2 + x / 28;
                let expected =
                    indices.get(cell).map_or(0, |&i| split.images[i * 784 + (y % 28) * 28 + x % 28] / 16);
                let byte = packed[y * 28 + x / 2];
                let found = if x % 2 == 0 { byte / 16 } else { byte % 16 };
                assert_eq!(found, expected, "at {x}, {y}");
            }
        }
    }
}
