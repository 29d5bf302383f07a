//! What is changed of pictures, and how much.

/// Changes of pictures, drawn for each anew: so that a model learns what does not matter. What is drawn is a function of the seed, the epoch
/// and the element's number alone: the same whatever batch it is in, and in whatever order and on however many threads batches are made.
/// Each change draws from a stream of its own, so that one more does not alter the others.
///
/// A picture is moved first, all motions in one map, so that it is resampled once (bilinearly): the pixel at q, (x, y) with y downwards,
/// is that of the picture at
///
/// p = c + R⁻¹ F (q + o − c − t) / s + d(q)
///
/// where c is the picture's centre, t the [shift](Augment::shift), R the [rotation](Augment::rotate), s the [scale](Augment::scale), F the
/// [reflection](Augment::flip), o the [crop](Augment::crop)'s corner and d the [elastic](Augment::elastic) displacement. Then
/// [noise](Augment::noise) is added, and then it is [normalized](Augment::normalize). A motion by whole pixels keeps their bits.
///
/// ```
/// use nn::{DType, Tensor};
/// use train::Augment;
///
/// let augment = Augment::new(7).shift(2.0).rotate(15.0).scale(0.9, 1.1).elastic(8.0, 3.0).noise(0.05);
/// let images = Tensor::ones([2, 28, 28, 1], DType::F32);
/// let changed = augment.apply(&images, &[0, 1], 0);
/// assert_eq!(changed.shape(), images.shape());
/// // Element 1 is the same alone, and another in the next epoch.
/// assert_eq!(augment.apply(&images.narrow(0, 1, 1), &[1], 0), changed.narrow(0, 1, 1));
/// assert_ne!(augment.apply(&images, &[0, 1], 1), changed);
/// ```
#[derive(Clone, Debug)]
pub struct Augment {
    pub(super) seed: u64,
    pub(super) shift: f64,
    /// In degrees.
    pub(super) rotate: f64,
    pub(super) scale: [f64; 2],
    pub(super) flip: bool,
    pub(super) crop: Option<Crop>,
    /// α and σ.
    pub(super) elastic: Option<[f64; 2]>,
    pub(super) noise: f64,
    pub(super) fill: f32,
    /// Mean and deviation of each channel.
    pub(super) normal: Option<[Vec<f32>; 2]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Crop {
    pub(super) size: [usize; 2],
    pub(super) padding: usize,
}

impl Augment {
    /// Nothing is changed, until something is asked for.
    pub fn new(seed: u64) -> Augment {
        Augment {
            seed,
            shift: 0.0,
            rotate: 0.0,
            scale: [1.0; 2],
            flip: false,
            crop: None,
            elastic: None,
            noise: 0.0,
            fill: 0.0,
            normal: None,
        }
    }

    /// Moves along x and along y by uniform numbers of pixels in [−`pixels`, `pixels`).
    ///
    /// # Panics
    /// If it is negative or no number.
    #[track_caller]
    #[must_use]
    pub fn shift(self, pixels: f64) -> Augment {
        check("shift", &[pixels], pixels >= 0.0);
        Augment { shift: pixels, ..self }
    }

    /// Turns about the centre by a uniform angle in [−`degrees`, `degrees`), counterclockwise where it is positive.
    ///
    /// # Panics
    /// If it is negative or no number.
    #[track_caller]
    #[must_use]
    pub fn rotate(self, degrees: f64) -> Augment {
        check("rotate", &[degrees], degrees >= 0.0);
        Augment { rotate: degrees, ..self }
    }

    /// Enlarges about the centre by a uniform factor in [`low`, `high`).
    ///
    /// # Panics
    /// If `low` is not above 0, or `high` is below it.
    #[track_caller]
    #[must_use]
    pub fn scale(self, low: f64, high: f64) -> Augment {
        check("scale", &[low, high], low > 0.0 && high >= low);
        Augment { scale: [low, high], ..self }
    }

    /// Reflects half of the pictures, drawn at random, left to right.
    #[must_use]
    pub fn flip(self) -> Augment {
        Augment { flip: true, ..self }
    }

    /// Takes `[height, width]` pixels at a place drawn uniformly from those in the picture with `padding` around it: with the picture's own
    /// size and a padding of 4, say, whole pixels of shift. Pictures that are not to be changed are cropped in their middle.
    ///
    /// # Panics
    /// If it has no pixels; where it is applied, if it is larger than the picture with its padding.
    #[track_caller]
    #[must_use]
    pub fn crop(self, size: [usize; 2], padding: usize) -> Augment {
        assert!(size.iter().all(|&pixels| pixels > 0), "augment: crop: {size:?} is no size of pictures");
        Augment { crop: Some(Crop { size, padding }), ..self }
    }

    /// Bends: pixels are displaced along x and y by α times uniform numbers in [−1, 1), smoothed by a Gaussian of standard deviation σ
    /// pixels, which is cut off at 3 σ. For digits of 28 by 28 pixels α 34 and σ 4 are known to be good (P. Simard, D. Steinkraus,
    /// J. Platt: Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis, 2003).
    ///
    /// # Panics
    /// If α is negative, or σ not above 0.
    #[track_caller]
    #[must_use]
    pub fn elastic(self, alpha: f64, sigma: f64) -> Augment {
        check("elastic", &[alpha, sigma], alpha >= 0.0 && sigma > 0.0);
        Augment { elastic: Some([alpha, sigma]), ..self }
    }

    /// Adds to each number one of the normal distribution with mean 0 and this standard deviation.
    ///
    /// # Panics
    /// If it is negative or no number.
    #[track_caller]
    #[must_use]
    pub fn noise(self, std: f64) -> Augment {
        check("noise", &[std], std >= 0.0);
        Augment { noise: std, ..self }
    }

    /// What lies around a picture, 0 unless given.
    #[must_use]
    pub fn fill(self, value: f32) -> Augment {
        Augment { fill: value, ..self }
    }

    /// Makes (x − mean) / std of each number, with the mean and the standard deviation of its channel. That is done with pictures that
    /// are not to be changed, too.
    ///
    /// # Panics
    /// If there are not as many of both, or a deviation is not above 0; where it is applied, if there are not as many as channels.
    #[track_caller]
    #[must_use]
    pub fn normalize(self, mean: &[f32], std: &[f32]) -> Augment {
        if mean.len() != std.len() || !std.iter().all(|std| *std > 0.0) {
            panic!(
                "augment: normalize: means {mean:?} and deviations {std:?}: there must be one of each for every channel, the latter above 0"
            );
        }
        Augment { normal: Some([mean.to_vec(), std.to_vec()]), ..self }
    }
}

#[track_caller]
fn check(name: &str, numbers: &[f64], holds: bool) {
    if !holds || !numbers.iter().all(|x| x.is_finite()) {
        panic!("augment: {name}: {numbers:?} has no meaning; see its documentation for what has");
    }
}
