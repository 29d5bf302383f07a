//! Products of matrices.

use crate::levels::{Digest, at_every_level};
use crate::{Exact, any, cases, numbers};
use tensor::{Rng, Tensor};

/// Rows, terms and columns: around what the matrix unit begins with, few columns, tiles, and parts for threads.
fn sizes(rng: &mut Rng) -> [usize; 3] {
    [
        any(rng, &[1, 2, 3, 4, 5, 11, 12, 13, 31, 64, 65, 255, 256, 257, 300]),
        any(rng, &[1, 2, 16, 17, 63, 64, 65, 100, 127, 128, 256, 513]),
        any(rng, &[1, 2, 3, 7, 8, 9, 10, 12, 13, 15, 16, 17, 31, 33, 48, 63, 64, 65, 130]),
    ]
}

fn check([m, k, n]: [usize; 3], rng: &mut Rng, digest: &mut Digest) {
    let (a, b) = (numbers(&[m, k], rng), numbers(&[k, n], rng));
    let [xs, ys] = [&a, &b].map(|t| t.to_vec::<f32>());
    let mut exact = Exact::zeros(m * n);
    for (row, term) in (0..m * k).map(|at| (at / k, at % k)) {
        for column in 0..n {
            exact.add(row * n + column, f64::from(xs[row * k + term]) * f64::from(ys[term * n + column]));
        }
    }
    let turned = |x: &Tensor| x.t().contiguous().t();
    for (name, a, b) in [
        ("as they are", a.clone(), b.clone()),
        ("the first transposed", turned(&a), b.clone()),
        ("the second transposed", a.clone(), turned(&b)),
    ] {
        let found = a.matmul(&b);
        exact.expect(&found, &(name, [m, k, n]));
        digest.add(&found.to_vec::<f32>());
    }
}

#[test]
fn follows_the_definition() {
    let (count, mut rng) = cases();
    let mut digest = Digest::default();
    for size in [
        [256, 128, 128],
        [256, 64, 256],
        [257, 513, 65],
        [255, 128, 128],
        [256, 63, 300],
        [0, 3, 2],
        [3, 0, 2],
    ] {
        check(size, &mut rng, &mut digest);
    }
    for _ in 0..count {
        check(sizes(&mut rng), &mut rng, &mut digest);
    }
    digest.report();
}

#[test]
fn follows_the_definition_at_every_level() {
    at_every_level("matmul::follows_the_definition");
}
