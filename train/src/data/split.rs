//! Parts of a data set: to train on, to choose by, to test with.

use super::{DataError, Dataset};
use nn::{DType, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Some elements of a data set.
#[derive(Clone, Debug)]
pub struct Subset<D> {
    data: Arc<D>,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The elements with these indices, in this order.
    ///
    /// # Panics
    /// If an index is not below the length.
    #[track_caller]
    pub fn new(data: Arc<D>, indices: Vec<usize>) -> Subset<D> {
        let len = data.len();
        if let Some(wrong) = indices.iter().find(|&&i| i >= len) {
            panic!("subset: there is no element {wrong} among {len}");
        }
        Subset { data, indices }
    }

    /// Where the elements are in the whole.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    fn of_whole(&self, indices: &[usize]) -> Vec<usize> {
        indices.iter().map(|&i| self.indices[i]).collect()
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        self.data.batch(&self.of_whole(indices))
    }

    fn batch_in_epoch(&self, indices: &[usize], epoch: usize) -> Result<Vec<Tensor>, DataError> {
        self.data.batch_in_epoch(&self.of_whole(indices), epoch)
    }
}

/// Cuts a data set into parts of these shares, 0.8, 0.1 and 0.1 say, of elements drawn by `seed`; every element is in one part
/// (PyTorch's `random_split`).
///
/// ```
/// use nn::{DType, Tensor};
/// use train::{Dataset, TensorDataset};
///
/// let data = TensorDataset::new([Tensor::arange(0.0, 10.0, 1.0, DType::F32)])?;
/// let [train, test] = train::split(data, [0.8, 0.2], 42)?;
/// assert_eq!((train.len(), test.len()), (8, 2));
/// # Ok::<(), train::DataError>(())
/// ```
///
/// # Errors
/// If a share is negative or no number, or they are not 1 together.
pub fn split<D: Dataset, const N: usize>(
    data: D,
    shares: [f64; N],
    seed: u64,
) -> Result<[Subset<D>; N], DataError> {
    let all = (0..data.len()).collect();
    Ok(of_parts(data, cut(vec![all], shares, seed)?))
}

/// As [`split`], with the share of each class the same in every part, as far as numbers allow. `labels` has the class of each element.
///
/// ```
/// use nn::Tensor;
/// use train::TensorDataset;
///
/// let labels = Tensor::from([0_i64, 0, 0, 0, 1, 1]);
/// let data = TensorDataset::new([labels.clone()])?;
/// let [train, test] = train::split_stratified(data, &labels, [0.5, 0.5], 1)?;
/// let ones = |part: &[usize]| part.iter().filter(|&&i| i >= 4).count();
/// assert_eq!((ones(train.indices()), ones(test.indices())), (1, 1));
/// # Ok::<(), train::DataError>(())
/// ```
///
/// # Errors
/// As [`split`], or if `labels` is not a class number for each element.
pub fn split_stratified<D: Dataset, const N: usize>(
    data: D,
    labels: &Tensor,
    shares: [f64; N],
    seed: u64,
) -> Result<[Subset<D>; N], DataError> {
    if labels.dtype() != DType::I64 || *labels.shape() != [data.len()] {
        return Err(DataError::Split(format!(
            "the labels are {} {}; there must be an i64 for each of the {} elements",
            labels.dtype(),
            labels.shape(),
            data.len()
        )));
    }
    let mut classes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (i, class) in labels.to_vec::<i64>().into_iter().enumerate() {
        classes.entry(class).or_default().push(i);
    }
    Ok(of_parts(data, cut(classes.into_values().collect(), shares, seed)?))
}

fn of_parts<D: Dataset, const N: usize>(data: D, parts: [Vec<usize>; N]) -> [Subset<D>; N] {
    let data = Arc::new(data);
    parts.map(|indices| Subset { data: data.clone(), indices })
}

/// Cuts each class by the shares; what rounding leaves over in one class is made up for in the next.
fn cut<const N: usize>(
    classes: Vec<Vec<usize>>,
    shares: [f64; N],
    seed: u64,
) -> Result<[Vec<usize>; N], DataError> {
    let sum: f64 = shares.iter().sum();
    let are_shares = shares.iter().all(|share| *share >= 0.0) && (sum - 1.0).abs() < 1e-9;
    if !are_shares {
        return Err(DataError::Split(format!("the shares {shares:?} must be 0 or above, and 1 together")));
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut parts: [Vec<usize>; N] = std::array::from_fn(|_| vec![]);
    let mut seen = 0;
    for mut class in classes {
        class.shuffle(&mut rng);
        seen += class.len();
        let (mut rest, mut share, mut before) = (class.as_slice(), 0.0, 0);
        for (i, part) in parts.iter_mut().enumerate() {
            share += shares[i];
            // Of all elements seen, so many belong to the parts up to this one.
            let wanted = if i + 1 == N { seen } else { ((share * seen as f64).round() as usize).min(seen) };
            before += part.len();
            let n = wanted.saturating_sub(before).min(rest.len());
            let (here, others) = rest.split_at(n);
            part.extend(here);
            before += n;
            rest = others;
        }
        // What could not be placed, since earlier parts have more than their share.
        if let Some(last) = parts.last_mut() {
            last.extend(rest);
        }
    }
    parts.iter_mut().for_each(|part| part.shuffle(&mut rng));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorDataset;

    fn numbers(n: usize) -> TensorDataset {
        TensorDataset::new([Tensor::arange(0.0, n as f64, 1.0, DType::F64)]).unwrap()
    }

    #[test]
    fn every_element_is_in_one_part() {
        for n in [0, 1, 2, 3, 10, 101] {
            let parts = split(numbers(n), [0.7, 0.2, 0.1], 3).unwrap();
            let mut all: Vec<usize> = parts.iter().flat_map(|part| part.indices().to_vec()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            assert!(parts[0].len().abs_diff(n * 7 / 10) <= 1, "{n}: {}", parts[0].len());
        }
    }

    #[test]
    fn each_class_has_its_share_in_every_part() {
        let classes: Vec<i64> = (0..1000).map(|i| if i % 10 == 0 { 7 } else { i % 3 }).collect();
        let labels = Tensor::from(classes.as_slice());
        let parts = split_stratified(numbers(1000), &labels, [0.6, 0.2, 0.2], 1).unwrap();
        for class in [0, 1, 2, 7] {
            let all = classes.iter().filter(|&&c| c == class).count() as f64;
            for (part, share) in parts.iter().zip([0.6, 0.2, 0.2]) {
                let here = part.indices().iter().filter(|&&i| classes[i] == class).count() as f64;
                assert!((here - share * all).abs() <= 1.0, "class {class}: {here} of {all} for {share}");
            }
        }
        let mut all: Vec<usize> = parts.iter().flat_map(|part| part.indices().to_vec()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn classes_of_one_element_are_spread() {
        let labels = Tensor::arange(0.0, 100.0, 1.0, DType::I64);
        let [train, test] = split_stratified(numbers(100), &labels, [0.75, 0.25], 9).unwrap();
        assert_eq!((train.len(), test.len()), (75, 25));
    }

    #[test]
    fn shares_that_are_none_are_refused() {
        for shares in [[0.5, 0.6], [-0.5, 1.5], [f64::NAN, 1.0], [0.0, 0.0]] {
            let message = split(numbers(4), shares, 0).unwrap_err().to_string();
            assert!(message.contains("1 together"), "{message}");
        }
        let labels = Tensor::from([0_i64]);
        assert!(
            split_stratified(numbers(4), &labels, [1.0], 0)
                .unwrap_err()
                .to_string()
                .contains("each of the 4")
        );
    }
}
