//! A data set whose pictures are changed.

use super::settings::Augment;
use crate::data::{DataError, Dataset};
use nn::Tensor;

/// A data set whose first part, pictures `f32 [n, height, width, channels]`, is changed by an [`Augment`]: in each epoch anew for a
/// [`Loader`](crate::Loader), which asks with [`batch_in_epoch`](Dataset::batch_in_epoch). For [`batch`](Dataset::batch), which evaluations
/// ask with, it is only [cropped and normalized](Augment::plain): so one data set can be split into one part to train on and one to
/// test with.
///
/// ```
/// use nn::{DType, Tensor};
/// use train::{Augment, Augmented, Batches, Dataset, Loader, TensorDataset, split};
///
/// let images = Tensor::uniform([10, 8, 8, 1], 0.0, 1.0, DType::F32, &mut nn::Rng::new(1));
/// let data = TensorDataset::new([images.clone(), Tensor::zeros([10], DType::I64)])?;
/// let data = Augmented::new(data, Augment::new(7).shift(1.0).rotate(10.0));
/// assert_eq!(data.batch(&[3])?[0], images.narrow(0, 3, 1));
///
/// let [train, test] = split(data, [0.8, 0.2], 1)?;
/// let mut loader = Loader::new(train, Batches::new(8, 8, 1)?).prefetch(2);
/// let first = loader.next()?; // changed
/// assert_ne!(first.tensors[0], loader.data().batch(&first.indices)?[0]);
/// assert_eq!(first.tensors[0], loader.data().batch_in_epoch(&first.indices, 0)?[0]);
/// # assert_eq!(test.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Augmented<D> {
    data: D,
    augment: Augment,
}

impl<D: Dataset> Augmented<D> {
    /// This data set, its pictures changed so.
    pub fn new(data: D, augment: Augment) -> Augmented<D> {
        Augmented { data, augment }
    }

    /// The data set as it was.
    pub fn data(&self) -> &D {
        &self.data
    }
}

impl<D: Dataset> Dataset for Augmented<D> {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        let mut parts = self.data.batch(indices)?;
        if let Some(images) = parts.first_mut() {
            *images = self.augment.plain(images);
        }
        Ok(parts)
    }

    fn batch_in_epoch(&self, indices: &[usize], epoch: usize) -> Result<Vec<Tensor>, DataError> {
        let mut parts = self.data.batch_in_epoch(indices, epoch)?;
        if let Some(images) = parts.first_mut() {
            *images = self.augment.apply(images, indices, epoch);
        }
        Ok(parts)
    }
}
