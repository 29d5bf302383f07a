//! EMNIST, <https://www.nist.gov/itl/products-and-services/emnist-dataset>: six sets in the format of MNIST, of which two
//! have the ten digits. Its images are stored column by column, so that they come out transposed.

use super::idx::{COLS, ROWS};

/// The splits of the ten digits: 240,000 + 40,000 images, and 60,000 + 10,000.
pub(super) const DIGITS: [&str; 2] = ["digits", "mnist"];
/// The splits with letters.
pub(super) const LETTERS: [&str; 4] = ["balanced", "byclass", "bymerge", "letters"];

/// The name of a split's file, from that of MNIST's: `emnist-digits-test-images-idx3-ubyte`.
pub(super) fn file_name(split: &str, mnist: &str) -> String {
    format!("emnist-{split}-{}", mnist.replacen("t10k", "test", 1))
}

/// Transposes each image, in place.
pub(super) fn turn_upright(images: &mut [u8]) {
    const { assert!(ROWS == COLS) };
    for image in images.chunks_exact_mut(ROWS * COLS) {
        for row in 0..ROWS {
            for col in 0..row {
                image.swap(row * COLS + col, col * COLS + row);
            }
        }
    }
}
