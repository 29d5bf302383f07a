//! Batches of data, one after the other.

use super::{Batch, Batches, BatchesError, DataError, Dataset, Position};
use crate::checkpoint::checksum;
use nn::Tensor;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Batches of a data set in the order of [`Batches`], prepared on a thread of its own if asked for (PyTorch's `DataLoader`).
///
/// The order is that of the seed, however many batches are prepared ahead, and the [position](Loader::position) is that of the batch
/// that was handed out last.
///
/// ```
/// use nn::Tensor;
/// use train::{Batches, Loader, TensorDataset};
///
/// let data = TensorDataset::new([Tensor::from([[1.0_f32], [2.0], [3.0]]), Tensor::from([0_i64, 1, 0])])?;
/// let mut loader = Loader::new(data, Batches::in_order(3, 2)?.keep_last()).prefetch(2);
/// assert_eq!(loader.next()?.tensors[0], Tensor::from([[1.0_f32], [2.0]]));
/// assert_eq!(loader.next()?.indices, [2]);
/// assert_eq!(loader.next()?.epoch, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loader<D> {
    data: Arc<D>,
    /// Those that are handed out next.
    batches: Batches,
    /// Batches that are prepared at most.
    ahead: usize,
    prepared: Option<Receiver<Prepared>>,
}

/// A batch and where the batches are after it.
type Prepared = (Result<Loaded, DataError>, Position);

/// A batch of data.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Each part of the elements, images and labels say.
    pub tensors: Vec<Tensor>,
    /// The elements' places in the data set.
    pub indices: Vec<usize>,
    /// How many times the whole data set had been gone through before, from 0.
    pub epoch: usize,
}

fn load<D: Dataset + ?Sized>(data: &D, Batch { indices, epoch }: Batch<'_>) -> Result<Loaded, DataError> {
    Ok(Loaded { tensors: data.batch_in_epoch(indices, epoch)?, indices: indices.to_vec(), epoch })
}

impl<D: Dataset + 'static> Loader<D> {
    /// Batches of `data`, each prepared when it is asked for.
    pub fn new(data: impl Into<Arc<D>>, batches: Batches) -> Loader<D> {
        Loader { data: data.into(), batches, ahead: 0, prepared: None }
    }

    /// Prepares up to so many batches on a thread of its own, while others are trained on.
    #[must_use]
    pub fn prefetch(self, batches: usize) -> Loader<D> {
        Loader { ahead: batches, prepared: None, ..self }
    }

    /// The data.
    pub fn data(&self) -> &D {
        &self.data
    }

    /// Elements in a batch.
    pub fn batch(&self) -> usize {
        self.batches.size()
    }

    /// Batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        self.batches.per_epoch()
    }

    /// The next batch; there is always one.
    ///
    /// # Errors
    /// If the data cannot be read. The next call goes on with the batch after it.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and may fail")]
    pub fn next(&mut self) -> Result<Loaded, DataError> {
        if self.ahead == 0 {
            return load(&*self.data, self.batches.draw());
        }
        let prepared =
            self.prepared.get_or_insert_with(|| prepare(self.data.clone(), self.batches.clone(), self.ahead));
        match prepared.recv() {
            Ok((loaded, position)) => {
                self.batches.go_to(position);
                loaded
            }
            // It panicked, in the data set's code: so does this thread, with the same message.
            Err(_) => load(&*self.data, self.batches.draw()),
        }
    }

    /// The next batch, in place of an earlier one whose room may be used again.
    ///
    /// # Errors
    /// As [`next`](Loader::next).
    pub fn next_into(&mut self, loaded: &mut Loaded) -> Result<(), DataError> {
        if self.ahead > 0 {
            *loaded = self.next()?;
            return Ok(());
        }
        let Batch { indices, epoch } = self.batches.draw();
        loaded.epoch = epoch;
        loaded.indices.clear();
        loaded.indices.extend_from_slice(indices);
        self.data.batch_into(indices, Some(epoch), &mut loaded.tensors)
    }

    /// The batch that the order begins with.
    ///
    /// # Errors
    /// If the data cannot be read.
    pub fn first(&self) -> Result<Loaded, DataError> {
        let mut batches = self.batches.clone();
        batches.rewind();
        load(&*self.data, batches.draw())
    }

    /// A checksum of the first batch's places and content.
    pub(crate) fn first_checksum(&self) -> Result<u32, DataError> {
        let first = self.first()?;
        let mut text: String = first.indices.iter().map(|i| format!("{i} ")).collect();
        text.extend(first.tensors.iter().map(checksum));
        Ok(crc32fast::hash(text.as_bytes()))
    }

    /// Where the batches are: what is saved of a loader.
    pub fn position(&self) -> Position {
        self.batches.position()
    }

    /// Goes to a position of a loader like this.
    ///
    /// # Errors
    /// If no batch ends there.
    pub fn seek(&mut self, position: Position) -> Result<(), BatchesError> {
        self.prepared = None;
        self.batches.seek(position)
    }
}

/// Prepares batches from here on, until nobody takes them any more.
fn prepare<D: Dataset + 'static>(data: Arc<D>, mut batches: Batches, ahead: usize) -> Receiver<Prepared> {
    let (sender, receiver) = sync_channel(ahead);
    // A thread that cannot be had prepares nothing: then each batch is prepared as it is asked for.
    let _ = thread::Builder::new().name("loader".into()).spawn(move || {
        loop {
            let loaded = load(&*data, batches.draw());
            if sender.send((loaded, batches.position())).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorDataset;
    use nn::DType;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn data() -> TensorDataset {
        TensorDataset::new([Tensor::arange(0.0, 23.0, 1.0, DType::F32)]).unwrap()
    }

    fn loader(ahead: usize) -> Loader<TensorDataset> {
        Loader::new(data(), Batches::new(23, 5, 3).unwrap()).prefetch(ahead)
    }

    #[test]
    fn batches_are_the_same_however_many_are_prepared() {
        let mut plain = loader(0);
        let expected: Vec<Loaded> = (0..20).map(|_| plain.next().unwrap()).collect();
        for ahead in [1, 2, 7] {
            let mut loader = loader(ahead);
            for (i, expected) in expected.iter().enumerate() {
                // From any place on, as a run that is resumed.
                if i % 3 == 2 {
                    let position = loader.position();
                    loader = self::loader(ahead);
                    loader.seek(position).unwrap();
                }
                let found = loader.next().unwrap();
                assert_eq!(
                    (&found.tensors, &found.indices),
                    (&expected.tensors, &expected.indices),
                    "{ahead}, {i}"
                );
                assert_eq!(found.epoch, expected.epoch);
            }
        }
    }

    /// Fails once.
    struct Flaky(TensorDataset, AtomicBool);

    impl Dataset for Flaky {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
            match indices.contains(&4) && !self.1.swap(true, Ordering::Relaxed) {
                true => {
                    Err(DataError::Io { file: "disk".into(), error: std::io::ErrorKind::NotFound.into() })
                }
                false => self.0.batch(indices),
            }
        }
    }

    #[test]
    fn data_that_cannot_be_read_is_said_where_its_turn_is() {
        for ahead in [0, 3] {
            let flaky = Flaky(data(), AtomicBool::new(false));
            let mut loader = Loader::new(flaky, Batches::in_order(23, 2).unwrap()).prefetch(ahead);
            let said: Vec<bool> = (0..6).map(|_| loader.next().is_err()).collect();
            assert_eq!(said, [false, false, true, false, false, false]);
        }
    }
}
