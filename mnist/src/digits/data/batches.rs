//! Which images make up the next batch.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::DataError;

/// Draws batches of indices `0..len` without replacement: within an epoch no index comes twice.
///
/// Each epoch is shuffled anew, the first one too (TensorFlow's `next_batch` gives the first in file order). Where
/// `batch` does not divide `len`, what is left at the end of an epoch is dropped, as `next_batch` does: every batch
/// has the same size, and the images left out are others in each epoch.
///
/// The order depends on `seed` alone. Drawing a batch allocates nothing.
///
/// # Examples
/// ```
/// use mnist::data::Batches;
///
/// let mut batches = Batches::new(10, 4, 7)?;
/// assert_eq!(batches.draw().indices.len(), 4);
/// assert_eq!(batches.draw().epoch, 0);
/// assert_eq!(batches.draw().epoch, 1); // two indices of epoch 0 were left over
/// # Ok::<(), mnist::data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batches {
    order: Vec<usize>,
    batch: usize,
    next: usize,
    epoch: usize,
    rng: Xoshiro256PlusPlus,
}

/// One batch: the indices of its images, and the epoch it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Indices into the data set, all different.
    pub indices: &'a [usize],
    /// How many times the whole data set had been gone through before this batch, from 0.
    pub epoch: usize,
}

impl Batches {
    /// Batches of `batch` out of `len` images, in the order that `seed` gives.
    ///
    /// # Errors
    /// [`DataError::BatchSize`] if `batch` is 0 or larger than `len`.
    pub fn new(len: usize, batch: usize, seed: u64) -> Result<Self, DataError> {
        if batch == 0 || batch > len {
            return Err(DataError::BatchSize { batch, len });
        }
        let mut batches = Self {
            order: (0..len).collect(),
            batch,
            next: 0,
            epoch: 0,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        };
        batches.order.shuffle(&mut batches.rng);
        Ok(batches)
    }

    /// Images in a batch.
    pub fn size(&self) -> usize {
        self.batch
    }

    /// The next batch; there is always one.
    pub fn draw(&mut self) -> Batch<'_> {
        if self.order.len() - self.next < self.batch {
            self.order.shuffle(&mut self.rng);
            self.next = 0;
            self.epoch += 1;
        }
        let start = self.next;
        self.next += self.batch;
        Batch { indices: &self.order[start..self.next], epoch: self.epoch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(len: usize, batch: usize, seed: u64, count: usize) -> Vec<Vec<usize>> {
        let mut batches = Batches::new(len, batch, seed).unwrap();
        let mut seen = vec![Vec::new(); count];
        for _ in 0..count * (len / batch) {
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
    fn the_seed_decides_the_order() {
        assert_eq!(epochs(50, 7, 3, 4), epochs(50, 7, 3, 4));
        assert_ne!(epochs(50, 7, 3, 4), epochs(50, 7, 4, 4));
    }

    #[test]
    fn a_batch_is_at_least_one_image_and_at_most_all() {
        for batch in [0, 11, usize::MAX] {
            let message = Batches::new(10, batch, 0).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("a batch of {batch} out of 10 images: choose a batch size from 1 to 10")
            );
        }
        assert_eq!(Batches::new(10, 10, 0).unwrap().draw().indices.len(), 10);
    }
}
