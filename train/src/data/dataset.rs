//! Data of which any elements can be had by their numbers.

use super::DataError;
use nn::Tensor;
use std::sync::Arc;

/// Elements that are asked for by number, in batches (PyTorch's map-style `Dataset`).
///
/// ```
/// use nn::{DType, Tensor};
/// use train::{DataError, Dataset};
///
/// /// Numbers and their squares, computed as they are needed.
/// struct Squares(usize);
///
/// impl Dataset for Squares {
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
///         let x: Vec<f32> = indices.iter().map(|&i| i as f32).collect();
///         let x = Tensor::from(x.as_slice());
///         Ok(vec![x.clone(), x.square()])
///     }
/// }
/// assert_eq!(Squares(10).batch(&[2, 5]).unwrap()[1], Tensor::from([4.0_f32, 25.0]));
/// ```
pub trait Dataset: Send + Sync {
    /// How many elements there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements with these indices, one after the other: a tensor for each part of an element (image, label), whose first axis is
    /// the batch's.
    ///
    /// # Errors
    /// If they cannot be read.
    ///
    /// # Panics
    /// If an index is not below [`len`](Dataset::len).
    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError>;

    /// The elements as they are in this epoch, counted from 0: what a [`Loader`](crate::Loader) asks for. The same as in any other, unless
    /// they are made anew in each ([`Augmented`](crate::Augmented)); then they are a function of epoch and index, so that a run that is
    /// resumed gets them again.
    ///
    /// # Errors
    /// As [`batch`](Dataset::batch).
    ///
    /// # Panics
    /// As [`batch`](Dataset::batch).
    fn batch_in_epoch(&self, indices: &[usize], epoch: usize) -> Result<Vec<Tensor>, DataError> {
        let _ = epoch;
        self.batch(indices)
    }

    /// The elements as [`batch`](Dataset::batch) gives them, or as they are in an epoch, into the tensors of an earlier batch: a data set
    /// may write over them instead of making new ones.
    ///
    /// # Errors
    /// As [`batch`](Dataset::batch).
    ///
    /// # Panics
    /// As [`batch`](Dataset::batch).
    fn batch_into(
        &self,
        indices: &[usize],
        epoch: Option<usize>,
        parts: &mut Vec<Tensor>,
    ) -> Result<(), DataError> {
        *parts = match epoch {
            Some(epoch) => self.batch_in_epoch(indices, epoch)?,
            None => self.batch(indices)?,
        };
        Ok(())
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    fn len(&self) -> usize {
        (**self).len()
    }
    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        (**self).batch(indices)
    }
    fn batch_in_epoch(&self, indices: &[usize], epoch: usize) -> Result<Vec<Tensor>, DataError> {
        (**self).batch_in_epoch(indices, epoch)
    }
    fn batch_into(
        &self,
        indices: &[usize],
        epoch: Option<usize>,
        parts: &mut Vec<Tensor>,
    ) -> Result<(), DataError> {
        (**self).batch_into(indices, epoch, parts)
    }
}

/// Tensors in memory, element by element along their first axes (PyTorch's `TensorDataset`).
///
/// ```
/// use nn::Tensor;
/// use train::{Dataset, TensorDataset};
///
/// let points = Tensor::from([[0.0_f32, 0.0], [1.0, 0.0], [0.0, 1.0]]);
/// let data = TensorDataset::new([points.clone(), Tensor::from([0_i64, 1, 1])])?;
/// let batch = data.batch(&[2, 0])?;
/// assert_eq!(batch[0], Tensor::from([[0.0_f32, 1.0], [0.0, 0.0]]));
/// assert_eq!(batch[1], Tensor::from([1_i64, 0]));
/// assert!(TensorDataset::new([points, Tensor::from([0_i64, 1])]).is_err());
/// # Ok::<(), train::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorDataset {
    parts: Vec<Tensor>,
    len: usize,
}

impl TensorDataset {
    /// The elements of these tensors.
    ///
    /// # Errors
    /// If there are no tensors, or their first axes differ.
    pub fn new(parts: impl Into<Vec<Tensor>>) -> Result<TensorDataset, DataError> {
        let parts: Vec<Tensor> = parts.into();
        let lens: Vec<Option<usize>> = parts.iter().map(|part| part.shape().first().copied()).collect();
        match lens.first() {
            Some(&Some(len)) if lens.iter().all(|other| *other == Some(len)) => {
                Ok(TensorDataset { parts, len })
            }
            _ => {
                let shapes = parts.iter().map(|part| part.shape().to_string()).collect();
                Err(DataError::Lengths { shapes })
            }
        }
    }

    /// The tensors.
    pub fn parts(&self) -> &[Tensor] {
        &self.parts
    }
}

impl Dataset for TensorDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        let indices: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
        let indices = Tensor::from(indices.as_slice());
        Ok(self.parts.iter().map(|part| part.index_select(0, &indices)).collect())
    }
}
