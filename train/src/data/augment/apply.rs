//! What is drawn for a picture, and done to it.

use super::affine::{Affine, Motion};
use super::change::Picture;
use super::elastic::Elastic;
use super::settings::Augment;
use nn::{DType, Rng, Tensor};

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
