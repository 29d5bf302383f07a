//! What is changed of pictures, and how much.

use super::affine::{Affine, Motion};
use super::change::Picture;
use super::elastic::Elastic;
use nn::{DType, Rng, Tensor};

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
    seed: u64,
    shift: f64,
    /// In degrees.
    rotate: f64,
    scale: [f64; 2],
    flip: bool,
    crop: Option<Crop>,
    /// α and σ.
    elastic: Option<[f64; 2]>,
    noise: f64,
    fill: f32,
    /// Mean and deviation of each channel.
    normal: Option<[Vec<f32>; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Crop {
    size: [usize; 2],
    padding: usize,
}

// The streams of random numbers that the changes draw from.
const SHIFT: u64 = 0;
const ROTATE: u64 = 1;
const SCALE: u64 = 2;
const FLIP: u64 = 3;
const CROP: u64 = 4;
const ELASTIC: u64 = 5;
const NOISE: u64 = 6;

/// Writes what becomes of the picture with this place in the batch, of this size.
type ChangeFn<'a> = dyn Fn(usize, Picture<'_>, [usize; 2], &mut [f32]) + 'a;

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

    /// Reflects every other picture, left to right.
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

    /// Pictures, `f32 [n, height, width, channels]`, as they are in this epoch: `elements` has the number of each in its data set.
    ///
    /// # Panics
    /// If the pictures are no such tensor, or there are not as many elements; as [`crop`](Augment::crop) and
    /// [`normalize`](Augment::normalize).
    #[track_caller]
    pub fn apply(&self, images: &Tensor, elements: &[usize], epoch: usize) -> Tensor {
        let shape = images.shape();
        if shape.first() != Some(&elements.len()) {
            panic!("augment: {shape}: there are {} elements", elements.len());
        }
        let elastic = self.elastic.map(|[alpha, sigma]| Elastic::new(alpha, sigma));
        let of_epoch = Rng::stream(self.seed, epoch as u64).bits();
        self.changed(images, &|i, picture, size, out| {
            let of_element = Rng::stream(of_epoch, elements[i] as u64).bits();
            let map = Affine::of(self.motion(of_element, picture.size, size), picture.size);
            let displacements = elastic.as_ref().map(|elastic| {
                let rng = &mut Rng::stream(of_element, ELASTIC);
                [elastic.field(size, rng), elastic.field(size, rng)]
            });
            picture.moved(&map, displacements.as_ref(), size, out);
            if self.noise > 0.0 {
                let rng = &mut Rng::stream(of_element, NOISE);
                out.iter_mut().for_each(|x| *x += (self.noise * rng.normal()) as f32);
            }
        })
    }

    /// Pictures with nothing changed at random: cropped in the middle and normalized, to evaluate with.
    ///
    /// ```
    /// use nn::Tensor;
    /// use train::Augment;
    ///
    /// let augment = Augment::new(7).rotate(15.0).crop([1, 1], 0).normalize(&[0.5], &[0.25]);
    /// let images = Tensor::from([0.0_f32, 1.0, 0.0]).reshape([1, 1, 3, 1]);
    /// assert_eq!(augment.plain(&images).item(), 2.0);
    /// ```
    ///
    /// # Panics
    /// As [`apply`](Augment::apply).
    #[track_caller]
    pub fn plain(&self, images: &Tensor) -> Tensor {
        self.changed(images, &|_, picture, size, out| {
            let padding = self.padding();
            // The middle, or half a pixel above it.
            let corner = [1, 0]
                .map(|axis| ((picture.size[axis] + 2 * padding - size[axis]) / 2) as f64 - padding as f64);
            let motion = Motion { angle: 0.0, scale: 1.0, shift: [0.0; 2], flip: false, corner };
            picture.moved(&Affine::of(motion, picture.size), None, size, out);
        })
    }

    /// What is done to an element.
    fn motion(&self, of_element: u64, [height, width]: [usize; 2], size: [usize; 2]) -> Motion {
        let rng = |stream| Rng::stream(of_element, stream);
        let padding = self.padding();
        let mut shift = rng(SHIFT);
        let mut shift = || self.shift * (2.0 * shift.unit() - 1.0);
        let mut corner = rng(CROP);
        // The same chance for each place, up to 2⁻⁵³.
        let mut corner = |whole: usize, part: usize| {
            ((whole + 2 * padding - part + 1) as f64 * corner.unit()).floor() - padding as f64
        };
        let [low, high] = self.scale;
        Motion {
            angle: self.rotate.to_radians() * (2.0 * rng(ROTATE).unit() - 1.0),
            scale: low + (high - low) * rng(SCALE).unit(),
            shift: [shift(), shift()],
            flip: self.flip && rng(FLIP).bits() & 1 == 1,
            corner: [corner(width, size[1]), corner(height, size[0])],
        }
    }

    fn padding(&self) -> usize {
        self.crop.map_or(0, |crop| crop.padding)
    }

    /// Each picture as `change` writes it, normalized.
    #[track_caller]
    fn changed(&self, images: &Tensor, change: &ChangeFn<'_>) -> Tensor {
        let shape = images.shape();
        let &[n, height, width, channels] = &*shape else {
            panic!("augment: {shape}: pictures are [n, height, width, channels]; reshape them");
        };
        if images.dtype() != DType::F32 {
            panic!("augment: pictures are f32, not {}; convert them", images.dtype());
        }
        let size = self.crop.map_or([height, width], |crop| crop.size);
        let padding = self.padding();
        if size[0] > height + 2 * padding || size[1] > width + 2 * padding {
            panic!(
                "augment: {shape}: a crop of {size:?} is larger than a picture with a padding of {padding}"
            );
        }
        if let Some([mean, _]) = self.normal.as_ref().filter(|[mean, _]| mean.len() != channels) {
            panic!("augment: {shape}: {channels} channels are normalized with {} means", mean.len());
        }
        let images = images.contiguous();
        let mut out = Tensor::zeros([n, size[0], size[1], channels], DType::F32);
        let (before, after) = (height * width * channels, size[0] * size[1] * channels);
        if before == 0 || after == 0 {
            return out;
        }
        let pixels = images.as_slice::<f32>().unwrap_or_default();
        let pairs = pixels.chunks_exact(before).zip(out.as_mut_slice::<f32>().chunks_exact_mut(after));
        for (i, (pixels, out)) in pairs.enumerate() {
            change(i, Picture { pixels, size: [height, width], channels, fill: self.fill }, size, out);
            if let Some([mean, std]) = &self.normal {
                for pixel in out.chunks_exact_mut(channels) {
                    pixel
                        .iter_mut()
                        .zip(mean.iter().zip(std))
                        .for_each(|(x, (mean, std))| *x = (*x - mean) / std);
                }
            }
        }
        out
    }
}

#[track_caller]
fn check(name: &str, numbers: &[f64], holds: bool) {
    if !holds || !numbers.iter().all(|x| x.is_finite()) {
        panic!("augment: {name}: {numbers:?} has no meaning; see its documentation for what has");
    }
}
