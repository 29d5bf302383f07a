//! Losses against numbers computed in plain f64.

use crate::{assert_close, normal};
use nn::loss::{self, Reduction};
use nn::{DType, Graph, Tensor, gradcheck};

fn cross_entropies(logits: &Tensor, shares: &Tensor) -> Vec<f64> {
    let classes = logits.shape()[logits.rank() - 1];
    let (z, t) = (logits.to_vec::<f64>(), shares.to_vec::<f64>());
    z.chunks(classes)
        .zip(t.chunks(classes))
        .map(|(z, t)| {
            let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = z.iter().map(|z| (z - largest).exp()).sum();
            z.iter().zip(t).filter(|(_, t)| **t != 0.0).map(|(z, t)| t * (largest + total.ln() - z)).sum()
        })
        .collect()
}

#[test]
fn softmax_cross_entropy() {
    let logits = normal(&[2, 5, 4], 1) * 3.0;
    let labels = Tensor::from([[0_i64, 3, 2, 2, 1], [1, 1, 0, 3, 3]]);
    let one_hot = labels.one_hot(4, DType::F64);
    let soft = &one_hot * 0.9 + 0.1 / 4.0;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    for (labels, shares) in [(&labels, &one_hot), (&one_hot, &one_hot), (&soft, &soft)] {
        let expected = cross_entropies(&logits, shares);
        let graph = Graph::inference();
        let [z, t] = [&logits, labels].map(|x| graph.input(x.clone()));
        assert_close(&loss::softmax_cross_entropy(z, t).value(), &[mean(&expected)], 1e-13);
        let each = loss::softmax_cross_entropy_with(z, t, Reduction::None);
        assert_eq!(each.shape(), [2, 5]);
        assert_close(&each.value(), &expected, 1e-13);
        let sum = loss::softmax_cross_entropy_with(z, t, Reduction::Sum);
        assert_close(&sum.value(), &[expected.iter().sum()], 1e-13);
    }
    gradcheck::check("labels", std::slice::from_ref(&logits), |g, x| {
        loss::softmax_cross_entropy(x[0], g.constant(labels.clone()))
    })
    .unwrap();
    gradcheck::check("shares", &[logits, soft], |_, x| loss::softmax_cross_entropy(x[0], x[1])).unwrap();
}

#[test]
fn extreme_logits_stay_finite() {
    let logits = Tensor::from([[1e4_f32, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, f32::NEG_INFINITY, 0.0]]);
    let labels = Tensor::from([1_i64, 2, 0]);
    let expected = [2e4, 2.0_f64.ln(), 2.0_f64.ln()];
    for labels in [labels.clone(), labels.one_hot(3, DType::F32)] {
        let graph = Graph::inference();
        let z = graph.input(logits.clone());
        let each = loss::softmax_cross_entropy_with(z, graph.input(labels), Reduction::None);
        assert_close(&each.value(), &expected, 1e-6);
        let [dz] = graph.grad(each.sum(..), [z]);
        assert_close(&dz.value(), &[1.0, -1.0, 0.0, 0.0, 0.5, -0.5, -0.5, 0.0, 0.5], 1e-6);
    }
    let graph = Graph::inference();
    let z = graph.input(Tensor::from([1e4_f32, -1e4, 1e4, -1e4, 0.0]));
    let t = graph.input(Tensor::from([1.0_f32, 0.0, 0.0, 1.0, 0.5]));
    let each = loss::binary_cross_entropy_with_logits_with(z, t, Reduction::None);
    assert_close(&each.value(), &[0.0, 0.0, 1e4, 1e4, 2.0_f64.ln()], 1e-6);
    let [dz] = graph.grad(each.sum(..), [z]);
    assert_close(&dz.value(), &[0.0, 0.0, 1.0, -1.0, 0.0], 1e-6);
}

#[test]
fn elementwise_losses() {
    let (a, b) = (normal(&[4, 3], 1), normal(&[4, 3], 2));
    let t = b.sigmoid();
    let pairs = || a.to_vec::<f64>().into_iter().zip(t.to_vec::<f64>());
    let squares: Vec<f64> = pairs().map(|(a, t)| (a - t).powi(2)).collect();
    let entropies: Vec<f64> = pairs()
        .map(|(z, t)| {
            let p = 1.0 / (1.0 + (-z).exp());
            -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
        })
        .collect();
    let graph = Graph::inference();
    let [x, y] = [&a, &t].map(|x| graph.input(x.clone()));
    assert_close(&loss::mse(x, y).value(), &[squares.iter().sum::<f64>() / 12.0], 1e-14);
    assert_close(&loss::mse_with(x, y, Reduction::None).value(), &squares, 1e-14);
    let bce = loss::binary_cross_entropy_with_logits(x, y);
    assert_close(&bce.value(), &[entropies.iter().sum::<f64>() / 12.0], 1e-14);
    let sum = loss::binary_cross_entropy_with_logits_with(x, y, Reduction::Sum);
    assert_close(&sum.value(), &[entropies.iter().sum()], 1e-14);
    let inputs = [a.clone(), t.clone()];
    gradcheck::check("mse", &inputs, |_, x| loss::mse(x[0], x[1])).unwrap();
    gradcheck::check("bce", &inputs, |_, x| loss::binary_cross_entropy_with_logits(x[0], x[1])).unwrap();
}

#[test]
fn accuracy() {
    let logits = Tensor::from([[0.0_f32, 1.0, 2.0], [5.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 0.0, 9.0]]);
    let labels = Tensor::from([2_i64, 1, 0, 2]);
    assert_eq!(loss::accuracy(&logits, &labels), 0.75, "of equals the first counts");
    assert_eq!(loss::accuracy(&logits, &labels.one_hot(3, DType::F32)), 0.75);
    assert_eq!(loss::accuracy(&logits.reshape([2, 2, 3]), &labels.reshape([2, 2])), 0.75);
}

#[test]
fn a_row_with_nan_is_never_right() {
    let nan = f32::NAN;
    let logits = Tensor::from([[nan, 0.0], [nan, nan], [1.0, nan], [1.0, 0.0]]);
    assert_eq!(loss::accuracy(&logits, &Tensor::from([0_i64, 0, 0, 0])), 0.25);
    assert_eq!(loss::accuracy(&logits, &Tensor::from([1_i64, 1, 1, 0])), 0.25);
}

#[test]
fn empty_batches_have_a_sum() {
    let graph = Graph::inference();
    let logits = graph.input(Tensor::zeros([0, 3], DType::F32));
    let labels = graph.input(Tensor::zeros([0], DType::I64));
    assert_eq!(loss::softmax_cross_entropy_with(logits, labels, Reduction::Sum).item(), 0.0);
}
