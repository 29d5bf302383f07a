//! Metrics against their definitions, computed another way, over batches of any sizes.

use nn::{DType, Rng, Tensor};
use train::metrics::{ConfusionMatrix, Mean, Regression, RocAuc, TopK};

/// Sizes of batches that add up to `n`.
fn cuts(n: usize, rng: &mut Rng) -> Vec<std::ops::Range<usize>> {
    let (mut cuts, mut start) = (vec![], 0);
    while start < n {
        let end = n.min(start + 1 + (rng.bits() % 40) as usize);
        cuts.push(start..end);
        start = end;
    }
    cuts
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} and {b}");
}

#[test]
fn classes_are_counted_as_defined_in_batches_of_any_size() {
    let rng = &mut Rng::new(1);
    let (n, classes) = (500, 7);
    let scores = Tensor::normal([n, classes], 0.0, 1.0, DType::F32, rng);
    let labels: Vec<i64> = (0..n).map(|_| (rng.bits() % classes as u64).min(5) as i64).collect();
    let (mut matrix, mut other) = (ConfusionMatrix::new(classes), ConfusionMatrix::new(classes));
    let mut tops = [1, 3, 7, 100].map(TopK::new);
    for (i, range) in cuts(n, rng).into_iter().enumerate() {
        let batch = scores.slice(0, range.clone());
        let batch_labels = Tensor::from(&labels[range]);
        if i % 2 == 0 { &mut matrix } else { &mut other }.add(&batch, &batch_labels);
        tops.iter_mut().for_each(|top| top.add(&batch, &batch_labels));
    }
    matrix.merge(&other);
    let rows: Vec<Vec<f32>> = scores.to_vec::<f32>().chunks(classes).map(<[f32]>::to_vec).collect();
    let computed: Vec<i64> = scores.argmax(1).to_vec();
    let pairs: Vec<(i64, i64)> = labels.iter().copied().zip(computed).collect();
    close(matrix.accuracy().unwrap(), pairs.iter().filter(|(a, b)| a == b).count() as f64 / n as f64);
    let mut f1s = vec![];
    for class in 0..classes as i64 {
        let count = |f: &dyn Fn(&(i64, i64)) -> bool| pairs.iter().filter(|pair| f(pair)).count() as f64;
        let right = count(&|&(label, found)| label == class && found == class);
        let (found, there) = (count(&|pair| pair.1 == class), count(&|pair| pair.0 == class));
        let (precision, recall) =
            (if found > 0.0 { right / found } else { 0.0 }, if there > 0.0 { right / there } else { 0.0 });
        close(matrix.precision(class as usize), precision);
        close(matrix.recall(class as usize), recall);
        let f1 = if right > 0.0 { 2.0 / (1.0 / precision + 1.0 / recall) } else { 0.0 };
        close(matrix.f1(class as usize), f1);
        f1s.push(f1);
    }
    close(matrix.macro_f1(), f1s.iter().sum::<f64>() / classes as f64);
    for (top, k) in tops.iter().zip([1, 3, 7, 100]) {
        let is_in = |(row, &label): (&Vec<f32>, &i64)| {
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            order.iter().take(k).any(|&class| class as i64 == label)
        };
        let right = rows.iter().zip(&labels).filter(|pair| is_in(*pair)).count();
        close(top.value().unwrap(), right as f64 / n as f64);
    }
    close(tops[0].value().unwrap(), matrix.accuracy().unwrap());
}

