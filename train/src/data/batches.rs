//! Which elements of a data set make up the next batch.

use nn::Tensor;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// Draws batches of indices `0..len` without replacement: within an epoch no index comes twice.
///
/// Each epoch is shuffled anew, the first one too (TensorFlow's `next_batch` gives the first in file order), unless they are taken
/// [in order](Batches::in_order). Where `batch` does not divide `len`, what is left at the end of an epoch is dropped, as `next_batch`
/// does: every batch has the same size, and those left out are others in each epoch; or they are [kept](Batches::keep_last), as a
/// smaller batch.
///
/// The order depends on `seed` alone, so the [position](Batches::position) in it is two numbers. Drawing a batch allocates nothing.
///
/// # Examples
/// ```
/// use train::Batches;
///
/// let mut batches = Batches::new(10, 4, 7)?;
/// assert_eq!(batches.draw().indices.len(), 4);
/// let position = batches.position();
/// let second = batches.draw().indices.to_vec();
/// assert_eq!(batches.draw().epoch, 1); // two indices of epoch 0 were left over
///
/// let mut again = Batches::new(10, 4, 7)?;
/// again.seek(position)?;
/// assert_eq!(again.draw().indices, second);
/// # Ok::<(), train::BatchesError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batches {
    order: Vec<usize>,
    batch: usize,
    next: usize,
    epoch: usize,
    /// `None` if they are taken in order.
    seed: Option<u64>,
    keep_last: bool,
    rng: Xoshiro256PlusPlus,
}

/// One batch: the indices of its elements, and the epoch it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Indices into the data set, all different.
    pub indices: &'a [usize],
    /// How many times the whole data set had been gone through before this batch, from 0.
    pub epoch: usize,
}

impl Batch<'_> {
    /// The indices as a tensor, to [select](Tensor::index_select) rows by.
    ///
    /// ```
    /// use nn::Tensor;
    ///
    /// let rows = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// let mut batches = train::Batches::in_order(3, 2)?;
    /// let batch = rows.index_select(0, &batches.draw().to_tensor());
    /// assert_eq!(batch, Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
    /// # Ok::<(), train::BatchesError>(())
    /// ```
    pub fn to_tensor(self) -> Tensor {
        let indices: Vec<i64> = self.indices.iter().map(|&i| i as i64).collect();
        Tensor::from(indices.as_slice())
    }
}

/// How far [`Batches`] are: all that has to be saved of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The epoch of the last batch.
    pub epoch: usize,
    /// Elements of that epoch that have been drawn.
    pub drawn: usize,
}

/// Why there are no such batches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchesError {
    /// Batches of no elements, or of more than there are.
    #[error("a batch of {batch} out of {len}: choose a batch size from 1 to {len}")]
    Size {
        /// Elements of a batch.
        batch: usize,
        /// Elements of the data set.
        len: usize,
    },
    /// A position that no batch ends at.
    #[error(
        "after {drawn} of {len} elements of an epoch no batch of {batch} ends; is it the position in another data set?"
    )]
    Position {
        /// Elements drawn.
        drawn: usize,
        /// Elements of the data set.
        len: usize,
        /// Elements of a batch.
        batch: usize,
    },
}

impl Batches {
    /// Batches of `batch` out of `len` elements, in the order that `seed` gives.
    ///
    /// # Errors
    /// If `batch` is 0 or larger than `len`.
    pub fn new(len: usize, batch: usize, seed: u64) -> Result<Batches, BatchesError> {
        let mut batches = Batches::in_order(len, batch)?;
        batches.seed = Some(seed);
        batches.rewind();
        Ok(batches)
    }

    /// Batches of `batch` out of `len` elements from the first to the last, epoch after epoch: to evaluate with.
    ///
    /// # Errors
    /// If `batch` is 0 or larger than `len`.
    pub fn in_order(len: usize, batch: usize) -> Result<Batches, BatchesError> {
        if batch == 0 || batch > len {
            return Err(BatchesError::Size { batch, len });
        }
        let rng = Xoshiro256PlusPlus::seed_from_u64(0);
        let order = (0..len).collect();
        Ok(Batches { order, batch, next: 0, epoch: 0, seed: None, keep_last: false, rng })
    }

    /// What is left at the end of an epoch is a smaller batch.
    #[must_use]
    pub fn keep_last(self) -> Batches {
        Batches { keep_last: true, ..self }
    }

    /// Elements in a batch.
    pub fn size(&self) -> usize {
        self.batch
    }

