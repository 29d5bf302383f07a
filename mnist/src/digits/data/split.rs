//! Images and their labels.

/// Some labelled images, as bytes: image `i` is `images[i * rows * cols..][..rows * cols]`, row by row from the top
/// left, 0 for background and 255 for full ink, and its label `labels[i]` is the digit, 0 to 9.
///
/// # Examples
/// ```
/// use mnist::data::Split;
///
/// let split = Split { images: vec![0, 255, 0, 9, 10, 11], labels: vec![7, 3], rows: 1, cols: 3 };
/// assert_eq!(split.len(), 2);
/// assert_eq!(split.image(1), [9, 10, 11]);
///
/// let (mut images, mut labels) = (vec![0.0; 3], vec![0]);
/// split.gather_images(&[0], &mut images);
/// split.gather_labels(&[0], &mut labels);
/// assert_eq!((images, labels), (vec![0.0, 1.0, 0.0], vec![7]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The pixels, `len() * rows * cols` of them.
    pub images: Vec<u8>,
    /// The digit that each image shows.
    pub labels: Vec<u8>,
    /// Height of an image in pixels.
    pub rows: usize,
    /// Width of an image in pixels.
    pub cols: usize,
}

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images at all.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of one image: `rows * cols`.
    pub fn pixels(&self) -> usize {
        self.rows * self.cols
    }

    /// The pixels of image `i`.
    ///
    /// # Panics
    /// If there is no image `i`.
    #[track_caller]
    pub fn image(&self, i: usize) -> &[u8] {
        if i >= self.len() {
            panic!("image: there is no image {i}, only {} (counted from 0)", self.len());
        }
        &self.images[i * self.pixels()..][..self.pixels()]
    }

    /// Copies the images with these indices into `out`, one after the other, as numbers from 0 to 1: each byte is
    /// multiplied by 1/255 in single precision, as TensorFlow's `mnist.read_data_sets` does.
    ///
    /// # Panics
    /// If `out` does not hold exactly `indices.len() * pixels()` numbers, or an index is out of range.
    #[track_caller]
    pub fn gather_images(&self, indices: &[usize], out: &mut [f32]) {
        let (count, pixels) = (indices.len(), self.pixels());
        if out.len() != count * pixels {
            panic!(
                "gather_images: {count} images of {pixels} pixels do not fit a buffer of {} numbers",
                out.len()
            );
        }
        const SCALE: f32 = 1.0 / 255.0;
        if let Some(i) = indices.iter().find(|&&i| i >= self.len()) {
            panic!("gather_images: there is no image {i}, only {} (counted from 0)", self.len());
        }
        nn::gather_bytes(&self.images, pixels, indices, SCALE, out);
    }

    /// Copies the labels with these indices into `out`.
    ///
    /// # Panics
    /// If `out` is not as long as `indices`, or an index is out of range.
    #[track_caller]
    pub fn gather_labels(&self, indices: &[usize], out: &mut [i64]) {
        if out.len() != indices.len() {
            panic!("gather_labels: {} labels do not fit a buffer of {}", indices.len(), out.len());
        }
        for (&i, to) in indices.iter().zip(out) {
            let Some(&label) = self.labels.get(i) else {
                panic!("gather_labels: there is no label {i}, only {} (counted from 0)", self.len());
            };
            *to = i64::from(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Split {
        Split { images: (0..=255).collect(), labels: (0..64).map(|i| i % 10).collect(), rows: 2, cols: 2 }
    }

    #[test]
    fn every_byte_is_scaled_and_both_ends_are_exact() {
        let split = split();
        let mut out = vec![f32::NAN; 256];
        split.gather_images(&(0..64).collect::<Vec<_>>(), &mut out);
        assert_eq!((out[0], out[255]), (0.0, 1.0));
        for (byte, &x) in out.iter().enumerate() {
            assert!((f64::from(x) - byte as f64 / 255.0).abs() < 1e-7, "byte {byte} became {x}");
        }
    }

    #[test]
    fn images_and_labels_come_in_the_order_asked_for() {
        let split = split();
        let (mut images, mut labels) = (vec![0.0; 8], vec![0; 2]);
        split.gather_images(&[63, 2], &mut images);
        split.gather_labels(&[63, 2], &mut labels);
        let bytes: Vec<u8> = images.iter().map(|x| (x * 255.0).round() as u8).collect();
        assert_eq!(bytes, [252, 253, 254, 255, 8, 9, 10, 11]);
        assert_eq!(labels, [3, 2]);
    }

    #[test]
    #[should_panic(expected = "2 images of 4 pixels do not fit a buffer of 7 numbers")]
    fn a_buffer_of_the_wrong_length_is_refused() {
        split().gather_images(&[0, 1], &mut [0.0; 7]);
    }

    #[test]
    #[should_panic(expected = "there is no label 64, only 64")]
    fn an_index_out_of_range_is_named() {
        split().gather_labels(&[64], &mut [0]);
    }
}