#[test]
fn the_area_is_the_share_of_pairs_in_the_right_order() {
    let rng = &mut Rng::new(2);
    let n = 300;
    // Many equal scores.
    let scores: Vec<f64> = (0..n).map(|_| (rng.bits() % 20) as f64 / 4.0).collect();
    let labels: Vec<i64> = scores.iter().map(|&s| i64::from(s + (rng.bits() % 5) as f64 > 4.0)).collect();
    let (mut auc, mut other) = (RocAuc::default(), RocAuc::default());
    for (i, range) in cuts(n, rng).into_iter().enumerate() {
        let part = if i % 3 == 0 { &mut other } else { &mut auc };
        part.add(&Tensor::from(&scores[range.clone()]), &Tensor::from(&labels[range]));
    }
    auc.merge(&other);
    let (mut right, mut pairs) = (0.0, 0.0);
    for (a, _) in scores.iter().zip(&labels).filter(|(_, label)| **label == 1) {
        for (b, _) in scores.iter().zip(&labels).filter(|(_, label)| **label == 0) {
            pairs += 1.0;
            right += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    close(auc.value().unwrap(), right / pairs);
    assert_eq!(RocAuc::default().value(), None);
}

#[test]
fn errors_are_those_of_all_numbers_together() {
    let rng = &mut Rng::new(3);
    let n = 400;
    let targets = Tensor::normal([n], 1e6, 2.0, DType::F64, rng);
    let predictions = &targets + &Tensor::normal([n], 0.1, 0.7, DType::F64, rng);
    let (mut errors, mut other) = (Regression::default(), Regression::default());
    for (i, range) in cuts(n, rng).into_iter().enumerate() {
        let part = if i % 2 == 0 { &mut errors } else { &mut other };
        part.add(&predictions.slice(0, range.clone()), &targets.slice(0, range));
    }
    errors.merge(&other);
    let difference = &predictions - &targets;
    let (mse, mae) = (difference.square().mean(..).item(), difference.abs().mean(..).item());
    let variance = (&targets - &targets.mean(..)).square().mean(..).item();
    assert!((errors.mse().unwrap() / mse - 1.0).abs() < 1e-12);
    assert!((errors.mae().unwrap() / mae - 1.0).abs() < 1e-12);
    assert!((errors.r2().unwrap() - (1.0 - mse / variance)).abs() < 1e-9);
    assert_eq!((Regression::default().mse(), Regression::default().r2()), (None, None));
}

#[test]
fn small_numbers_beside_large_ones_are_not_lost_from_a_mean() {
    let mut mean = Mean::default();
    mean.add(1e16, 1);
    (0..1000).for_each(|_| mean.add(1.0, 1));
    mean.add(-1e16, 1);
    assert_eq!(mean.value(), Some(1000.0 / 1002.0));
    assert_eq!(Mean::default().value(), None);
    mean.add(f64::INFINITY, 1);
    assert_eq!(mean.value(), Some(f64::INFINITY));
}

/// As with `nn::loss::accuracy`.
#[test]
fn a_row_with_a_nan_is_never_right() {
    let scores = Tensor::from([[f64::NAN, 5.0], [f64::NAN, f64::NAN], [1.0, 0.0], [0.0, f64::NAN]]);
    let labels = Tensor::from([1_i64, 0, 0, 0]);
    let (mut matrix, mut top) = (ConfusionMatrix::new(2), TopK::new(2));
    matrix.add(&scores, &labels);
    top.add(&scores, &labels);
    assert_eq!((matrix.accuracy(), top.value()), (Some(0.25), Some(0.25)));
    assert_eq!(nn::loss::accuracy(&scores, &labels), 0.25);
    assert_eq!((matrix.recall(0), matrix.precision(0), matrix.recall(1)), (1.0 / 3.0, 1.0, 0.0));
}

#[test]
fn what_is_no_score_or_label_is_refused_with_the_shapes() {
    let said = |f: &(dyn Fn() + std::panic::RefUnwindSafe)| {
        let panic = std::panic::catch_unwind(f).unwrap_err();
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    let scores = || Tensor::ones([4, 3], DType::F32);
    let message = said(&|| ConfusionMatrix::new(2).add(&scores(), &Tensor::from([0_i64; 4])));
    assert_eq!(
        message,
        "confusion matrix: the scores are [4, 3]; they must be [n, 2], a row for each element"
    );
    let message = said(&|| ConfusionMatrix::new(3).add(&scores(), &Tensor::from([0_i64; 3])));
    assert_eq!(message, "confusion matrix: the labels are i64 [3]; they must be class numbers, i64 [4]");
    let message = said(&|| ConfusionMatrix::new(3).add(&scores(), &Tensor::from([0_i64, 1, 2, 3])));
    assert_eq!(message, "confusion matrix: there is a label 3, and the classes are 0 to 2");
    let message = said(&|| RocAuc::default().add(&Tensor::from([f64::NAN]), &Tensor::from([1_i64])));
    assert!(message.contains("NaN"), "{message}");
    let message = said(&|| Regression::default().add(&scores(), &Tensor::ones([4, 1], DType::F32)));
    assert!(message.contains("[4, 3] and targets [4, 1]"), "{message}");
}