    /// Batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        match self.keep_last {
            true => self.order.len().div_ceil(self.batch),
            false => self.order.len() / self.batch,
        }
    }

    /// The next batch; there is always one.
    pub fn draw(&mut self) -> Batch<'_> {
        let left = self.order.len() - self.next;
        if left == 0 || left < self.batch && !self.keep_last {
            self.shuffle();
            self.next = 0;
            self.epoch += 1;
        }
        let start = self.next;
        self.next = self.order.len().min(start + self.batch);
        Batch { indices: &self.order[start..self.next], epoch: self.epoch }
    }

    /// Where they are.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, drawn: self.next }
    }

    /// Goes to a position of batches like these. It takes as long as the shuffling of the epochs before.
    ///
    /// # Errors
    /// If no batch ends there; then they stay where they are.
    pub fn seek(&mut self, Position { epoch, drawn }: Position) -> Result<(), BatchesError> {
        let (len, batch) = (self.order.len(), self.batch);
        let ends = drawn <= len && drawn % batch == 0 || drawn == len && self.keep_last;
        if !ends {
            return Err(BatchesError::Position { drawn, len, batch });
        }
        self.rewind();
        (0..epoch).for_each(|_| self.shuffle());
        (self.epoch, self.next) = (epoch, drawn);
        Ok(())
    }

    /// Draws up to a position that others like these have come to.
    pub(super) fn go_to(&mut self, position: Position) {
        while self.position() != position {
            self.draw();
        }
    }

    /// Back to the beginning.
    pub(super) fn rewind(&mut self) {
        self.rng = Xoshiro256PlusPlus::seed_from_u64(self.seed.unwrap_or(0));
        (self.epoch, self.next) = (0, 0);
        self.order.iter_mut().enumerate().for_each(|(i, place)| *place = i);
        self.shuffle();
    }

    /// The order of the next epoch.
    fn shuffle(&mut self) {
        if self.seed.is_some() {
            self.order.shuffle(&mut self.rng);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(len: usize, batch: usize, seed: u64, count: usize) -> Vec<Vec<usize>> {
        let mut batches = Batches::new(len, batch, seed).unwrap();
        let mut seen = vec![Vec::new(); count];
        for _ in 0..count * batches.per_epoch() {
            let Batch { indices, epoch } = batches.draw();
            seen[epoch].extend_from_slice(indices);
        }
        assert_eq!(batches.draw().epoch, count, "the next epoch begins when this one has no full batch left");
        seen
    }

    #[test]
    fn an_epoch_has_every_index_once_in_a_new_order() {
        let seen = epochs(1000, 100, 1, 3);
        for epoch in &seen {
            let mut sorted = epoch.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        }
        let file_order: Vec<_> = (0..1000).collect();
        assert_ne!(seen[0], file_order);
        assert_ne!(seen[0], seen[1]);
        assert_ne!(seen[1], seen[2]);
    }

    #[test]
    fn a_remainder_is_dropped_and_differs_between_epochs() {
        let left_out = |epoch: &Vec<usize>| (0..103).filter(|i| !epoch.contains(i)).collect::<Vec<_>>();
        let seen = epochs(103, 20, 1, 3);
        for epoch in &seen {
            assert_eq!((epoch.len(), left_out(epoch).len()), (100, 3));
        }
        assert_ne!(left_out(&seen[0]), left_out(&seen[1]));
    }

    #[test]
    fn a_remainder_that_is_kept_is_a_smaller_batch() {
        let mut batches = Batches::in_order(10, 4).unwrap().keep_last();
        assert_eq!(batches.per_epoch(), 3);
        let drawn: Vec<(Vec<usize>, usize)> = (0..4)
            .map(|_| {
                let Batch { indices, epoch } = batches.draw();
                (indices.to_vec(), epoch)
            })
            .collect();
        let expected = [(0..4, 0), (4..8, 0), (8..10, 0), (0..4, 1)];
        assert_eq!(drawn, expected.map(|(range, epoch)| (range.collect(), epoch)));
    }

    #[test]
    fn the_seed_decides_the_order() {
        assert_eq!(epochs(50, 7, 3, 4), epochs(50, 7, 3, 4));
        assert_ne!(epochs(50, 7, 3, 4), epochs(50, 7, 4, 4));
    }

    #[test]
    fn a_batch_is_at_least_one_element_and_at_most_all() {
        for batch in [0, 11, usize::MAX] {
            let message = Batches::new(10, batch, 0).unwrap_err().to_string();
            assert_eq!(message, format!("a batch of {batch} out of 10: choose a batch size from 1 to 10"));
        }
        assert_eq!(Batches::new(10, 10, 0).unwrap().draw().indices.len(), 10);
    }

    #[test]
    fn from_every_position_the_same_batches_follow() {
        for keep_last in [false, true] {
            let batches = || {
                let batches = Batches::new(23, 5, 3).unwrap();
                if keep_last { batches.keep_last() } else { batches }
            };
            let mut straight = batches();
            for _ in 0..17 {
                let mut other = batches();
                other.draw();
                other.seek(straight.position()).unwrap();
                assert_eq!(other.position(), straight.position());
                assert_eq!(other.draw(), straight.draw());
            }
        }
        let mut batches = Batches::new(23, 5, 3).unwrap();
        for drawn in [1, 23, 25, usize::MAX] {
            let position = Position { epoch: 0, drawn };
            assert!(batches.seek(position).unwrap_err().to_string().contains("another data set"), "{drawn}");
        }
        assert_eq!(batches.position(), Position::default());
    }
}
