//! The digits as data to train on.

use super::{Dataset, Split};
use nn::{DType, Tensor};
use std::sync::Arc;

/// The images to train on or to test with, as [`train::Dataset`]: a batch is `[n, 28, 28, 1]` images from 0 to 1, and their labels.
///
/// ```
/// use mnist::data::{Dataset, Half, Source, Split};
/// use mnist::synthetic;
/// use train::Dataset as _;
///
/// let (images, labels) = synthetic::digits(1, 5);
/// let digits = Split { images, labels, rows: 28, cols: 28 };
/// let data = Dataset { train: digits.clone(), test: digits, source: Source::Synthetic { seed: 1 } };
/// let batch = Half::train(&data.into()).batch(&[3, 0])?;
/// assert_eq!(batch[0].shape(), [2, 28, 28, 1]);
/// # Ok::<(), train::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Half {
    data: Arc<Dataset>,
    of: fn(&Dataset) -> &Split,
}

impl Half {
    /// The images to train on.
    pub fn train(data: &Arc<Dataset>) -> Half {
        Half { data: data.clone(), of: |data| &data.train }
    }

    /// The images to test with.
    pub fn test(data: &Arc<Dataset>) -> Half {
        Half { data: data.clone(), of: |data| &data.test }
    }

    fn split(&self) -> &Split {
        (self.of)(&self.data)
    }
}

impl train::Dataset for Half {
    fn len(&self) -> usize {
        self.split().len()
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, train::DataError> {
        let mut parts = vec![];
        self.batch_into(indices, None, &mut parts).map(|()| parts)
    }

    fn batch_into(
        &self,
        indices: &[usize],
        _: Option<usize>,
        parts: &mut Vec<Tensor>,
    ) -> Result<(), train::DataError> {
        let split = self.split();
        let shape = [indices.len(), split.rows, split.cols, 1];
        if parts.first().is_none_or(|images| *images.shape() != shape) {
            *parts = vec![Tensor::zeros(shape, DType::F32), Tensor::zeros([indices.len()], DType::I64)];
        }
        split.gather_images(indices, parts[0].as_mut_slice());
        split.gather_labels(indices, parts[1].as_mut_slice());
        Ok(())
    }
}
