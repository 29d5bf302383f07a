//! What `slice` takes, of tensors and variables: it compiles, and names the part it says.

use autograd::{Graph, Slice, Tensor};

/// The part of 0, 1, … 6 that each form names, with bare literals and with every type.
macro_rules! parts {
    ($x:expr, $value:expr) => {{
        let x = $x;
        let part = |y| -> Vec<i64> { $value(y) };
        assert_eq!(part(x.slice(0, 2..5)), [2, 3, 4]);
        assert_eq!(part(x.slice(0, 2..=5)), [2, 3, 4, 5]);
        assert_eq!(part(x.slice(0, 5..)), [5, 6]);
        assert_eq!(part(x.slice(0, ..2)), [0, 1]);
        assert_eq!(part(x.slice(0, ..=2)), [0, 1, 2]);
        assert_eq!(part(x.slice(0, ..)), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(part(x.slice(0, 3)), [3]);
        assert_eq!(part(x.slice(0, -1)), [6]);
        assert_eq!(part(x.slice(0, -2..)), [5, 6]);
        assert_eq!(part(x.slice(0, ..-5)), [0, 1]);
        assert_eq!(part(x.slice(0, ..=-6)), [0, 1]);
        assert_eq!(part(x.slice(0, -3..=-2)), [4, 5]);
        assert_eq!(part(x.slice(0, (1, -4))), [1, 2]);
        assert_eq!(part(x.slice(0, 3..3)), []);
        assert_eq!(part(x.slice(-1, Slice::from(0..5).step(-2))), [4, 2, 0]);
        let (a, b) = (2_usize, 4_usize);
        assert_eq!(part(x.slice(0, a..b)), [2, 3]);
        assert_eq!(part(x.slice(0, a..a + 2)), [2, 3]);
        assert_eq!(part(x.slice(0, a..=b)), [2, 3, 4]);
        assert_eq!(part(x.slice(0, a + 3..)), [5, 6]);
        assert_eq!(part(x.slice(0, ..a)), [0, 1]);
        assert_eq!(part(x.slice(0, ..=a)), [0, 1, 2]);
        assert_eq!(part(x.slice(0, (a, b))), [2, 3]);
        assert_eq!(part(x.slice(0, a)), [2]);
        let (a, b) = (-5_isize, -3_isize);
        assert_eq!(part(x.slice(0, a..b)), [2, 3]);
        assert_eq!(part(x.slice(0, a..=b)), [2, 3, 4]);
        assert_eq!(part(x.slice(0, b + 1..)), [5, 6]);
        assert_eq!(part(x.slice(0, ..a)), [0, 1]);
        assert_eq!(part(x.slice(0, ..=a)), [0, 1, 2]);
        assert_eq!(part(x.slice(0, a)), [2]);
        let (a, b) = (2_i32, -3_i32);
        assert_eq!(part(x.slice(0, (a, b))), [2, 3]);
        assert_eq!(part(x.slice(0, a..=a + 1)), [2, 3]);
        assert_eq!(part(x.slice(0, b..)), [4, 5, 6]);
        assert_eq!(part(x.slice(0, ..a)), [0, 1]);
        assert_eq!(part(x.slice(0, ..=a)), [0, 1, 2]);
        assert_eq!(part(x.slice(0, b)), [4]);
    }};
}

#[test]
fn ranges_of_usize_isize_and_i32_and_bare_literals() {
    let x = Tensor::from([0_i64, 1, 2, 3, 4, 5, 6]);
    parts!(&x, |y: Tensor| y.to_vec());
    let graph = Graph::inference();
    parts!(graph.input(x), |y: autograd::Var<'_>| y.value().to_vec());
}

/// Everybody's first loop over mini-batches.
#[test]
fn a_mini_batch_is_a_slice_of_usize() {
    let images = Tensor::arange(0.0, 240.0, 1.0, autograd::DType::F32).reshape([120, 2]);
    let mut seen = vec![];
    for i in (0..100).step_by(50) {
        let batch = images.slice(0, i..i + 50);
        assert_eq!(batch.shape(), [50, 2]);
        seen.extend(batch.to_vec::<f32>());
    }
    assert_eq!(seen, images.slice(0, ..100).to_vec::<f32>());
}
