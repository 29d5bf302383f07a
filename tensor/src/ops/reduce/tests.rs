//! Reductions against what they are defined as.

use super::*;

/// Every set of axes of a shape against sums taken one element at a time.
#[test]
fn every_set_of_axes_sums_the_same_elements() {
    let shape = [3, 1, 4, 5];
    let x = Tensor::arange(0.0, 60.0, 1.0, DType::I64).reshape(shape);
    for mask in 0..16_usize {
        let axes: Vec<isize> = (0..4).filter(|i| mask >> i & 1 == 1).collect();
        let y = x.sum_keepdim(axes.clone());
        let mut expected = Tensor::zeros(y.shape(), DType::I64);
        for (i, value) in x.to_vec::<i64>().into_iter().enumerate() {
            let index = [i / 20, 0, i / 5 % 4, i % 5];
            let cell =
                (0..4).fold(0, |c, a| c * y.shape()[a] + if mask >> a & 1 == 1 { 0 } else { index[a] });
            expected.as_mut_slice::<i64>()[cell] += value;
        }
        assert_eq!(y, expected, "{axes:?}");
    }
}

/// Blocks and pairs, whole and not, of few and many numbers.
#[test]
fn no_row_is_lost_or_added_twice() {
    for inner in [2, 3, 4, 5, 8, 12, 13, 200, 300] {
        for rows in [1, 2, 3, 63, 64, 65, 127, 1_000, 1_025, 5_000] {
            let x = Tensor::arange(0.0, (rows * inner) as f64, 1.0, DType::I64).reshape([rows, inner]);
            let column = |i: usize| (rows * i + inner * (rows * (rows - 1) / 2)) as i64;
            assert_eq!(
                x.sum(0).to_vec::<i64>(),
                (0..inner).map(column).collect::<Vec<_>>(),
                "{rows} x {inner}"
            );
        }
    }
}

#[test]
fn long_sums_are_accurate() {
    let x = Tensor::full([10_000_000], 0.1, DType::F32);
    assert!((x.sum(..).item() - 1_000_000.0).abs() < 10.0);
    let columns = Tensor::full([1_000_000, 3], 0.1, DType::F32).sum(0);
    assert!(columns.to_vec::<f32>().iter().all(|&s| (s - 100_000.0).abs() < 1.0));
}

#[test]
fn argmax_over_several_axes_counts_in_row_major_order() {
    let x = Tensor::from([[[1.0_f32, 7.0], [2.0, 0.0]], [[7.0, 7.0], [9.0, -1.0]]]);
    assert_eq!((x.argmax(..).item(), x.argmin(..).item()), (6.0, 7.0));
    assert_eq!(x.argmax([1, 2]).to_vec::<i64>(), [1, 2]);
    assert_eq!(x.argmax([0, -1]).to_vec::<i64>(), [1, 2]);
    assert_eq!(x.argmax([2, 0]), x.argmax([0, 2]), "the order of the axes is that of the tensor");
    assert_eq!(x.argmin([1, 0]).to_vec::<i64>(), [0, 3]);
}

#[test]
fn a_single_number_is_reduced_over_axis_0_as_in_numpy() {
    let x = Tensor::from(3.0_f32);
    for axis in [0, -1] {
        assert_eq!((x.argmax(axis).item(), x.argmin(axis).item(), x.sum(axis).item()), (0.0, 0.0, 3.0));
    }
    assert_eq!((x.argmax(..).item(), x.mean(..).item()), (0.0, 3.0));
    assert!(reduce_shape("sum", x.shape(), &1.into(), false).is_err());
}

#[test]
fn nan_is_not_lost() {
    let x = Tensor::from([1.0_f32, f32::NAN, 3.0]);
    assert!(x.max(..).item().is_nan() && x.min(..).item().is_nan());
    assert_eq!(x.argmax(0).item(), 1.0);
}

#[test]
fn logsumexp_meets_infinities() {
    let inf = f32::INFINITY;
    let x = Tensor::from([[-inf, -inf], [inf, 0.0], [1000.0, 1000.0]]);
    let y = x.logsumexp(1).to_vec::<f32>();
    assert_eq!(y[..2], [-inf, inf]);
    assert!((y[2] - 1_000.693_1).abs() < 1e-3);
}
