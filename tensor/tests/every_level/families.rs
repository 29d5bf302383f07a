//! What is neither convolution nor matrix product, against the definitions of `tensor::reference` in f64.

use crate::levels::{Digest, at_every_level};
use tensor::{DType, Rng, Tensor, kernels, reference};

const EPS: f64 = f32::EPSILON as f64;

/// Every element within `bound(value)` of the definition.
#[track_caller]
fn expect(found: &Tensor, exact: &Tensor, bound: impl Fn(f64) -> f64, digest: &mut Digest) {
    assert_eq!(found.shape(), exact.shape());
    let exact = exact.to_vec::<f64>();
    for (i, (&x, &y)) in found.to_vec::<f32>().iter().zip(&exact).enumerate() {
        let distance = (f64::from(x) - y).abs();
        assert!(distance <= bound(y), "element {i} is {x}, {y} by the definition");
    }
    digest.add(&found.to_vec::<f32>());
}

#[test]
fn follow_the_definition() {
    let (mut rng, mut digest) = (Rng::new(5), Digest::default());
    for shape in [[1, 1, 1], [3, 5, 7], [17, 4, 10], [2, 33, 24], [40, 9, 130], [1, 700, 3]] {
        let rng = &mut rng;
        let x = Tensor::normal(shape, 0.5, 2.0, DType::F32, rng);
        let exact = x.to(DType::F64);
        for axes in [vec![0_isize], vec![1], vec![2], vec![0, 1], vec![0, 1, 2]] {
            let terms = (x.numel() / x.sum_keepdim(axes.clone()).numel()) as f64;
            let magnitude = exact.abs().sum(axes.clone()).max(..).item();
            let sum = reference::sum(&exact, &axes.clone().into());
            expect(&x.sum_keepdim(axes.clone()), &sum, |_| terms * EPS * magnitude, &mut digest);
            let log = reference::logsumexp(&exact, &axes.clone().into());
            expect(&x.logsumexp_keepdim(axes), &log, |y| 2.0 * EPS * y.abs().max(1.0), &mut digest);
        }
        for axis in [0, 1, 2] {
            let (soft, log) = (reference::softmax(&exact, axis), reference::log_softmax(&exact, axis));
            expect(&x.softmax(axis), &soft, |_| 4.0 * EPS, &mut digest);
            expect(&x.log_softmax(axis), &log, |y| 2.0 * EPS * y.abs().max(1.0), &mut digest);
        }
        let rows = x.flatten(1);
        let labels: Vec<i64> = (0..shape[0] as i64).map(|i| i * 7 % (shape[1] * shape[2]) as i64).collect();
        let labels = Tensor::from(labels);
        let losses = reference::softmax_cross_entropy(&rows.to(DType::F64), &labels);
        let bound = |y: f64| 2.0 * EPS * y.abs().max(1.0);
        expect(&rows.softmax_cross_entropy(&labels), &losses, bound, &mut digest);

        let n = (shape[0] * shape[1]) as f64;
        let magnitude = exact.square().max(..).item().max(1.0);
        for (found, exact) in x.moments().iter().zip(&reference::moments(&exact)) {
            expect(found, exact, |_| n * EPS * magnitude, &mut digest);
        }
        let [mean, inv_std, scale, offset] =
            [(); 4].map(|()| Tensor::uniform([shape[2]], 0.5, 2.0, DType::F32, rng));
        let dy = Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
        // Element by element they are the definition, to the bit.
        let y = kernels::normalize(&x, &mean, &inv_std, &scale, &offset);
        assert_eq!(y, reference::normalize(&x, &mean, &inv_std, &scale, &offset));
        let dx = kernels::normalize_grad(&x, &mean, &inv_std, &scale, &offset, &dy);
        assert_eq!(dx, reference::normalize_grad(&x, &mean, &inv_std, &scale, &offset, &dy));
        let sums = kernels::normalize_sums(&x, &mean, &inv_std, &dy);
        let [x, mean, inv_std, dy] = [&x, &mean, &inv_std, &dy].map(|t| t.to(DType::F64));
        let exact = reference::normalize_sums(&x, &mean, &inv_std, &dy);
        let magnitude = reference::normalize_sums(&x, &mean, &inv_std, &dy.abs()).abs().max(..).item()
            + (&dy * (&x - &mean) * &inv_std).abs().sum(..).item();
        expect(&sums, &exact, |_| (n + 3.0) * EPS * magnitude, &mut digest);
    }
    digest.report();
}

#[test]
fn follow_the_definition_at_every_level() {
    at_every_level("families::follow_the_definition");
}
